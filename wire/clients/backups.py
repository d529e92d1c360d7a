"""boto3: backups, point-in-time recovery, exports, imports, on servers of its own: in memory and in a folder that is killed."""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
from datetime import datetime, timedelta, timezone

import boto3
from botocore.exceptions import ClientError

work = pathlib.Path(tempfile.mkdtemp(prefix="hashrange-backups-"))
objects = work / "objects"
(objects / "bucket").mkdir(parents=True)
TYPES = {
    "pk": {"S": "all types"}, "sk": {"N": "0"}, "text": {"S": "line\n\"quote\" ü"}, "bytes": {"B": b"\x00\x01"},
    "yes": {"BOOL": True}, "none": {"NULL": True}, "odd name": {"N": "-0.5"}, "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]}, "list": {"L": [{"S": ""}, {"M": {"x": {"N": "600"}}}]}, "blobs": {"BS": [b"x"]},
}


class Server:
    """A server for a while."""

    def __init__(self, *options):
        self.command = [os.environ["HASHRANGE"], "serve", "--port", "0", "--object-dir", str(objects), *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        endpoint = self.process.stdout.readline().split()[-1]
        self.client = boto3.client("dynamodb", endpoint_url=endpoint)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0


def create(client, name, **more):
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
        **more)
    client.get_waiter("table_exists").wait(TableName=name)


def fill(client, name, first, last):
    for start in range(first, last, 25):
        puts = [{"PutRequest": {"Item": {"pk": {"S": f"p{n % 7}"}, "sk": {"N": str(n)}, "v": {"S": "x" * 50}}}}
                for n in range(start, min(start + 25, last))]
        assert not client.batch_write_item(RequestItems={name: puts})["UnprocessedItems"]


def items(client, name):
    pages = client.get_paginator("scan").paginate(TableName=name)
    return sorted((item for page in pages for item in page["Items"]), key=repr)


def active(client, name):
    for _ in range(600):
        table = client.describe_table(TableName=name)["Table"]
        if table["TableStatus"] == "ACTIVE":
            return table
        time.sleep(0.05)
    raise AssertionError(f"{name} never became active")


def finished(describe, status):
    for _ in range(600):
        found = describe()
        if found[status] != "IN_PROGRESS":
            return found
        time.sleep(0.05)
    raise AssertionError("a job never ended")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"]["Message"]
    raise AssertionError(f"not refused with {code}")


def backups(client):
    create(client, "shop")
    fill(client, "shop", 0, 500)
    client.put_item(TableName="shop", Item=TYPES)
    before = items(client, "shop")
    details = client.create_backup(TableName="shop", BackupName="nightly")["BackupDetails"]
    assert details["BackupStatus"] == "CREATING", details
    arn = details["BackupArn"]
    described = client.describe_backup(BackupArn=arn)["BackupDescription"]
    assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE", described
    assert described["SourceTableDetails"]["ItemCount"] == 501, described
    fill(client, "shop", 500, 700)
    client.delete_table(TableName="shop")
    assert [one["BackupArn"] for one in client.list_backups(TableName="shop")["BackupSummaries"]] == [arn]
    answer = client.restore_table_from_backup(TargetTableName="shop", BackupArn=arn)["TableDescription"]
    assert answer["TableStatus"] == "CREATING" and answer["RestoreSummary"]["RestoreInProgress"], answer
    assert "RestoreSummary" not in active(client, "shop")
    assert items(client, "shop") == before
    refused("TableAlreadyExistsException", client.restore_table_from_backup, TargetTableName="shop", BackupArn=arn)
    return arn, before


