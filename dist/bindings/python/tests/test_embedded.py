"""boto3's own clients, resources and sessions on a database of this process; sockets are forbidden."""

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import boto3
import hashrange_embedded
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

TABLE = {
    "TableName": "orders",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}
# `dist/bindings/check --debug` builds doors for what a test cannot bring about otherwise.
planted = pytest.mark.skipif("HASHRANGE_PLANTED" not in os.environ, reason="needs dist/bindings/check --debug")


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def db():
    with hashrange_embedded.Database() as db:
        yield db


def test_items_conditions_and_queries(db):
    table = hashrange_embedded.resource(db).create_table(**TABLE)
    table.wait_until_exists()
    for n in range(5):
        table.put_item(Item={"pk": "a", "n": n, "blob": b"\x00\xff", "tags": {"x", "y"}})
    found = table.query(KeyConditionExpression=Key("pk").eq("a") & Key("n").gte(3))["Items"]
    assert [item["n"] for item in found] == [3, 4]
    assert found[0]["tags"] == {"x", "y"} and bytes(found[0]["blob"]) == b"\x00\xff"
    with pytest.raises(ClientError) as refused:
        table.put_item(Item={"pk": "a", "n": 1}, ConditionExpression=Attr("pk").not_exists())
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    client = hashrange_embedded.client(db)
    pages = client.get_paginator("scan").paginate(TableName="orders", PaginationConfig={"PageSize": 2})
    assert len([item for page in pages for item in page["Items"]]) == 5
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table(TableName="nothing")


def test_answers_have_what_clients_look_at(db):
    answer = hashrange_embedded.client(db).list_tables()["ResponseMetadata"]
    assert answer["HTTPStatusCode"] == 200 and answer["RetryAttempts"] == 0
    assert answer["RequestId"] and answer["HTTPHeaders"]["x-amz-crc32"]


