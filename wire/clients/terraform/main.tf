# Every resource on DynamoDB of the AWS provider whose feature exists here, in three editions of the configuration: the second
# takes the protection away, which the service wants in a request of its own; in the third all settings change in place, an
# index goes and another one comes.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {
  type = string
}

variable "sts" {
  type = string
}

variable "edition" {
  type = number
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    dynamodb = var.endpoint
    sts      = var.sts
  }
}

locals {
  changed = var.edition == 3
  indexes = local.changed ? { by_total = ["total", "status"] } : { by_status = ["status", "total"] }
}

resource "aws_dynamodb_table" "orders" {
  name                        = "orders"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "cust"
  range_key                   = "order"
  table_class                 = local.changed ? "STANDARD" : "STANDARD_INFREQUENT_ACCESS"
  deletion_protection_enabled = var.edition == 1
  stream_enabled              = true
  stream_view_type            = local.changed ? "KEYS_ONLY" : "NEW_AND_OLD_IMAGES"

  dynamic "attribute" {
    for_each = { cust = "S", order = "S", status = "S", total = "N" }
    content {
      name = attribute.key
      type = attribute.value
    }
  }
  dynamic "global_secondary_index" {
    for_each = local.indexes
    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value[0]
      range_key          = global_secondary_index.value[1]
      projection_type    = "INCLUDE"
      non_key_attributes = ["note"]
      on_demand_throughput {
        max_read_request_units  = 20
        max_write_request_units = 30
      }
    }
  }
  local_secondary_index {
    name            = "by_order_total"
    range_key       = "total"
    projection_type = "ALL"
  }
  on_demand_throughput {
    max_read_request_units  = local.changed ? 300 : 100
    max_write_request_units = 200
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/7a0d9c4e-0000-4000-8000-00000000000${local.changed ? 2 : 1}"
  }
  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = local.changed ? 14 : 7
  }
  ttl {
    enabled        = !local.changed
    attribute_name = "expires"
  }
  tags = local.changed ? { team = "shop", owner = "b" } : { team = "shop", stage = "test" }
}

resource "aws_dynamodb_contributor_insights" "table" {
  table_name = aws_dynamodb_table.orders.name
}

resource "aws_dynamodb_contributor_insights" "index" {
  for_each   = local.indexes
  table_name = aws_dynamodb_table.orders.name
  index_name = each.key
}

resource "aws_dynamodb_kinesis_streaming_destination" "changes" {
  table_name                               = aws_dynamodb_table.orders.name
  stream_arn                               = "arn:aws:kinesis:us-east-1:000000000000:stream/changes"
  approximate_creation_date_time_precision = local.changed ? "MILLISECOND" : "MICROSECOND"
}

resource "aws_dynamodb_resource_policy" "table" {
  resource_arn = aws_dynamodb_table.orders.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "no"
      Effect    = "Deny"
      Principal = "*"
      Action    = local.changed ? ["dynamodb:Scan", "dynamodb:Query"] : ["dynamodb:Scan"]
      Resource  = "*"
    }]
  })
}

resource "aws_dynamodb_table_item" "one" {
  table_name = aws_dynamodb_table.orders.name
  hash_key   = aws_dynamodb_table.orders.hash_key
  range_key  = aws_dynamodb_table.orders.range_key
  item = jsonencode({
    cust  = { S = "c" }
    order = { S = "o" }
    total = { N = local.changed ? "2" : "1.5" }
    tags  = { SS = ["a", "b"] }
  })
}

# Provisioned first, by request afterwards; with a tag that is a resource of its own.
resource "aws_dynamodb_table" "small" {
  name           = "small"
  billing_mode   = local.changed ? "PAY_PER_REQUEST" : "PROVISIONED"
  read_capacity  = local.changed ? null : 5
  write_capacity = local.changed ? null : 6
  hash_key       = "id"
  attribute {
    name = "id"
    type = "B"
  }
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_dynamodb_tag" "small" {
  resource_arn = aws_dynamodb_table.small.arn
  key          = "k"
  value        = local.changed ? "w" : "v"
}

data "aws_dynamodb_table" "orders" {
  name = aws_dynamodb_table.orders.name
}

data "aws_dynamodb_table_item" "one" {
  table_name = aws_dynamodb_table.orders.name
  key        = jsonencode({ cust = { S = "c" }, order = { S = "o" } })
  depends_on = [aws_dynamodb_table_item.one]
}