def recovery(client):
    create(client, "ledger")
    status = client.describe_continuous_backups(TableName="ledger")["ContinuousBackupsDescription"]
    assert status["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED", status
    refused("PointInTimeRecoveryUnavailableException", client.restore_table_to_point_in_time,
            SourceTableName="ledger", TargetTableName="past", UseLatestRestorableTime=True)
    client.update_continuous_backups(
        TableName="ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7})
    fill(client, "ledger", 0, 200)
    good = items(client, "ledger")
    window = client.describe_continuous_backups(TableName="ledger")["ContinuousBackupsDescription"]
    window = window["PointInTimeRecoveryDescription"]
    moment = window["LatestRestorableDateTime"]
    assert window["RecoveryPeriodInDays"] == 7 and moment >= datetime.now(timezone.utc) - timedelta(seconds=1), window
    time.sleep(max(0.0, moment.timestamp() - time.time()) + 1.2)
    for item in good[::2]:  # the bad deploy
        client.delete_item(TableName="ledger", Key={"pk": item["pk"], "sk": item["sk"]})
    client.restore_table_to_point_in_time(SourceTableName="ledger", TargetTableName="ledger-good", RestoreDateTime=moment)
    active(client, "ledger-good")
    assert items(client, "ledger-good") == good
    client.restore_table_to_point_in_time(SourceTableName="ledger", TargetTableName="ledger-now", UseLatestRestorableTime=True)
    active(client, "ledger-now")
    assert items(client, "ledger-now") == items(client, "ledger") and len(items(client, "ledger")) == 100
    text = refused("InvalidRestoreTimeException", client.restore_table_to_point_in_time, SourceTableName="ledger",
                   TargetTableName="future", RestoreDateTime=datetime.now(timezone.utc) + timedelta(hours=1))
    assert "must be within EarliestRestorableDateTime" in text, text
    client.delete_table(TableName="ledger")
    system = client.list_backups(TableName="ledger", BackupType="SYSTEM")["BackupSummaries"]
    assert [one["BackupName"] for one in system] == ["ledger$DeletedTableBackup"], system
    refused("ValidationException", client.delete_backup, BackupArn=system[0]["BackupArn"])
    client.restore_table_from_backup(TargetTableName="ledger", BackupArn=system[0]["BackupArn"])
    active(client, "ledger")
    assert len(items(client, "ledger")) == 100


def check_manifests(manifest):
    """Reads an export as the tools of others do; returns its lines."""
    root = objects / "bucket" / pathlib.Path(manifest).parent
    for name in ("manifest-summary", "manifest-files"):
        md5 = base64.b64encode(hashlib.md5((root / f"{name}.json").read_bytes()).digest())
        assert (root / f"{name}.md5").read_bytes() == md5, name
    summary = json.loads((root / "manifest-summary.json").read_text())
    lines, total = [], 0
    for line in (objects / "bucket" / summary["manifestFilesS3Key"]).read_text().splitlines():
        file = json.loads(line)
        data = (objects / "bucket" / file["dataFileS3Key"]).read_bytes()
        assert base64.b64encode(hashlib.md5(data).digest()).decode() == file["md5Checksum"], file
        found = gzip.decompress(data).decode().splitlines()
        assert len(found) == file["itemCount"], file
        total += file["itemCount"]
        lines += found
    assert total == summary["itemCount"] == len(lines), summary
    return lines


def transfers(client):
    arn = client.describe_table(TableName="shop")["Table"]["TableArn"]
    refused("PointInTimeRecoveryUnavailableException", client.export_table_to_point_in_time, TableArn=arn, S3Bucket="bucket")
    client.update_continuous_backups(
        TableName="shop", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    before = items(client, "shop")
    for form, table in (("DYNAMODB_JSON", "from-json"), ("ION", "from-ion")):
        started = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="bucket", S3Prefix=table, ExportFormat=form)
        started = started["ExportDescription"]
        assert started["ExportStatus"] == "IN_PROGRESS", started
        done = finished(lambda: client.describe_export(ExportArn=started["ExportArn"])["ExportDescription"], "ExportStatus")
        assert done["ExportStatus"] == "COMPLETED" and done["ItemCount"] == len(before), done
        lines = check_manifests(done["ExportManifest"])
        assert all(line.startswith('{"Item":' if form == "DYNAMODB_JSON" else "$ion_1_0 {Item:") for line in lines)
        prefix = str(pathlib.Path(done["ExportManifest"]).parent / "data") + "/"
        imported = client.import_table(
            S3BucketSource={"S3Bucket": "bucket", "S3KeyPrefix": prefix}, InputFormat=form, InputCompressionType="GZIP",
            TableCreationParameters={
                "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}]})
        imported = imported["ImportTableDescription"]
        done = finished(
            lambda: client.describe_import(ImportArn=imported["ImportArn"])["ImportTableDescription"], "ImportStatus")
        assert done["ImportStatus"] == "COMPLETED" and done["ImportedItemCount"] == len(before), done
        active(client, table)
        assert items(client, table) == before, table
    assert len(client.list_exports(TableArn=arn)["ExportSummaries"]) == 2
    assert len(client.list_imports()["ImportSummaryList"]) == 2
    nowhere = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="nowhere")["ExportDescription"]
    failed = finished(lambda: client.describe_export(ExportArn=nowhere["ExportArn"])["ExportDescription"], "ExportStatus")
    assert failed["FailureCode"] == "S3NoSuchBucket" and not (objects / "nowhere").exists(), failed


def killed():
    """What was promised is there after a kill, and nothing that is half done."""
    server = Server("--data-dir", str(work / "data"))
    arn, before = backups(server.client)
    recovery(server.client)
    server.kill()
    server.start()
    client = server.client
    described = client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
    assert described["BackupStatus"] == "AVAILABLE", described
    client.restore_table_from_backup(TargetTableName="after-kill", BackupArn=arn)
    server.kill()  # in the middle, or after
    server.start()
    client = server.client
    if "after-kill" in client.list_tables()["TableNames"]:
        active(client, "after-kill")
        assert items(client, "after-kill") == before
    else:
        client.restore_table_from_backup(TargetTableName="after-kill", BackupArn=arn)
        active(client, "after-kill")
        assert items(client, "after-kill") == before
    client.delete_backup(BackupArn=arn)
    refused("BackupNotFoundException", client.describe_backup, BackupArn=arn)
    server.stop()


memory = Server("--in-memory")
backups(memory.client)
transfers(memory.client)
recovery(memory.client)
memory.stop()
killed()
print("backups, recovery, exports and imports work")
