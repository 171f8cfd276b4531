"""MinIO: the object store, with its two event targets FAST and DURABLE towards RabbitMQ.

Buckets, users and policies inside are made by `bucket-policies apply`.
"""

from pathlib import Path

import httpx
from typing_extensions import override

from servers import programs
from servers.allotment import LOOPBACK, Passwords, Ports
from servers.capacity import MINIO_MIB
from servers.certificates import Certificates, trust
from servers.server import Server, filled

ROOT_USER = "minio-admin"


class Minio(Server):
    """One MinIO server on one drive."""

    program = "minio"
    memory_mib = MINIO_MIB

    def __init__(
        self, folder: Path, ports: Ports, passwords: Passwords, certificates: Certificates | None = None
    ) -> None:
        super().__init__(folder, ports, passwords)
        self._certificates = certificates

    @property
    @override
    def address(self) -> str:
        return f"{'https' if self._certificates else 'http'}://{LOOPBACK}:{self.allotted.s3}"

    @property
    @override
    def ports(self) -> dict[int, str]:
        return {self.allotted.s3: "MinIO", self.allotted.s3_console: "MinIO console"}

    @override
    def launch(self) -> None:
        amqp = f"{LOOPBACK}:{self.allotted.amqp}"
        settings = self.write("minio.env", configuration(self.passwords, amqp, self.data / "events"))
        drive = self.data / "drive"
        listen = ["--address", f"{LOOPBACK}:{self.allotted.s3}"]
        listen += ["--console-address", f"{LOOPBACK}:{self.allotted.s3_console}"]
        if self._certificates:
            listen += ["--certs-dir", str(self._certificates.folder)]
        environment = self.environment(MINIO_CONFIG_ENV_FILE=settings)
        self.process.start([programs.minio(), "server", drive, *listen], environment, folder=self.data)

    @override
    def is_ready(self) -> bool:
        try:
            verify = trust(self._certificates.ca if self._certificates else None)
            return httpx.get(f"{self.address}/minio/health/ready", timeout=5, verify=verify).is_success
        except httpx.TransportError:
            return False


def configuration(passwords: Passwords, amqp: str, event_folder: Path) -> str:
    """Fill minio.env in."""
    return filled(
        "minio.env",
        root_user=ROOT_USER,
        root_password=passwords.s3_root,
        amqp_url=f"amqp://minio:{passwords.amqp_minio}@{amqp}",
        event_folder=event_folder,
    )
