"""No request makes the server hold more than 16 times its size: bodies of 16 MB that are all small parts (Linux only)."""

import os
import re
import socket
import subprocess

BODY_BYTES = (16 << 20) - 256
MOST_TIMES = 16

# Operation, what stands around the parts, one part.
BODIES = [
    ("PutItem", '{"TableName":"things","Item":{"id":{"S":"a"},"l":{"L":[%s]}}}', '{"N":"1"}'),
    ("PutItem", '{"TableName":"things","Item":{"id":{"S":"a"},"l":{"L":[%s]}}}', '{"M":{}}'),
    ("PutItem", '{"TableName":"things","Item":{"id":{"S":"a"},"l":{"SS":[%s]}}}', '""'),
    ("PutItem", '{"unknown":[%s]}', "[]"),
    ("GetItem", '{"TableName":"things","AttributesToGet":[%s]}', '""'),
    ("BatchGetItem", '{"RequestItems":{"things":{"Keys":[%s]}}}', "{}"),
    ("TransactWriteItems", '{"TransactItems":[%s]}', "{}"),
    ("CreateTable", '{"TableName":"things","AttributeDefinitions":[%s]}', "{}"),
]


def status(pid, name):
    with open(f"/proc/{pid}/status") as lines:
        return int(re.search(name + r":\s+(\d+)", lines.read()).group(1)) * 1024


def times(operation, around, part):
    server = subprocess.Popen(
        [os.environ["HASHRANGE"], "serve", "--in-memory", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline().strip().rsplit(":", 1)[1])
        body = (around % ",".join([part] * ((BODY_BYTES - len(around)) // (len(part) + 1)))).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        idle = status(server.pid, "VmRSS")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(head.encode() + body)
            answer = connection.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
        return (status(server.pid, "VmHWM") - idle) / len(body)
    finally:
        server.kill()
        server.wait()


for operation, around, part in BODIES:
    held = times(operation, around, part)
    print(f"{operation} of {part}: {held:.1f} times its size")
    assert held <= MOST_TIMES, f"{operation} of {part} held {held:.1f} times its size"
