"""The image as a Testcontainers module for Python."""

from __future__ import annotations

from typing import Any, Dict

from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import wait_for_logs

PORT = 8000


class HashrangeContainer(DockerContainer):
    """``with HashrangeContainer("hashrange:0.1.0") as server: boto3.client("dynamodb", **server.get_client_config())``."""

    def __init__(self, image: str, port: int = PORT, **kwargs: Any) -> None:
        super().__init__(image, **kwargs)
        self.port = port
        self.with_exposed_ports(port)

    def start(self) -> "HashrangeContainer":
        super().start()
        wait_for_logs(self, r"listening on http://", timeout=30)
        return self

    def get_endpoint(self) -> str:
        """The address of the server as this machine reaches it."""
        return f"http://{self.get_container_host_ip()}:{self.get_exposed_port(self.port)}"

    def get_client_config(self) -> Dict[str, str]:
        """Arguments for boto3's ``client`` and ``resource``."""
        return {
            "endpoint_url": self.get_endpoint(),
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
