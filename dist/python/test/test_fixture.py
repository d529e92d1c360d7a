"""Runs in a fresh folder with the packed wheel installed."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import hashrange
import pytest

TABLE = {
    "TableName": "users",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def test_boto3_finds_the_server_of_the_run(hashrange_server):
    client = boto3.client("dynamodb")
    client.create_table(**TABLE)
    client.put_item(TableName="users", Item={"id": {"S": "u1"}})
    assert boto3.resource("dynamodb").Table("users").get_item(Key={"id": "u1"})["Item"] == {"id": "u1"}


def test_a_fresh_server_is_empty(hashrange_server, fresh_hashrange_server):
    assert fresh_hashrange_server.endpoint != hashrange_server.endpoint
    assert boto3.client("dynamodb", **fresh_hashrange_server.client_config()).list_tables()["TableNames"] == []


def test_a_folder_keeps_what_a_server_before_wrote(tmp_path):
    for expected in [[], ["users"]]:
        with hashrange.start_server(data_dir=tmp_path / "data") as server:
            client = boto3.client("dynamodb", **server.client_config())
            assert client.list_tables()["TableNames"] == expected
            if not expected:
                client.create_table(**TABLE)


def test_what_the_server_says_is_in_the_error():
    with pytest.raises(hashrange.ServerError, match="status 2.*--nonsense"):
        hashrange.start_server(args=["--nonsense"])


def test_a_server_ends_with_a_process_that_is_killed():
    script = "import hashrange, time; print(hashrange.start_server().endpoint, flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    endpoint = child.stdout.readline().strip()
    assert urllib.request.urlopen(endpoint).status == 200
    os.kill(child.pid, signal.SIGKILL)
    for _ in range(100):
        try:
            urllib.request.urlopen(endpoint)
        except (urllib.error.URLError, ConnectionError):
            return
        time.sleep(0.05)
    raise AssertionError("the server outlives its process")
