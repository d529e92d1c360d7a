"""boto3 against a server with faults on demand: its retries ride out errors, throttles, lost answers and timeouts."""

import json
import os
import signal
import subprocess
import tempfile
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

rules = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)


def write(model):
    with open(rules.name, "w") as file:
        json.dump(model, file)


write({})
server = subprocess.Popen(
    [os.environ["HASHRANGE"], "serve", "--in-memory", "--port", "0", "--faults", rules.name, "--log", "info"],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
)
try:
    endpoint = {"endpoint_url": server.stdout.readline().split()[-1]}

    def client(attempts, mode="standard", timeout=60):
        retries = {"total_max_attempts": attempts, "mode": mode}
        return boto3.client("dynamodb", config=Config(retries=retries, read_timeout=timeout), **endpoint)

    patient, impatient = client(6), client(1)

    def faults(*rules_now):
        """Replaces the rules, and waits until the server says that it read them."""
        write({"seed": 7, "rules": list(rules_now)})
        server.send_signal(signal.SIGHUP)
        while "read again" not in (line := server.stderr.readline()):
            assert line and "stay as they were" not in line, line

    impatient.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    put = lambda client, pk, **more: client.put_item(TableName="orders", Item={"pk": {"S": pk}}, **more)
    get = lambda client, pk: client.get_item(TableName="orders", Key={"pk": {"S": pk}})

    # Each error in the shape that boto3 decodes, and attempts again.
    for fault, status in [
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 400),
    ]:
        faults({"operations": ["PutItem"], "fault": fault, "times": 3})
        try:
            put(impatient, "a")
            raise AssertionError(f"{fault} did not strike")
        except ClientError as error:
            assert error.response["Error"]["Code"] == fault, error
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
        answer = put(patient, "a")
        assert answer["ResponseMetadata"]["RetryAttempts"] == 2, answer
    print("errors were attempted again: 2 retries each")

    # A closed connection did nothing; a lost answer did its work, so that the retry meets a condition.
    faults({"operations": ["PutItem"], "fault": "ConnectionClosed", "times": 1})
    try:
        put(impatient, "closed")
        raise AssertionError("the connection was not closed")
    except ConnectionClosedError:
        assert "Item" not in get(impatient, "closed")
    faults({"operations": ["PutItem"], "fault": "AnswerLost", "times": 1})
    try:
        put(patient, "lost", ConditionExpression="attribute_not_exists(pk)")
        raise AssertionError("the answer was not lost")
    except patient.exceptions.ConditionalCheckFailedException as error:
        assert error.response["ResponseMetadata"]["RetryAttempts"] == 1, error
    assert "Item" in get(impatient, "lost")

    # A delay that is longer than the client waits is a timeout.
    faults({"operations": ["GetItem"], "delay": {"fixed_millis": 2000}, "times": 2})
    try:
        get(client(1, timeout=1), "a")
        raise AssertionError("no timeout")
    except ReadTimeoutError:
        pass
    assert get(client(2, timeout=1), "a")["ResponseMetadata"]["RetryAttempts"] == 1

    # One hot key: its item comes back from the batch, the others are done.
    faults({"key_prefix": "hot", "fault": "ThrottlingException", "times": 1})
    items = [{"PutRequest": {"Item": {"pk": {"S": pk}}}} for pk in ["cold", "hot", "warm"]]
    left = impatient.batch_write_item(RequestItems={"orders": items})["UnprocessedItems"]
    assert left == {"orders": [items[1]]}, left

    # A file that is wrong changes nothing.
    faults({"operations": ["DescribeTable"], "rate": 1, "fault": "InternalServerError"})
    write({"rules": [{"rate": 7, "fault": "InternalServerError"}]})
    server.send_signal(signal.SIGHUP)
    while "stay as they were" not in (line := server.stderr.readline()):
        assert line
    assert "faults.rules[0].rate" in line, line
    try:
        impatient.describe_table(TableName="orders")
        raise AssertionError("the rules were lost")
    except impatient.exceptions.InternalServerError:
        pass
    print("boto3 rides out faults")
finally:
    server.terminate()
    server.wait()
    os.unlink(rules.name)
