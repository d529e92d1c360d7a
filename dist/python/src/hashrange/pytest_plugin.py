"""Fixtures of pytest: a server for the run, and an empty one for a test that wants its own.

``hashrange_server`` starts with the first test that asks for it. While it runs, boto3 clients without an endpoint find it
(AWS_ENDPOINT_URL_DYNAMODB).
"""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from . import Server, start_server


@pytest.fixture(scope="session")
def hashrange_server() -> Iterator[Server]:
    """One server for the whole run."""
    with start_server() as server:
        variables = {
            "AWS_ENDPOINT_URL_DYNAMODB": server.endpoint,
            "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
            "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        }
        patch = pytest.MonkeyPatch()
        for name, value in variables.items():
            patch.setenv(name, value)
        yield server
        patch.undo()


@pytest.fixture
def fresh_hashrange_server() -> Iterator[Server]:
    """A server with an empty database for one test."""
    with start_server() as server:
        yield server
