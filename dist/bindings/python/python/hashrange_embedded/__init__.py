"""DynamoDB's data model inside of this process, behind boto3's own clients.

>>> import hashrange_embedded
>>> db = hashrange_embedded.Database()                   # in memory; Database("shop.db") opens a folder
>>> hashrange_embedded.client(db).list_tables()["TableNames"]
[]
"""

from __future__ import annotations

import uuid
from typing import Any, Iterator

import boto3
import botocore
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from ._native import Database, DatabaseError

__all__ = ["Database", "DatabaseError", "attach", "client", "resource", "session"]

_REGION = "us-east-1"  # that of the ARNs
# Never connected to: every request is answered before it would be sent.
_ENDPOINT = "http://hashrange.invalid"


def client(db: Database, service: str = "dynamodb", **more: Any) -> Any:
    """boto3's client of ``dynamodb`` or ``dynamodbstreams``, answered by a database of this process.

    ``more`` is passed on to ``boto3.client``.
    """
    if service not in ("dynamodb", "dynamodbstreams"):
        raise ValueError(f"{service}: a database answers dynamodb and dynamodbstreams")
    made = boto3.client(service, **_arguments(more))
    attach(made, db)
    return made


def resource(db: Database, **more: Any) -> Any:
    """boto3's resource of ``dynamodb``, answered by a database of this process. ``more`` is passed on to ``boto3.resource``."""
    made = boto3.resource("dynamodb", **_arguments(more))
    attach(made, db)
    return made


def session(db: Database, **more: Any) -> boto3.Session:
    """A session of boto3 whose clients and resources of DynamoDB are answered by a database of this process.

    Clients of other services go to these services, but with the session's made-up credentials and region: give the right ones
    by ``more``, which is passed on to ``boto3.Session``, or make those clients from a session of their own.
    """
    made = boto3.Session(
        **{"region_name": _REGION, "aws_access_key_id": "embedded", "aws_secret_access_key": "embedded", **more}
    )
    attach(made, db)
    return made


def attach(target: Any, db: Database) -> None:
    """Lets a client, a resource or a session of boto3 be answered by a database of this process, whatever its endpoint is.

    Of a session, the clients that are made from it afterwards.
    """
    if isinstance(target, boto3.Session):
        events = target.events
    else:
        events = getattr(target.meta, "client", target).meta.events

    def answer(request: Any, **_: Any) -> AWSResponse:
        headers = request.headers
        target = headers.get("X-Amz-Target", "")
        target = target.decode() if isinstance(target, bytes) else target
        body = request.body or b""
        found = db.handle(target, body.encode() if isinstance(body, str) else bytes(body))
        if found is None:
            raise ConnectionClosedError(endpoint_url=request.url, request=request)
        status, content, crc = found
        said = {
            "content-type": "application/x-amz-json-1.0",
            "content-length": str(len(content)),
            "x-amz-crc32": str(crc),
            "x-amzn-requestid": str(uuid.uuid4()),
        }
        return AWSResponse(request.url, status, said, _Raw(content))

    # The names are botocore's ids of the two services; no other service's requests are looked at.
    for service in ("dynamodb", "dynamodb-streams"):
        events.register_first(f"before-send.{service}", answer)


def _arguments(more: Any) -> Any:
    # There is no signature to check, so none is made.
    config = Config(signature_version=botocore.UNSIGNED).merge(more.pop("config", None) or Config())
    return {"region_name": _REGION, "endpoint_url": _ENDPOINT, "config": config, **more}


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        content = self.read()
        if content:
            yield content

    def read(self, *_: Any, **__: Any) -> bytes:
        content, self._content = self._content, b""
        return content
