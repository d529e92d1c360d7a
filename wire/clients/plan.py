"""The round trip of infrastructure tools, by the calls that Terraform's AWS provider makes for a table: what was asked for is
applied, everything is read back as the provider reads it, and the difference has to be empty. Then each setting is changed, and
the difference to the new configuration has to be empty again.

It needs boto3 only; `terraform.sh` does the same with Terraform and its provider, where they are installed.
"""

import json
import os

import boto3

client = boto3.client("dynamodb", endpoint_url=os.environ["ENDPOINT"])
ACCOUNT = "arn:aws:dynamodb:us-east-1:000000000000"
KEY = "arn:aws:kms:us-east-1:000000000000:key/7a0d9c4e-0000-4000-8000-000000000001"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/changes"


def policy(action):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}],
    }


FIRST = {
    "name": "orders",
    "billing_mode": "PAY_PER_REQUEST",
    "hash_key": "cust",
    "range_key": "order",
    "attributes": {"cust": "S", "order": "S", "status": "S", "total": "N"},
    "global_secondary_index": {
        "by_status": {
            "hash_key": "status", "range_key": "total", "projection_type": "INCLUDE", "non_key_attributes": ["cust"],
            "read_capacity": 0, "write_capacity": 0, "on_demand_throughput": {"max_read": 20, "max_write": 30},
        },
    },
    "local_secondary_index": {"by_total": {"range_key": "total", "projection_type": "ALL"}},
    "read_capacity": 0,
    "write_capacity": 0,
    "on_demand_throughput": {"max_read": 100, "max_write": 200},
    "warm_throughput": {"read": 13000, "write": 5000},
    "table_class": "STANDARD_INFREQUENT_ACCESS",
    "deletion_protection_enabled": True,
    "server_side_encryption": {"enabled": True, "kms_key_arn": KEY},
    "stream_enabled": True,
    "stream_view_type": "NEW_AND_OLD_IMAGES",
    "tags": {"team": "shop", "stage": "test"},
    "ttl": {"enabled": True, "attribute_name": "expires"},
    "point_in_time_recovery": {"enabled": True, "recovery_period_in_days": 7},
    "contributor_insights": {"": "ACCESSED_AND_THROTTLED_KEYS", "by_status": "THROTTLED_KEYS"},
    "resource_policy": policy("dynamodb:Scan"),
    "kinesis_streaming_destination": {STREAM: "MICROSECOND"},
}


def schema(*keys):
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE")) if key]


def projection(index):
    made = {"ProjectionType": index["projection_type"]}
    if "non_key_attributes" in index:
        made["NonKeyAttributes"] = index["non_key_attributes"]
    return made


def caps(limits):
    return {"MaxReadRequestUnits": limits["max_read"], "MaxWriteRequestUnits": limits["max_write"]}


def create(want):
    """`aws_dynamodb_table`'s create: one CreateTable, then what it cannot say."""
    client.create_table(
        TableName=want["name"], BillingMode=want["billing_mode"], KeySchema=schema(want["hash_key"], want["range_key"]),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in want["attributes"].items()],
        GlobalSecondaryIndexes=[{
            "IndexName": name, "KeySchema": schema(index["hash_key"], index["range_key"]), "Projection": projection(index),
            "OnDemandThroughput": caps(index["on_demand_throughput"]),
        } for name, index in want["global_secondary_index"].items()],
        LocalSecondaryIndexes=[{
            "IndexName": name, "KeySchema": schema(want["hash_key"], index["range_key"]), "Projection": projection(index),
        } for name, index in want["local_secondary_index"].items()],
        OnDemandThroughput=caps(want["on_demand_throughput"]),
        WarmThroughput={"ReadUnitsPerSecond": want["warm_throughput"]["read"],
                        "WriteUnitsPerSecond": want["warm_throughput"]["write"]},
        TableClass=want["table_class"], DeletionProtectionEnabled=want["deletion_protection_enabled"],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": want["server_side_encryption"]["kms_key_arn"]},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": want["stream_view_type"]},
        Tags=[{"Key": key, "Value": value} for key, value in want["tags"].items()],
    )
    client.get_waiter("table_exists").wait(TableName=want["name"])
    settle(want)


