"""Starts a container of an image, writes an item and reads it."""

import sys

import boto3
from hashrange_testcontainer import HashrangeContainer

with HashrangeContainer(sys.argv[1]) as server:
    table = boto3.resource("dynamodb", **server.get_client_config()).create_table(
        TableName="things",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    table.put_item(Item={"id": "u1", "name": "Ada"})
    print(table.get_item(Key={"id": "u1"})["Item"]["name"])
