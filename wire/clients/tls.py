"""boto3 and the AWS CLI over TLS, with an authority of their own; certificates are read again without a restart."""

import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, SSLError

folder = tempfile.mkdtemp()
keys = {"aws_access_key_id": "one", "aws_secret_access_key": "secret"}


def path(name):
    return os.path.join(folder, name)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", path(f"{name}.key"), "-out", path(f"{name}.pem"))


def certificate(issuer, kind):
    """Writes a chain and its key to where the server reads them."""
    with open(path("names"), "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("req", *kind, "-nodes", "-subj", "/CN=localhost", "-keyout", path("new.key"), "-out", path("request"))
    openssl("x509", "-req", "-in", path("request"), "-CA", path(f"{issuer}.pem"), "-CAkey", path(f"{issuer}.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("names"), "-out", path("leaf.pem"))
    with open(path("server.pem"), "w") as chain:
        for part in "leaf.pem", f"{issuer}.pem":
            with open(path(part)) as file:
                chain.write(file.read())
    os.chmod(path("new.key"), 0o600)
    os.rename(path("new.key"), path("server.key"))


def client(endpoint, issuer):
    retries = Config(retries={"total_max_attempts": 1})
    return boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", verify=path(f"{issuer}.pem"),
                        config=retries, **keys)


authority("first")
authority("second")
certificate("first", ["-newkey", "rsa:2048"])
command = [os.environ["HASHRANGE"], "serve", "--port", "0", "--in-memory", "--access-key-id", "one", "--secret-access-key",
           "secret", "--tls-cert", path("server.pem"), "--tls-key", path("server.key")]

# A key that all may read is refused.
os.chmod(path("server.key"), 0o644)
refused = subprocess.run(command, capture_output=True, text=True, timeout=20)
assert refused.returncode == 1 and "others may read it" in refused.stderr, refused
os.chmod(path("server.key"), 0o600)

server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
try:
    endpoint = re.sub("^listening on ", "", server.stdout.readline().strip())
    assert endpoint.startswith("https://"), endpoint
    port = int(endpoint.rsplit(":", 1)[1])
    db = client(endpoint, "first")
    db.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST",
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    large = "x" * 380_000
    for number in range(20):
        db.put_item(TableName="orders", Item={"id": {"S": str(number)}, "large": {"S": large}})
    pages = db.get_paginator("scan").paginate(TableName="orders")
    assert sum(len(item["large"]["S"]) for page in pages for item in page["Items"]) == 20 * len(large)
    try:
        client(endpoint, "second").list_tables()
        raise AssertionError("a certificate of an authority that the client does not know was taken")
    except SSLError:
        pass

    # Both versions of TLS, and none before.
    for version, wanted in (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3"):
        context = ssl.create_default_context(cafile=path("first.pem"))
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as spoken:
                assert spoken.version() == wanted
    # A request in clear is told so.
    try:
        client(endpoint.replace("https", "http"), "first").list_tables()
        raise AssertionError("a request in clear was answered")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error

    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PAGER": "",
                   "AWS_DEFAULT_REGION": "us-east-1", "AWS_CA_BUNDLE": path("first.pem")}
    cli = ["aws", "dynamodb", "list-tables", "--endpoint-url", endpoint, "--query", "TableNames", "--output", "text"]
    listed = subprocess.run(cli, env=environment, capture_output=True, text=True, timeout=60)
    assert listed.stdout.strip() == "orders", listed
    environment["AWS_CA_BUNDLE"] = path("second.pem")
    assert subprocess.run(cli, env=environment, capture_output=True, timeout=60).returncode != 0

    # Files that do not fit together leave the old certificate; good ones count for connections that begin from then on.
    os.rename(path("server.key"), path("kept.key"))
    openssl("genpkey", "-algorithm", "ed25519", "-out", path("server.key"))
    os.chmod(path("server.key"), 0o600)
    server.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    client(endpoint, "first").list_tables()
    certificate("second", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    server.send_signal(signal.SIGHUP)
    for attempt in range(100):
        try:
            client(endpoint, "second").list_tables()
            break
        except SSLError:
            assert attempt < 99
            time.sleep(0.05)
    db.list_tables()  # its connection goes on as it began
    assert server.poll() is None
finally:
    server.terminate()
    server.wait()
