"""boto3: a server that exports, imports and archives is killed again and again: HASHRANGE=BINARY python3 kills.py [KILLS]

While it puts numbered items, exports the table, imports another one and archives, the process is killed at a random moment.
Each time: what was acknowledged is there, an export is whole or not marked, an imported table is whole or not there, and the
archive verifies and restores to a state with all that was acknowledged (synchronous) or to one of those that were (otherwise).
"""

import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
binary = os.environ["HASHRANGE"]
work = pathlib.Path(tempfile.mkdtemp(prefix="hashrange-kills-"))
(work / "objects/bucket/in").mkdir(parents=True)
chance = random.Random(1)
IMPORTED = 2_000
with open(work / "objects/bucket/in/a", "w", encoding="utf-8") as file:
    file.writelines(json.dumps({"Item": {"pk": {"S": f"i{n}"}, "text": {"S": "x" * 100}}}) + "\n" for n in range(IMPORTED))
KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}
seen = {"exports": 0, "marked": 0, "imports": 0, "restores": 0, "restarts": 0}


def run(*arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


class Server:
    def __init__(self, mode):
        options = ["--archive", "s3://bucket/archive"] + (["--archive-sync"] if mode == "sync" else [])
        self.process = subprocess.Popen(
            [binary, "--data-dir", work / mode, "serve", "--port", "0", "--object-dir", work / "objects", *options],
            stdout=subprocess.PIPE, text=True)
        endpoint = self.process.stdout.readline().split()[-1]
        quick = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20)
        self.client = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", config=quick,
                                   aws_access_key_id="x", aws_secret_access_key="x")
        seen["restarts"] += 1


def eventually(ask, what):
    for _ in range(2_000):
        answer = ask()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


def scan(client, table):
    pages = client.get_paginator("scan").paginate(TableName=table)
    return {item["pk"]["S"] for page in pages for item in page["Items"]}


def check_exports(prefix):
    """An export that is marked as complete has every item that its manifest counts."""
    for folder in (work / "objects/bucket" / prefix / "AWSDynamoDB").glob("*-*"):
        seen["exports"] += 1
        if not (folder / "manifest-summary.md5").exists():
            continue
        seen["marked"] += 1
        summary = json.loads((folder / "manifest-summary.json").read_text())
        lines = [json.loads(line) for line in (folder / "manifest-files.json").read_text().splitlines()]
        counted = 0
        for line in lines:
            with gzip.open(work / "objects/bucket" / line["dataFileS3Key"]) as data:
                counted += sum(1 for _ in data)
        assert summary["itemCount"] == counted == sum(line["itemCount"] for line in lines), folder


def check_archive(mode, told, n):
    archive = work / "objects/bucket/archive"
    run("archive", "verify", archive)
    target = work / f"restored-{n}"
    run("restore", archive, target, "--verify")
    has_table = "things" in run("--data-dir", target, "list")
    lines = run("--data-dir", target, "scan", "things").splitlines() if has_table else []
    there = {json.loads(line)["pk"] for line in lines}
    assert has_table or mode != "sync", "a table that was acknowledged is not in the archive"
    missing = told - there
    if mode == "sync":
        assert not missing, f"acknowledged, and not in the archive: {sorted(missing)[:5]}"
    seen["restores"] += 1
    subprocess.run(["rm", "-rf", str(target)], check=True)


def life(mode, n, told, imports):
    server = Server(mode)
    client = server.client
    try:
        client.create_table(TableName="things", **KEYS)
        client.get_waiter("table_exists").wait(TableName="things")
        on = {"PointInTimeRecoveryEnabled": True}
        eventually(lambda: client.update_continuous_backups(TableName="things", PointInTimeRecoverySpecification=on), "on")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceInUseException", error
    there = scan(client, "things")
    assert told <= there, f"lost: {sorted(told - there)[:5]}"
    for name in imports:
        # The job of the life before was taken up again, or was never promised.
        tables = client.list_tables()["TableNames"]
        job = [one for one in client.list_imports()["ImportSummaryList"] if one["TableArn"].endswith("/" + name)]
        if job:
            eventually(lambda: client.describe_import(ImportArn=job[0]["ImportArn"])["ImportTableDescription"]
                       ["ImportStatus"] == "COMPLETED", name)
            assert len(scan(client, name)) == IMPORTED
            seen["imports"] += 1
        else:
            assert name not in tables
        if name in client.list_tables()["TableNames"]:
            client.delete_table(TableName=name)
    imports.clear()
    for export in client.list_exports()["ExportSummaries"]:
        eventually(lambda: client.describe_export(ExportArn=export["ExportArn"])["ExportDescription"]["ExportStatus"]
                   != "IN_PROGRESS", "export")
    check_exports(mode)

    def put(worker):
        for number in range(10_000):
            name = f"{n}-{worker}-{number}"
            try:
                client.put_item(TableName="things", Item={"pk": {"S": name}, "text": {"S": "y" * 50}})
            except (ClientError, BotoCoreError):
                return
            told.add(name)

    def jobs():
        try:
            arn = client.describe_table(TableName="things")["Table"]["TableArn"]
            imports.append(f"filled{n}")
            client.import_table(S3BucketSource={"S3Bucket": "bucket", "S3KeyPrefix": "in/"}, InputFormat="DYNAMODB_JSON",
                                TableCreationParameters={"TableName": f"filled{n}", **KEYS})
            client.export_table_to_point_in_time(TableArn=arn, S3Bucket="bucket", S3Prefix=mode)
        except (ClientError, BotoCoreError):
            pass

    threads = [threading.Thread(target=put, args=(worker,)) for worker in range(3)] + [threading.Thread(target=jobs)]
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(0.05, 1.2))
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    for thread in threads:
        thread.join()
    check_archive(mode, set(told), n)


for mode in ("sync", "async"):
    told, imports = set(), []
    subprocess.run(["rm", "-rf", str(work / "objects/bucket/archive")], check=True)
    for n in range(kills // 2):
        life(mode, n, told, imports)
    # A last life that ends in order: the archive has all of it.
    server = Server(mode)
    assert told <= scan(server.client, "things")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    target = work / f"{mode}-at-the-end"
    run("restore", work / "objects/bucket/archive", target, "--verify")
    assert run("--data-dir", target, "digest", "things") == run("--data-dir", work / mode, "digest", "things")
    assert run("diff", target, work / mode).count("the same") >= 1
subprocess.run(["rm", "-rf", str(work)], check=True)
print(f"{kills} kills, no promise broken: {seen}")