def settle(want):
    """What has operations of its own, on the way there and on every change."""
    table = want["name"]
    arn = f"{ACCOUNT}:table/{table}"
    have = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if (have["TimeToLiveStatus"] in ("ENABLED", "ENABLING")) != want["ttl"]["enabled"]:
        client.update_time_to_live(TableName=table, TimeToLiveSpecification={
            "Enabled": want["ttl"]["enabled"], "AttributeName": want["ttl"]["attribute_name"]})
    recovery = {"PointInTimeRecoveryEnabled": want["point_in_time_recovery"]["enabled"]}
    if recovery["PointInTimeRecoveryEnabled"]:
        recovery["RecoveryPeriodInDays"] = want["point_in_time_recovery"]["recovery_period_in_days"]
    client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    known = insights(table)
    for index, mode in want["contributor_insights"].items():
        named = {"IndexName": index} if index else {}
        client.update_contributor_insights(
            TableName=table, ContributorInsightsAction="ENABLE", ContributorInsightsMode=mode, **named)
    for index in known.keys() - want["contributor_insights"].keys():
        named = {"IndexName": index} if index else {}
        client.update_contributor_insights(TableName=table, ContributorInsightsAction="DISABLE", **named)
    client.put_resource_policy(ResourceArn=arn, Policy=json.dumps(want["resource_policy"]))
    have = destinations(table)
    for stream in have.keys() - want["kinesis_streaming_destination"].keys():
        client.disable_kinesis_streaming_destination(TableName=table, StreamArn=stream)
    for stream, precision in want["kinesis_streaming_destination"].items():
        if stream not in have:
            client.enable_kinesis_streaming_destination(TableName=table, StreamArn=stream, EnableKinesisStreamingConfiguration={
                "ApproximateCreationDateTimePrecision": precision})


def insights(table):
    pages = client.get_paginator("list_contributor_insights").paginate(TableName=table) if client.can_paginate(
        "list_contributor_insights") else [client.list_contributor_insights(TableName=table)]
    return {
        summary.get("IndexName", ""): summary["ContributorInsightsMode"]
        for page in pages for summary in page["ContributorInsightsSummaries"]
        if summary["ContributorInsightsStatus"] in ("ENABLING", "ENABLED")
    }


def destinations(table):
    answer = client.describe_kinesis_streaming_destination(TableName=table)
    return {
        each["StreamArn"]: each.get("ApproximateCreationDateTimePrecision")
        for each in answer["KinesisDataStreamDestinations"] if each["DestinationStatus"] == "ACTIVE"
    }


def limits(described):
    found = described.get("OnDemandThroughput", {})
    return {"max_read": found.get("MaxReadRequestUnits", -1), "max_write": found.get("MaxWriteRequestUnits", -1)}


