"""boto3 and moto, a server that speaks S3's protocol: archives, exports and imports in buckets, through a proxy that fails.

HASHRANGE is a binary with the feature object-store. Between it and moto is a proxy that answers some requests with 503, and
carries others out and closes the connection in place of the answer. Each time: what was acknowledged by a synchronous archive is in
it, the archive verifies and restores, and of two copies of a database one at most goes on with an archive.
"""

import base64
import gzip
import hashlib
import http.client
import http.server
import json
import logging
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.server import ThreadedMotoServer

binary = os.environ["HASHRANGE"]
kills = int(os.environ.get("KILLS", "6"))
work = pathlib.Path(tempfile.mkdtemp(prefix="hashrange-buckets-"))
logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
moto.start()
moto_host, moto_port = moto.get_host_and_port()
chance = random.Random(1)
seen = {"requests": 0, "refused": 0, "unanswered": 0, "parts": 0, "ranges": 0, "kills": 0}
failing = threading.Event()
started = []


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def carry(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen["requests"] += 1
        seen["parts"] += "partNumber=" in self.path
        seen["ranges"] += "Range" in self.headers
        fate = chance.random() if failing.is_set() else 1
        if fate < 0.05:
            seen["refused"] += 1
            return self.answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        upstream = http.client.HTTPConnection(moto_host, moto_port, timeout=60)
        upstream.request(self.command, self.path, body, {name: self.headers[name] for name in self.headers})
        answer = upstream.getresponse()
        content = answer.read()
        if fate < 0.1:
            seen["unanswered"] += 1
            self.close_connection = True
            return None
        return self.answer(answer.status, dict(answer.getheaders()), content, answer.getheader("Content-Length"))

    def answer(self, status, headers, content, length=None):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = carry


class ProxyServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A server that was killed takes no answer."""


proxy = ProxyServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=proxy.serve_forever, daemon=True).start()
environment = {
    **os.environ, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT": f"http://127.0.0.1:{proxy.server_address[1]}", "AWS_ALLOW_HTTP": "true",
}
keys = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
s3 = boto3.client("s3", endpoint_url=f"http://{moto_host}:{moto_port}", **keys)
for bucket in ("archives", "tables"):
    s3.create_bucket(Bucket=bucket)
ARCHIVE = "s3://archives/of/shop"
KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}
SORTED = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
}


def run(*arguments, code=0):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, env=environment)
    assert done.returncode == code, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


class Server:
    def __init__(self, folder, *options):
        command = [binary, "--data-dir", work / folder, "serve", "--port", "0", "--object-store", "s3", *options]
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(self.process)
        line = self.process.stdout.readline()
        if not line:
            self.refusal = self.process.stderr.read()
            return
        self.refusal = None
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        quick = Config(retries={"max_attempts": 1}, read_timeout=100)
        self.client = boto3.client("dynamodb", endpoint_url=line.split()[-1], config=quick, **keys)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(100)
        assert how == signal.SIGKILL or code == 0, code


def items(client, table):
    pages = client.get_paginator("scan").paginate(TableName=table)
    return sorted((item for page in pages for item in page["Items"]), key=repr)


def finished(describe, status):
    for _ in range(1200):
        found = describe()
        if found[status] != "IN_PROGRESS":
            return found
        time.sleep(0.05)
    raise AssertionError("a job never ended")


def keys_in(bucket, prefix=""):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def get(bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def transfers():
    """An export of 20 MB that does not shrink, as it lies in the bucket, and imported again."""
    server = Server("transfers")
    client = server.client
    client.create_table(TableName="shop", **SORTED)
    for n in range(60):
        text = base64.b64encode(chance.randbytes(250_000)).decode()
        client.put_item(TableName="shop", Item={"pk": {"S": "one"}, "sk": {"N": str(n)}, "text": {"S": text}})
    client.update_continuous_backups(
        TableName="shop", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    arn = client.describe_table(TableName="shop")["Table"]["TableArn"]
    started = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="tables", S3Prefix="out")["ExportDescription"]
    done = finished(lambda: client.describe_export(ExportArn=started["ExportArn"])["ExportDescription"], "ExportStatus")
    assert done["ExportStatus"] == "COMPLETED" and done["ItemCount"] == 60, done
    summary = json.loads(get("tables", done["ExportManifest"]))
    total = 0
    for line in get("tables", summary["manifestFilesS3Key"]).decode().splitlines():
        file = json.loads(line)
        data = get("tables", file["dataFileS3Key"])
        assert base64.b64encode(hashlib.md5(data).digest()).decode() == file["md5Checksum"], file
        total += len(gzip.decompress(data).decode().splitlines())
    assert total == 60 and seen["parts"], (total, seen)
    prefix = str(pathlib.PurePosixPath(done["ExportManifest"]).parent / "data") + "/"
    s3.put_object(Bucket="tables", Key=prefix, Body=b"")  # as the console makes folders
    s3.put_object(Bucket="tables", Key="unlike/" + prefix, Body=b"not read")
    client.import_table(
        S3BucketSource={"S3Bucket": "tables", "S3KeyPrefix": prefix}, InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP", TableCreationParameters={"TableName": "again", **SORTED})
    imported = client.list_imports()["ImportSummaryList"][0]["ImportArn"]
    done = finished(lambda: client.describe_import(ImportArn=imported)["ImportTableDescription"], "ImportStatus")
    assert done["ImportStatus"] == "COMPLETED" and done["ImportedItemCount"] == 60, done
    assert items(client, "again") == items(client, "shop") and seen["ranges"], seen
    nowhere = client.export_table_to_point_in_time(TableArn=arn, S3Bucket="nowhere")["ExportDescription"]
    failed = finished(lambda: client.describe_export(ExportArn=nowhere["ExportArn"])["ExportDescription"], "ExportStatus")
    assert failed["FailureCode"] == "S3NoSuchBucket", failed
    server.end()


def archive():
    """Archived, looked at, restored, pruned; other databases and copies are refused."""
    assert "there is no archive" in run("archive", "status", ARCHIVE, code=1)
    assert "no bucket" in run("archive", "status", "s3://nowhere/x", code=1)
    server = Server("shop", "--archive", ARCHIVE)
    server.client.create_table(TableName="things", **KEYS)
    for n in range(12):
        text = base64.b64encode(chance.randbytes(250_000)).decode()
        server.client.put_item(TableName="things", Item={"pk": {"S": f"big{n}"}, "text": {"S": text}})
    server.end()
    digest = run("--data-dir", work / "shop", "digest", "things")
    status = json.loads(run("archive", "status", ARCHIVE, "--json"))
    assert status["timelines"][0]["gaps"] == 0, status
    assert run("archive", "verify", ARCHIVE).startswith("no damage: ")
    run("restore", ARCHIVE, work / "restored", "--verify")
    assert run("--data-dir", work / "restored", "digest", "things") == digest
    assert "bytes removed" in run("archive", "prune", ARCHIVE, "--keep", "1d")
    refusal = Server("other", "--archive", ARCHIVE).refusal
    assert refusal and "another database" in refusal, refusal
    refusal = Server("restored", "--archive", ARCHIVE).refusal
    assert refusal and "archive" in refusal, refusal


def killed():
    """A synchronous archive through a bad network, and a server that is killed."""
    failing.set()
    told = set()
    for life in range(kills):
        server = Server("shop", "--archive", ARCHIVE, "--archive-sync")
        if server.refusal:
            assert "cannot" in server.refusal or "error" in server.refusal.lower(), server.refusal
            continue

        def put(worker, client=server.client, life=life):
            for number in range(10_000):
                name = f"{life}-{worker}-{number}"
                try:
                    client.put_item(TableName="things", Item={"pk": {"S": name}})
                except ClientError:  # the archive was not reached: not acknowledged
                    continue
                except BotoCoreError:
                    return
                told.add(name)

        threads = [threading.Thread(target=put, args=(worker,)) for worker in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 2.5))
        server.end(signal.SIGKILL)
        seen["kills"] += 1
        for thread in threads:
            thread.join()
        target = work / f"life{life}"
        run("restore", ARCHIVE, target, "--verify")
        there = {json.loads(line)["pk"] for line in run("--data-dir", target, "scan", "things").splitlines()}
        assert told <= there, sorted(told - there)[:5]
        shutil.rmtree(target)
    failing.clear()
    assert len(told) > 50 and seen["refused"] and seen["unanswered"], (len(told), seen)
    return len(told)


def two_writers():
    """Two copies of one database write to one archive at the same time: one of them is refused."""
    shutil.copytree(work / "shop", work / "copy")
    both = [Server(folder, "--archive", ARCHIVE, "--archive-sync") for folder in ("shop", "copy")]
    assert not all(server.refusal for server in both), both[0].refusal
    outcomes = []

    def put(server, name):
        done = 0
        for number in range(200):
            try:
                server.client.put_item(TableName="things", Item={"pk": {"S": f"{name}{number}"}})
                done += 1
            except ClientError:
                pass
        outcomes.append((done, name))

    running = [(server, name) for server, name in zip(both, "ab") if not server.refusal]
    threads = [threading.Thread(target=put, args=one) for one in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server, _ in running:
        server.end(signal.SIGKILL)
    run("restore", ARCHIVE, work / "one", "--verify")
    there = {json.loads(line)["pk"] for line in run("--data-dir", work / "one", "scan", "things").splitlines()}
    outcomes.sort(reverse=True)
    assert outcomes[0][0] == 200 and (len(outcomes) == 1 or outcomes[1][0] <= 1), outcomes
    name = outcomes[0][1]
    assert {f"{name}{number}" for number in range(200)} <= there, outcomes


try:
    transfers()
    archive()
    acknowledged = killed()
    two_writers()
finally:
    moto.stop()
    for process in started:
        process.kill()
shutil.rmtree(work)
print(f"archives, exports and imports in buckets work: {acknowledged} writes in {kills} lives, {seen}")
