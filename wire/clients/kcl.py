"""What the DynamoDB Streams Kinesis adapter and the Kinesis Client Library ask of streams, with boto3; and Kinesis destinations.

Neither is installed: they are Java. This worker makes their requests: a lease table that is changed by conditions, a lease for
each shard that is done before those of its children begin, children by ShardFilter CHILD_SHARDS, iterators at TRIM_HORIZON and
AFTER_SEQUENCE_NUMBER, checkpoints. Two workers share the shards, one dies and the other takes over; partitions split meanwhile.
Every record of every item has to come, in order.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import uuid

import boto3
from botocore.exceptions import ClientError

WRITES, ITEMS = 3_000, 400
credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}


class Server:
    """A server on a folder, whose partitions split early."""

    def __init__(self, folder, *options):
        small = ["--split-bytes", "40000", "--memtable-bytes", "65536"]
        command = [os.environ["HASHRANGE"], "serve", "--data-dir", folder, "--port", "0", *small, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.endpoint = endpoint = re.match(r"listening on (\S+)", self.process.stdout.readline())[1]
        self.tables = boto3.client("dynamodb", endpoint_url=endpoint, **credentials)
        self.streams = boto3.client("dynamodbstreams", endpoint_url=endpoint, **credentials)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Worker:
    """A worker of the client library: takes leases, reads shards, checkpoints, and makes leases of children."""

    def __init__(self, server, arn, seen):
        self.name, self.server, self.arn, self.seen = uuid.uuid4().hex, server, arn, seen
        self.counters = {}

    def shards(self, **more):
        pages = self.server.streams.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
        while "LastEvaluatedShardId" in pages:
            more["ExclusiveStartShardId"] = pages["LastEvaluatedShardId"]
            next_page = self.server.streams.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
            next_page["Shards"] = pages["Shards"] + next_page["Shards"]
            pages = next_page
        return pages["Shards"]

    def make_lease(self, shard):
        """A lease is made once, whichever worker is first."""
        try:
            self.server.tables.put_item(
                TableName="leases",
                Item={
                    "leaseKey": {"S": shard["ShardId"]},
                    "checkpoint": {"S": "TRIM_HORIZON"},
                    "leaseCounter": {"N": "0"},
                    "parentShardId": {"SS": [shard.get("ParentShardId", "none")]},
                },
                ConditionExpression="attribute_not_exists(leaseKey)",
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException", error

    def leases(self):
        pages = self.server.tables.get_paginator("scan").paginate(TableName="leases", ConsistentRead=True)
        return {item["leaseKey"]["S"]: item for page in pages for item in page["Items"]}

    def take(self, lease):
        """Takes a lease whose counter has not moved since this worker saw it last, or which has no owner."""
        key, counter = lease["leaseKey"]["S"], lease["leaseCounter"]["N"]
        owner = lease.get("leaseOwner", {}).get("S")
        is_stale = self.counters.get(key) == counter
        self.counters[key] = counter
        if owner == self.name:
            return True
        if owner is not None and not is_stale:
            return False
        return self.change(lease, "SET leaseOwner = :me, leaseCounter = leaseCounter + :one", {":me": {"S": self.name}})

    def change(self, lease, update, values):
        values = {**values, ":one": {"N": "1"}, ":counter": lease["leaseCounter"]}
        try:
            answer = self.server.tables.update_item(
                TableName="leases",
                Key={"leaseKey": lease["leaseKey"]},
                UpdateExpression=update,
                ConditionExpression="leaseCounter = :counter",
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException", error
            return False
        lease.clear()
        lease.update(answer["Attributes"])
        self.counters[lease["leaseKey"]["S"]] = lease["leaseCounter"]["N"]
        return True

    def read(self, lease, most_pages):
        shard, checkpoint = lease["leaseKey"]["S"], lease["checkpoint"]["S"]
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if checkpoint != "TRIM_HORIZON":
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": checkpoint}
        answer = self.server.streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)
        iterator = answer["ShardIterator"]
        for _ in range(most_pages):
            page = self.server.streams.get_records(ShardIterator=iterator, Limit=100)
            for record in page["Records"]:
                change = record["dynamodb"]
                assert change["SequenceNumber"] > checkpoint or checkpoint == "TRIM_HORIZON", "a record came again"
                self.seen.append((shard, change["Keys"]["id"]["S"], int(change["NewImage"]["n"]["N"])))
                checkpoint = change["SequenceNumber"]
            iterator = page.get("NextShardIterator")
            if page["Records"] or iterator is None:
                ends = checkpoint if iterator else "SHARD_END"
                update = "SET checkpoint = :checkpoint, leaseCounter = leaseCounter + :one"
                if not self.change(lease, update, {":checkpoint": {"S": ends}}):
                    return
            if iterator is None:
                # The adapter learns of a closed shard's children by the filter.
                children = self.shards(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": shard})
                assert all(child["ParentShardId"] == shard for child in children), children
                for child in children:
                    self.make_lease(child)
                return
            if not page["Records"]:
                return

    def own_leases(self):
        """As version 3 of the library finds the leases of a worker: by an index that it adds to the table."""
        query = self.server.tables.query(
            TableName="leases",
            IndexName="LeaseOwnerToLeaseKeyIndex",
            KeyConditionExpression="leaseOwner = :me",
            ExpressionAttributeValues={":me": {"S": self.name}},
        )
        return {item["leaseKey"]["S"] for item in query["Items"]}

    def work(self, most_shards=100, most_pages=100):
        leases = self.leases()
        if not leases:
            known = {shard["ShardId"] for shard in self.shards()}
            for shard in self.shards():
                # A shard whose parent is there waits for its end.
                if shard.get("ParentShardId") not in known:
                    self.make_lease(shard)
            leases = self.leases()
        for lease in leases.values():
            if lease["checkpoint"]["S"] != "SHARD_END" and most_shards > 0 and self.take(lease):
                self.read(lease, most_pages)
                most_shards -= 1


def write(tables, numbers):
    for n in numbers:
        item = {"id": {"S": f"o{n % ITEMS}"}, "n": {"N": str(n)}, "note": {"S": "x" * 300}}
        tables.put_item(TableName="orders", Item=item)


def create(tables, table, key, **more):
    tables.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def add_index_of_owners(tables):
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("leaseKey", "leaseOwner")]
    keys = [{"AttributeName": "leaseOwner", "KeyType": "HASH"}, {"AttributeName": "leaseKey", "KeyType": "RANGE"}]
    index = {
        "IndexName": "LeaseOwnerToLeaseKeyIndex", "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    tables.update_table(
        TableName="leases", AttributeDefinitions=attributes, GlobalSecondaryIndexUpdates=[{"Create": index}]
    )
    for _ in range(300):
        indexes = tables.describe_table(TableName="leases")["Table"]["GlobalSecondaryIndexes"]
        if indexes[0]["IndexStatus"] == "ACTIVE":
            return
        time.sleep(0.1)
    raise AssertionError(f"the index is not active: {indexes}")


def check_order(changes, what):
    last = {}
    for item, n in changes:
        assert last.get(item, -1) < n, f"{what}: {item} {n} came behind {last[item]}"
        last[item] = n
    assert sorted(n for _, n in changes) == list(range(WRITES)), f"{what}: not every change came"


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as kinesis:
    server = Server(folder, "--kinesis-dir", kinesis)
    tables = server.tables
    create(tables, "orders", "id", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    create(tables, "leases", "leaseKey")
    arn = tables.describe_table(TableName="orders")["Table"]["LatestStreamArn"]

    # A Kinesis destination beside it: a data stream that is missing fails, one that is there gets every change.
    data_stream = "arn:aws:kinesis:us-east-1:000000000000:stream/changes"
    state = lambda: tables.describe_kinesis_streaming_destination(TableName="orders")["KinesisDataStreamDestinations"][0]
    answer = tables.enable_kinesis_streaming_destination(TableName="orders", StreamArn=data_stream)
    assert answer["DestinationStatus"] == "ENABLING", answer
    assert state()["DestinationStatus"] == "ENABLE_FAILED" and state()["DestinationStatusDescription"], state()
    path = os.path.join(kinesis, "changes.jsonl")
    open(path, "x").close()
    precision = {"ApproximateCreationDateTimePrecision": "MICROSECOND"}
    tables.enable_kinesis_streaming_destination(
        TableName="orders", StreamArn=data_stream, EnableKinesisStreamingConfiguration=precision
    )
    assert state() == {"StreamArn": data_stream, "DestinationStatus": "ACTIVE", **precision}, state()

    seen = []
    first, second = Worker(server, arn, seen), Worker(server, arn, seen)
    step = WRITES // 6
    for begin in range(0, WRITES - 2 * step, step):
        write(tables, range(begin, begin + step))
        first.work(most_shards=2)
        second.work(most_pages=1)
    # The first worker dies with its leases; and the server is stopped and started.
    server.stop()
    server = Server(folder, "--kinesis-dir", kinesis)
    tables, second.server = server.tables, server
    add_index_of_owners(tables)
    write(tables, range(WRITES - 2 * step, WRITES))
    deadline = time.monotonic() + 60
    while len(seen) < WRITES and time.monotonic() < deadline:
        second.work()
    shards = second.shards()
    parents = {shard["ParentShardId"] for shard in shards if "ParentShardId" in shard}
    assert parents, "no partition was split"
    assert parents <= {shard["ShardId"] for shard in shards}, "a parent is gone"
    check_order([(item, n) for _, item, n in seen], "stream")
    owned = {key for key, lease in second.leases().items() if lease.get("leaseOwner", {}).get("S") == second.name}
    assert owned and second.own_leases() == owned, (owned, second.own_leases())

    deadline = time.monotonic() + 60
    while len(lines(path)) < WRITES and time.monotonic() < deadline:
        time.sleep(0.1)
    records = lines(path)
    # A record may come twice, with the same identity.
    once = {record["eventID"]: record for record in records}
    changes = [(r["dynamodb"]["Keys"]["id"]["S"], int(r["dynamodb"]["NewImage"]["n"]["N"])) for r in once.values()]
    check_order(changes, "Kinesis destination")
    assert records[-1]["tableName"] == "orders" and records[-1]["userIdentity"] is None, records[-1]
    assert records[-1]["dynamodb"]["ApproximateCreationDateTime"] > 10**15, records[-1]
    tables.disable_kinesis_streaming_destination(TableName="orders", StreamArn=data_stream)
    assert state()["DestinationStatus"] == "DISABLED", state()
    server.stop()

# A destination as Kinesis lets it be: records in any order, and some of them twice; and the metrics of it.
with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as kinesis:
    server = Server(folder, "--kinesis-dir", kinesis, "--kinesis-shuffle", "--kinesis-duplicates", "300", "--metrics")
    create(server.tables, "orders", "id")
    path = os.path.join(kinesis, "changes.jsonl")
    open(path, "x").close()
    server.tables.enable_kinesis_streaming_destination(TableName="orders", StreamArn=data_stream)
    for n in range(200):
        server.tables.put_item(TableName="orders", Item={"id": {"S": "o"}, "n": {"N": str(n)}})
    deadline = time.monotonic() + 60
    number = lambda record: int(record["dynamodb"]["NewImage"]["n"]["N"])
    while len({number(record) for record in lines(path)}) < 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    numbers = [number(record) for record in lines(path)]
    assert sorted(set(numbers)) == list(range(200)) and numbers != sorted(numbers), numbers
    assert len(numbers) > 210 and len({record["eventID"] for record in lines(path)}) == 200, len(numbers)
    watch = boto3.client("cloudwatch", endpoint_url=server.endpoint, **credentials)
    names = ("AgeOfOldestUnreplicatedRecord", "ConsumedChangeDataCaptureUnits")
    found = {name: watch.list_metrics(Namespace="AWS/DynamoDB", MetricName=name)["Metrics"] for name in names}
    assert all({"Name": "TableName", "Value": "orders"} in metrics[0]["Dimensions"] for metrics in found.values()), found
    now = time.time()
    metric = {**found[names[1]][0]}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    data = watch.get_metric_data(
        MetricDataQueries=[{"Id": "units", "MetricStat": stat}], StartTime=now - 600, EndTime=now + 60
    )
    assert sum(data["MetricDataResults"][0]["Values"]) == 200, data
    server.stop()
print(f"two workers read {len(shards)} shards; a Kinesis destination got {len(once)} changes")
