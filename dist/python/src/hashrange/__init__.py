"""A DynamoDB-compatible server in one program, for tests and for the command line.

>>> import boto3, hashrange
>>> with hashrange.start_server() as server:            # a database in memory, a free port
...     client = boto3.client("dynamodb", **server.client_config())
...     client.list_tables()["TableNames"]
[]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Mapping, Optional, Sequence, Union

from ._version import __version__

__all__ = ["Server", "ServerError", "binary_path", "start_server", "__version__"]


class ServerError(RuntimeError):
    """The server did not begin to serve; the text has what it said."""


def binary_path() -> str:
    """The path of the program: the one that HASHRANGE_BIN names, or that of this package."""
    named = os.environ.get("HASHRANGE_BIN")
    if named:
        return named
    program = "hashrange.exe" if sys.platform == "win32" else "hashrange"
    path = Path(__file__).parent / "bin" / program
    if not path.exists():
        raise ServerError(f"this package has no program for {sys.platform}; set HASHRANGE_BIN to one built by cargo")
    return str(path)


class Server:
    """A server that runs. It ends with this process at the latest: it watches its standard input."""

    def __init__(self, process: "subprocess.Popen[str]", endpoint: str) -> None:
        self._process = process
        self.endpoint = endpoint
        self.port = int(endpoint.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        return self._process.pid

    def client_config(self) -> dict:
        """Arguments for ``boto3.client("dynamodb", **server.client_config())`` and ``boto3.resource``."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    def stop(self, timeout_secs: float = 10.0) -> None:
        """Stops the server in order, and waits for its end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except OSError:
                pass  # it has ended already
        try:
            self._process.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_server(
    *,
    port: int = 0,
    data_dir: Union[str, "os.PathLike[str]", None] = None,
    args: Sequence[str] = (),
    env: Optional[Mapping[str, str]] = None,
    timeout_secs: float = 10.0,
) -> Server:
    """Starts a server with a database of its own: in memory, or in ``data_dir``; on a free port unless one is named.

    Raises ServerError if it does not begin to serve.
    """
    place = ["--in-memory"] if data_dir is None else ["--data-dir", os.fspath(data_dir)]
    line = [binary_path(), "serve", "--port", str(port), "--until-stdin-closes", *place, *args]
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    said: "deque[str]" = deque(maxlen=50)
    complaints = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)  # type: ignore[arg-type]
    complaints.start()
    slow = threading.Timer(timeout_secs, process.kill)
    slow.start()
    try:
        for text in process.stdout:  # type: ignore[union-attr]
            found = re.fullmatch(r"listening on (\S+)\n?", text)
            if found:
                threading.Thread(target=process.stdout.read, daemon=True).start()  # type: ignore[union-attr]
                return Server(process, found.group(1))
    finally:
        slow.cancel()
    status = process.wait()
    complaints.join(1)
    raise ServerError(f"hashrange ended with status {status}, or did not begin within {timeout_secs} s. {''.join(said)}")