def test_batches_and_transactions(db):
    table = hashrange_embedded.resource(db).create_table(**TABLE)
    with table.batch_writer() as batch:
        for n in range(60):
            batch.put_item(Item={"pk": "b", "n": n})
    assert table.query(KeyConditionExpression=Key("pk").eq("b"), Select="COUNT")["Count"] == 60
    client = hashrange_embedded.client(db)
    put = {"Put": {"TableName": "orders", "Item": {"pk": {"S": "t"}, "n": {"N": "1"}}}}
    check = {
        "ConditionCheck": {
            "TableName": "orders",
            "Key": {"pk": {"S": "b"}, "n": {"N": "0"}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }
    with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
        client.transact_write_items(TransactItems=[put, check])
    reasons = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    assert "Item" not in table.get_item(Key={"pk": "t", "n": 1})
    answer = client.execute_statement(Statement="SELECT n FROM orders WHERE pk = 'b' AND n = 7")
    assert answer["Items"] == [{"n": {"N": "7"}}]


def test_streams(db):
    arn = hashrange_embedded.client(db).create_table(**TABLE)["TableDescription"]["LatestStreamArn"]
    hashrange_embedded.resource(db).Table("orders").put_item(Item={"pk": "a", "n": 1})
    streams = hashrange_embedded.client(db, "dynamodbstreams")
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    records = []
    for shard in shards:
        begin = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records += streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]
    assert [record["eventName"] for record in records] == ["INSERT"]


def test_a_session_and_a_client_that_were_there(db, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    hashrange_embedded.session(db).client("dynamodb").create_table(**TABLE)
    assert hashrange_embedded.session(db).resource("dynamodb").Table("orders").table_status == "ACTIVE"
    ready = boto3.client("dynamodb", region_name="eu-west-1")
    hashrange_embedded.attach(ready, db)
    assert ready.list_tables()["TableNames"] == ["orders"]
    with pytest.raises(ValueError):
        hashrange_embedded.client(db, "s3")
    # Another service's requests are not answered: they would go out, which is forbidden here.
    with pytest.raises(Exception) as out:
        s3 = hashrange_embedded.session(db).client("s3", config=boto3.session.Config(retries={"total_max_attempts": 1}))
        s3.list_buckets()
    assert "a socket was opened" in str(out.value)


def test_a_folder_is_kept_and_opened_once(tmp_path):
    folder = tmp_path / "data"
    with hashrange_embedded.Database(folder, durability="buffered") as db:
        hashrange_embedded.client(db).create_table(**TABLE)
        with pytest.raises(hashrange_embedded.DatabaseError) as locked:
            hashrange_embedded.Database(folder)
        assert locked.value.code == "DatabaseLocked"
    db.close()
    with pytest.raises(hashrange_embedded.DatabaseError) as closed:
        db.handle("DynamoDB_20120810.ListTables", b"{}")
    assert closed.value.code == "DatabaseClosed"
    with pytest.raises(hashrange_embedded.DatabaseError):
        hashrange_embedded.client(db).list_tables()
    # Without a close, the folder is free when nothing refers to the database.
    again = hashrange_embedded.Database(str(folder))
    assert hashrange_embedded.client(again).list_tables()["TableNames"] == ["orders"]
    del again
    gc.collect()
    hashrange_embedded.Database(folder).close()


def test_settings_that_are_wrong(tmp_path):
    with pytest.raises(hashrange_embedded.DatabaseError) as wrong:
        hashrange_embedded.Database(durability="eventual")
    assert "sync or buffered" in str(wrong.value)
    with pytest.raises(hashrange_embedded.DatabaseError) as no_folder:
        hashrange_embedded.Database("/dev/null/nothing")
    assert no_folder.value.code == "IoError"
    with pytest.raises(TypeError):
        hashrange_embedded.Database(clock=datetime(2026, 1, 1))  # of no time zone
    with hashrange_embedded.Database() as db, pytest.raises(hashrange_embedded.DatabaseError):
        db.advance(timedelta(hours=1))


def test_a_copy_with_a_clock_of_its_hand():
    begin = datetime(2027, 1, 15, 8, tzinfo=timezone.utc)
    with hashrange_embedded.Database(clock=begin) as db:
        table = hashrange_embedded.resource(db).create_table(**TABLE)
        assert table.creation_date_time == begin
        table.meta.client.update_time_to_live(
            TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
        )
        table.put_item(Item={"pk": "a", "n": 1, "until": int(begin.timestamp()) + 3600})
        with db.fork() as copy:
            copied = hashrange_embedded.resource(copy).Table("orders")
            copy.advance(timedelta(hours=2))
            copy.sweep_now()  # background work may have been there first
            db.sweep_now()  # its own clock has not moved
            assert copied.scan()["Count"] == 0 and table.scan()["Count"] == 1


def test_threads_count_together(db):
    table = hashrange_embedded.resource(db).create_table(**TABLE)

    def add():
        for _ in range(50):
            table.update_item(Key={"pk": "a", "n": 0}, UpdateExpression="ADD c :1", ExpressionAttributeValues={":1": 1})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table.get_item(Key={"pk": "a", "n": 0})["Item"]["c"] == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_neither_uses_nor_harms_the_parents_database(tmp_path):
    program = """
import os, sys, hashrange_embedded
db = hashrange_embedded.Database(sys.argv[1])
client = hashrange_embedded.client(db)
client.create_table(TableName="kept", BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}])
child = os.fork()
if child == 0:
    try:
        client.put_item(TableName="kept", Item={"k": {"S": "child"}})
    except hashrange_embedded.DatabaseError as error:
        sys.exit(7 if error.code == "DatabaseForked" else 1)   # an ordinary end, which drops what there is
    sys.exit(2)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
client.put_item(TableName="kept", Item={"k": {"S": "parent"}})
db.close()
with hashrange_embedded.Database(sys.argv[1]) as db:
    print(status, [item["k"]["S"] for item in hashrange_embedded.client(db).scan(TableName="kept")["Items"]])
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "data")], capture_output=True, text=True, timeout=60)
    assert done.stdout == "7 ['parent']\n", done.stderr


@planted
def test_a_panic_inside_is_an_ordinary_exception(db):
    with pytest.raises(hashrange_embedded.DatabaseError) as panicked:
        db.handle("Planted.Panic", b"")
    assert panicked.value.code == "InternalError" and "planted" in str(panicked.value)
    assert isinstance(panicked.value, Exception)  # what `except Exception` catches
    assert hashrange_embedded.client(db).list_tables()["TableNames"] == []


@planted
def test_a_close_beside_another_one_waits_for_it(tmp_path):
    db = hashrange_embedded.Database(tmp_path / "data")
    db.handle("Planted.SlowClose", b"500")
    first = threading.Thread(target=db.close)
    first.start()
    with pytest.raises(hashrange_embedded.DatabaseError):
        while True:  # until the first close has begun
            db.handle("DynamoDB_20120810.ListTables", b"{}")
    db.close()
    hashrange_embedded.Database(tmp_path / "data").close()  # the folder is free
    first.join()


@planted
def test_other_threads_run_while_a_database_is_dropped():
    db = hashrange_embedded.Database()
    db.handle("Planted.SlowClose", b"500")
    ticks, ends = [], threading.Event()

    def tick():
        while not ends.wait(0.005):
            ticks.append(time.monotonic())

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.monotonic()
    del db
    end = time.monotonic()
    ends.set()
    ticker.join()
    assert end - begin >= 0.5  # it was closed here and now
    assert len([at for at in ticks if begin + 0.1 < at < end - 0.1]) >= 3


def test_dropping_a_database_interrupts_a_restore_and_frees_the_folder(tmp_path):
    db = hashrange_embedded.Database(tmp_path / "data", durability="buffered")
    client = hashrange_embedded.client(db)
    client.create_table(**TABLE)
    for begin in range(0, 4000, 25):
        puts = [{"PutRequest": {"Item": {"pk": {"S": "a"}, "n": {"N": str(n)}}}} for n in range(begin, begin + 25)]
        client.batch_write_item(RequestItems={"orders": puts})
    backup = client.create_backup(TableName="orders", BackupName="kept")["BackupDetails"]["BackupArn"]
    client.restore_table_from_backup(TargetTableName="copy", BackupArn=backup)
    del client, db
    gc.collect()
    with hashrange_embedded.Database(tmp_path / "data") as db:
        client = hashrange_embedded.client(db)
        client.get_waiter("table_exists").wait(TableName="copy", WaiterConfig={"Delay": 1})
        assert client.scan(TableName="copy", Select="COUNT")["Count"] == 4000
