"""boto3 against two regions of one server: replicas by UpdateTable, convergence, a write that loses, and strong consistency."""

import os
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGIONS = ["us-east-1", "eu-west-1", "us-west-2"]
LAG = 0.3

server = subprocess.Popen(
    [os.environ["HASHRANGE"], "serve", "--in-memory", "--replication-lag", "300ms", "--metrics"]
    + [f"--region={region}=0" for region in REGIONS],
    stdout=subprocess.PIPE,
    text=True,
)
try:
    endpoints = [server.stdout.readline().split()[-1] for _ in REGIONS]
    for region, endpoint in zip(REGIONS, endpoints):
        line = server.stdout.readline().split()
        assert line[1] == region and line[-1] == endpoint, line
    patient = Config(retries={"total_max_attempts": 1})
    clients = {
        region: boto3.client(
            "dynamodb", endpoint_url=endpoint, region_name=region, config=patient,
            aws_access_key_id="local", aws_secret_access_key="local",
        )
        for region, endpoint in zip(REGIONS, endpoints)
    }
    us, eu, west = (clients[region] for region in REGIONS)

    def create(client, name):
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})

    def refused(call, text, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            assert text in str(error), error
            return error
        raise AssertionError(f"this passed: {arguments}")

    def eventually(client, table, key, wanted):
        for _ in range(200):
            item = client.get_item(TableName=table, Key={"pk": {"S": key}}).get("Item")
            if (item and item.get("v", {}).get("S")) == wanted:
                return
            time.sleep(0.02)
        raise AssertionError((table, key, wanted, item))

    # A replica, and what is said of it.
    create(us, "cart")
    us.put_item(TableName="cart", Item={"pk": {"S": "before"}, "v": {"S": "1"}})
    refused(us.update_table, "Cannot add or delete the local region", TableName="cart",
            ReplicaUpdates=[{"Create": {"RegionName": "us-east-1"}}])
    refused(us.update_table, "Region mars-1 is not supported", TableName="cart",
            ReplicaUpdates=[{"Create": {"RegionName": "mars-1"}}])
    refused(us.update_table, "more than one create or delete replica actions", TableName="cart",
            ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}, {"Create": {"RegionName": "us-west-2"}}])
    answer = us.update_table(TableName="cart", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    assert answer["TableDescription"]["TableStatus"] == "UPDATING" and answer["TableDescription"]["Replicas"] == []
    table = us.describe_table(TableName="cart")["Table"]
    assert table["GlobalTableVersion"] == "2019.11.21" and table["TableStatus"] == "ACTIVE", table
    assert [(r["RegionName"], r["ReplicaStatus"]) for r in table["Replicas"]] == [("eu-west-1", "ACTIVE")], table
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES", table
    other = eu.describe_table(TableName="cart")["Table"]
    assert [r["RegionName"] for r in other["Replicas"]] == ["us-east-1"] and ":eu-west-1:" in other["TableArn"], other
    assert eu.get_item(TableName="cart", Key={"pk": {"S": "before"}})["Item"]["v"]["S"] == "1"

    # Changes arrive after the lag; two that meet have one winner, in both regions.
    us.put_item(TableName="cart", Item={"pk": {"S": "x"}, "v": {"S": "us"}})
    assert "Item" not in eu.get_item(TableName="cart", Key={"pk": {"S": "x"}}, ConsistentRead=True)
    eventually(eu, "cart", "x", "us")
    us.put_item(TableName="cart", Item={"pk": {"S": "y"}, "v": {"S": "first"}})
    time.sleep(0.05)
    eu.put_item(TableName="cart", Item={"pk": {"S": "y"}, "v": {"S": "second"}})
    assert us.get_item(TableName="cart", Key={"pk": {"S": "y"}})["Item"]["v"]["S"] == "first"
    eventually(us, "cart", "y", "second")
    time.sleep(2 * LAG)
    for client in (us, eu):
        items = client.scan(TableName="cart")["Items"]
        assert sorted((i["pk"]["S"], i["v"]["S"]) for i in items) == [("before", "1"), ("x", "us"), ("y", "second")], items

    # How long changes took, as CloudWatch has it.
    watch = boto3.client(
        "cloudwatch", endpoint_url=endpoints[0], region_name="us-east-1",
        aws_access_key_id="local", aws_secret_access_key="local",
    )
    found = watch.list_metrics(Namespace="AWS/DynamoDB", MetricName="ReplicationLatency")["Metrics"]
    assert [{d["Name"]: d["Value"] for d in m["Dimensions"]} for m in found] == [
        {"ReceivingRegion": "eu-west-1", "TableName": "cart"}
    ], found
    now = time.time()
    stat = {"Metric": found[0], "Period": 60, "Stat": "Average"}
    data = watch.get_metric_data(
        MetricDataQueries=[{"Id": "latency", "MetricStat": stat}], StartTime=now - 600, EndTime=now + 60
    )["MetricDataResults"][0]["Values"]
    assert data and all(300 <= value < 2_000 for value in data), data

    # What replicas share, and what each has of its own.
    own = {"RegionName": "eu-west-1", "OnDemandThroughputOverride": {"MaxReadRequestUnits": 40}}
    us.update_table(TableName="cart", ReplicaUpdates=[{"Update": own}])
    assert us.describe_table(TableName="cart")["Table"]["Replicas"] == [{**own, "ReplicaStatus": "ACTIVE"}]
    assert eu.describe_table(TableName="cart")["Table"]["OnDemandThroughput"]["MaxReadRequestUnits"] == 40
    us.update_time_to_live(TableName="cart", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
    assert eu.describe_time_to_live(TableName="cart")["TimeToLiveDescription"]["TimeToLiveStatus"] != "DISABLED"
    refused(us.update_table, "Disabling Stream is not allowed", TableName="cart", StreamSpecification={"StreamEnabled": False})
    us.update_table(TableName="cart", ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    assert "Replicas" not in us.describe_table(TableName="cart")["Table"]
    refused(eu.describe_table, "ResourceNotFoundException", TableName="cart")

    # Strong consistency: one of two writes that meet is a conflict, and a strong read sees the latest everywhere.
    create(us, "stock")
    strong = dict(TableName="stock", MultiRegionConsistency="STRONG")
    refused(us.update_table, "Unsupported replica count", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}], **strong)
    both = [{"Create": {"RegionName": region}} for region in REGIONS[1:]]
    us.update_table(ReplicaUpdates=both, **strong)
    table = us.describe_table(TableName="stock")["Table"]
    assert table["MultiRegionConsistency"] == "STRONG" and len(table["Replicas"]) == 2, table
    us.put_item(TableName="stock", Item={"pk": {"S": "x"}, "v": {"S": "1"}})
    assert west.get_item(TableName="stock", Key={"pk": {"S": "x"}}, ConsistentRead=True)["Item"]["v"]["S"] == "1"
    from concurrent.futures import ThreadPoolExecutor

    def write(client):
        try:
            client.put_item(TableName="stock", Item={"pk": {"S": "y"}, "v": {"S": client.meta.region_name}})
            return "done"
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(write, (us, eu))) == ["ReplicatedWriteConflictException", "done"]
    refused(us.update_table, "Deletion of only one table replica", TableName="stock",
            ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    us.update_table(TableName="stock", ReplicaUpdates=[{"Delete": {"RegionName": region}} for region in REGIONS[1:]])
    assert us.scan(TableName="stock")["Count"] == 2
    print("two regions converge and conflict")
finally:
    server.terminate()
    server.wait()