def read(name):
    """The provider's refresh: everything into the form of the configuration."""
    table = client.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE", table
    keys = {element["KeyType"]: element["AttributeName"] for element in table["KeySchema"]}

    def index(described):
        of = {element["KeyType"]: element["AttributeName"] for element in described["KeySchema"]}
        made = {"range_key": of.get("RANGE"), "projection_type": described["Projection"]["ProjectionType"]}
        if "NonKeyAttributes" in described["Projection"]:
            made["non_key_attributes"] = described["Projection"]["NonKeyAttributes"]
        if "ProvisionedThroughput" in described:
            made["hash_key"] = of["HASH"]
            made["read_capacity"] = described["ProvisionedThroughput"]["ReadCapacityUnits"]
            made["write_capacity"] = described["ProvisionedThroughput"]["WriteCapacityUnits"]
            made["on_demand_throughput"] = limits(described)
        return made

    sse = table.get("SSEDescription", {})
    stream = table.get("StreamSpecification", {})
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    recovery = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"][
        "PointInTimeRecoveryDescription"]
    tags = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=table["TableArn"])
    return {
        "name": table["TableName"],
        "billing_mode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "attributes": {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]},
        "global_secondary_index": {each["IndexName"]: index(each) for each in table.get("GlobalSecondaryIndexes", [])},
        "local_secondary_index": {each["IndexName"]: index(each) for each in table.get("LocalSecondaryIndexes", [])},
        "read_capacity": table["ProvisionedThroughput"]["ReadCapacityUnits"],
        "write_capacity": table["ProvisionedThroughput"]["WriteCapacityUnits"],
        "on_demand_throughput": limits(table),
        "warm_throughput": {"read": table["WarmThroughput"]["ReadUnitsPerSecond"],
                            "write": table["WarmThroughput"]["WriteUnitsPerSecond"]},
        "table_class": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "deletion_protection_enabled": table["DeletionProtectionEnabled"],
        "server_side_encryption": {"enabled": sse.get("Status") == "ENABLED", "kms_key_arn": sse.get("KMSMasterKeyArn")},
        "stream_enabled": stream.get("StreamEnabled", False),
        "stream_view_type": stream.get("StreamViewType"),
        "tags": {tag["Key"]: tag["Value"] for page in tags for tag in page["Tags"]},
        "ttl": {"enabled": ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"), "attribute_name": ttl.get("AttributeName")},
        "point_in_time_recovery": {"enabled": recovery["PointInTimeRecoveryStatus"] == "ENABLED",
                                   "recovery_period_in_days": recovery.get("RecoveryPeriodInDays")},
        "contributor_insights": insights(name),
        "resource_policy": json.loads(client.get_resource_policy(ResourceArn=table["TableArn"])["Policy"]),
        "kinesis_streaming_destination": destinations(name),
    }


def plan(want):
    """What would be changed: nothing."""
    have = read(want["name"])
    different = {name: (have[name], want[name]) for name in want if have[name] != want[name]}
    assert not different, f"the plan is not empty: {json.dumps(different, indent=2)}"


create(FIRST)
plan(FIRST)

# One change after another, each by the calls of the provider's update; nothing else may move.
want = json.loads(json.dumps(FIRST))
change = {"TableName": want["name"]}
for members, call in [
    ({"table_class": "STANDARD"}, {"TableClass": "STANDARD"}),
    ({"deletion_protection_enabled": False}, {"DeletionProtectionEnabled": False}),
    ({"server_side_encryption": {"enabled": False, "kms_key_arn": None}}, {"SSESpecification": {"Enabled": False}}),
    ({"stream_enabled": False, "stream_view_type": None}, {"StreamSpecification": {"StreamEnabled": False}}),
    ({"on_demand_throughput": {"max_read": -1, "max_write": 300}},
     {"OnDemandThroughput": {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 300}}),
    ({"warm_throughput": {"read": 14000, "write": 5000}},
     {"WarmThroughput": {"ReadUnitsPerSecond": 14000, "WriteUnitsPerSecond": 5000}}),
]:
    client.update_table(**change, **call)
    want.update(members)
    plan(want)
for members in [
    {"ttl": {"enabled": False, "attribute_name": "expires"}},
    {"point_in_time_recovery": {"enabled": False, "recovery_period_in_days": None}},
    {"contributor_insights": {"": "THROTTLED_KEYS"}},
    {"resource_policy": policy("dynamodb:Query")},
    {"kinesis_streaming_destination": {}},
]:
    want.update(members)
    settle(want)
    if not want["ttl"]["enabled"]:
        want["ttl"]["attribute_name"] = None
    plan(want)
    want["ttl"]["attribute_name"] = "expires"
client.delete_table(TableName=want["name"])
client.get_waiter("table_not_exists").wait(TableName=want["name"])
print("every plan was empty")
