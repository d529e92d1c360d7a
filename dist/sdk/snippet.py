# pip install boto3
import os

import boto3

table = boto3.resource(
    "dynamodb",
    endpoint_url=os.environ.get("HASHRANGE_ENDPOINT", "http://127.0.0.1:8000"),
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
).create_table(
    TableName="python",
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)
table.put_item(Item={"id": "u1", "name": "Ada"})
print(table.get_item(Key={"id": "u1"})["Item"]["name"])
