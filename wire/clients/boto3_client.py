"""boto3: the resource interface with its own types and conditions, paginators, waiters, errors, streams."""

import os
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary

endpoint = {"endpoint_url": os.environ["ENDPOINT"]}
resource = boto3.resource("dynamodb", **endpoint)
client = boto3.client("dynamodb", **endpoint)

table = resource.create_table(
    TableName="music",
    KeySchema=[{"AttributeName": "artist", "KeyType": "HASH"}, {"AttributeName": "song", "KeyType": "RANGE"}],
    AttributeDefinitions=[
        {"AttributeName": "artist", "AttributeType": "S"},
        {"AttributeName": "song", "AttributeType": "S"},
        {"AttributeName": "plays", "AttributeType": "N"},
    ],
    LocalSecondaryIndexes=[{
        "IndexName": "by_plays",
        "KeySchema": [{"AttributeName": "artist", "KeyType": "HASH"}, {"AttributeName": "plays", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }],
    BillingMode="PAY_PER_REQUEST",
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
)
table.wait_until_exists()

item = {
    "artist": "a1", "song": "s001", "plays": Decimal("12345678901234567890.123456789012345678"), "raw": b"\x00\xff",
    "tags": {"x", "y"}, "numbers": {Decimal(1), Decimal("2.5")}, "list": [1, None, True, {"k": "v"}], "empty": "",
}
with table.batch_writer() as batch:
    for n in range(250):
        batch.put_item(Item={**item, "artist": f"a{n % 5}", "song": f"s{n:03}", "plays": n})
table.put_item(Item=item)
read = table.get_item(Key={"artist": "a1", "song": "s001"}, ConsistentRead=True)["Item"]
assert read == {**item, "raw": Binary(b"\x00\xff"), "list": [Decimal(1), None, True, {"k": "v"}]}, read

found = table.query(
    KeyConditionExpression=Key("artist").eq("a2") & Key("song").between("s000", "s020"),
    FilterExpression=Attr("plays").gt(5) & Attr("tags").contains("x"),
)
assert [entry["song"] for entry in found["Items"]] == ["s007", "s012", "s017"], found
most = table.query(IndexName="by_plays", KeyConditionExpression=Key("artist").eq("a3"), ScanIndexForward=False, Limit=1)
assert most["Items"] == [{"artist": "a3", "song": "s248", "plays": Decimal(248)}], most
pages = list(client.get_paginator("scan").paginate(TableName="music", PaginationConfig={"PageSize": 33}))
assert sum(page["Count"] for page in pages) == 250 and len(pages) >= 8, len(pages)

updated = table.update_item(
    Key={"artist": "a0", "song": "s000"}, UpdateExpression="SET plays = plays + :one REMOVE tags",
    ExpressionAttributeValues={":one": 1}, ReturnValues="ALL_NEW",
)["Attributes"]
assert updated["plays"] == 1 and "tags" not in updated, updated
try:
    table.put_item(Item=item, ConditionExpression=Attr("artist").not_exists(), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    raise AssertionError("the condition held")
except client.exceptions.ConditionalCheckFailedException as error:
    assert error.response["Item"]["song"] == {"S": "s001"}, error.response
try:
    check = {"TableName": "music", "Key": {"artist": {"S": "zz"}, "song": {"S": "zz"}},
             "ConditionExpression": "attribute_exists(artist)"}
    client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    raise AssertionError("the transaction went through")
except client.exceptions.TransactionCanceledException as error:
    assert error.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed", error.response

# PartiQL, after the writes that the stream below has counted: only reads and what is undone at once.
select = "SELECT song FROM music WHERE artist = ? AND begins_with(song, 's00')"
found = client.execute_statement(Statement=select, Parameters=[{"S": "a2"}], Limit=1)
songs = [entry["song"]["S"] for entry in found["Items"]]
while "NextToken" in found:
    found = client.execute_statement(Statement=select, Parameters=[{"S": "a2"}], NextToken=found["NextToken"])
    songs += [entry["song"]["S"] for entry in found["Items"]]
assert songs == ["s002", "s007"], songs
both = client.batch_execute_statement(Statements=[
    {"Statement": "SELECT * FROM music WHERE artist = 'a1' AND song = 's001'"},
    {"Statement": "SELECT * FROM music WHERE artist = 'a1'"},
])["Responses"]
assert both[0]["Item"]["song"] == {"S": "s001"} and both[1]["Error"]["Code"] == "ValidationError", both
try:
    client.execute_statement(Statement="INSERT INTO music VALUE {'artist': 'a1', 'song': 's001'}")
    raise AssertionError("the insert went through")
except client.exceptions.DuplicateItemException:
    pass
try:
    client.execute_transaction(TransactStatements=[
        {"Statement": "EXISTS(SELECT * FROM music WHERE artist = 'a1' AND song = 's001' AND plays < 0)"},
        {"Statement": "INSERT INTO music VALUE {'artist': 'zz', 'song': 'zz'}"},
    ])
    raise AssertionError("the transaction went through")
except client.exceptions.TransactionCanceledException as error:
    assert error.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed", error.response

streams = boto3.client("dynamodbstreams", **endpoint)
arn = streams.list_streams(TableName="music")["Streams"][0]["StreamArn"]
records = []
for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records += streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
assert len(records) == 252, len(records)
assert {record["eventName"] for record in records} == {"INSERT", "MODIFY"}

client.update_time_to_live(TableName="music", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
client.tag_resource(ResourceArn=table.table_arn, Tags=[{"Key": "team", "Value": "records"}])
assert client.list_tags_of_resource(ResourceArn=table.table_arn)["Tags"] == [{"Key": "team", "Value": "records"}]
table.delete()
table.wait_until_not_exists()
assert client.list_tables()["TableNames"] == []
