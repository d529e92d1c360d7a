"""boto3 against a server that enforces throughput: its default retries ride out a throttle; without them it decodes why."""

import os
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

server = subprocess.Popen(
    [os.environ["HASHRANGE"], "serve", "--in-memory", "--enforce-capacity", "--port", "0"], stdout=subprocess.PIPE, text=True
)
try:
    endpoint = {"endpoint_url": server.stdout.readline().split()[-1]}
    client = boto3.client("dynamodb", **endpoint)
    impatient = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}), **endpoint)

    def create(name, **billing):
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            **billing,
        )
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})

    create("slow", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
    item = lambda n: {"pk": {"S": f"k{n}"}}

    # Refused at once without retries, with the reason and the table.
    try:
        for n in range(100):
            impatient.put_item(TableName="slow", Item=item(n))
        raise AssertionError("100 puts passed at 5 units a second")
    except client.exceptions.ProvisionedThroughputExceededException as error:
        reasons = error.response["ThrottlingReasons"]
        assert [reason["reason"] for reason in reasons] == ["TableWriteProvisionedThroughputExceeded"], reasons
        assert reasons[0]["resource"].endswith(":table/slow"), reasons

    # With the default retries all of 20 puts pass, at the pace of the table.
    begin = time.monotonic()
    for n in range(20):
        client.put_item(TableName="slow", Item=item(n))
    took = time.monotonic() - begin
    assert took > 2.5, took

    # A batch gives back what it could not do, and the batch writer sends it again.
    left = impatient.batch_write_item(RequestItems={"slow": [{"PutRequest": {"Item": item(n)}} for n in range(25)]})
    assert left["UnprocessedItems"]["slow"], left
    time.sleep(1)
    with boto3.resource("dynamodb", **endpoint).Table("slow").batch_writer() as batch:
        for n in range(10):
            batch.put_item(Item={"pk": f"b{n}"})
    assert client.describe_table(TableName="slow")["Table"]["ItemCount"] >= 10

    # On demand, one key has the throughput of one partition.
    create("demand", BillingMode="PAY_PER_REQUEST")
    try:
        for _ in range(50):
            impatient.put_item(TableName="demand", Item={"pk": {"S": "hot"}, "v": {"S": "x" * 400_000}})
        raise AssertionError("50 puts of 391 units passed at 1,000 units a second")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ThrottlingException", error
        reasons = error.response["throttlingReasons"]
        assert reasons[0]["reason"] == "TableWriteKeyRangeThroughputExceeded", reasons
    client.put_item(TableName="demand", Item={"pk": {"S": "hot"}})

    limits = client.describe_limits()
    assert limits["TableMaxReadCapacityUnits"] == 40_000, limits
    print("boto3 rides out a throttle")
finally:
    server.terminate()
    server.wait()
