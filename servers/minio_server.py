"""MinIO: the object store, with its two event targets FAST and DURABLE towards RabbitMQ.

Buckets, users and policies inside are made by `bucket-policies apply`.
"""

import httpx
from typing_extensions import override

from servers import programs
from servers.allotment import LOOPBACK
from servers.capacity import MINIO_MIB
from servers.server import Server

ROOT_USER = "minio-admin"


class Minio(Server):
    """One MinIO server on one drive."""

    program = "minio"
    memory_mib = MINIO_MIB

    @property
    @override
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.allotted.s3}"

    @property
    @override
    def ports(self) -> dict[int, str]:
        return {self.allotted.s3: "MinIO", self.allotted.s3_console: "MinIO console"}

    @override
    def launch(self) -> None:
        settings = self.render(
            "minio.env",
            root_user=ROOT_USER,
            root_password=self.passwords.s3_root,
            amqp_url=f"amqp://minio:{self.passwords.amqp_minio}@{LOOPBACK}:{self.allotted.amqp}",
            event_folder=self.data / "events",
        )
        drive = self.data / "drive"
        drive.mkdir(parents=True, exist_ok=True)
        listen = ["--address", f"{LOOPBACK}:{self.allotted.s3}"]
        listen += ["--console-address", f"{LOOPBACK}:{self.allotted.s3_console}"]
        environment = self.environment(MINIO_CONFIG_ENV_FILE=settings)
        self.process.start([programs.minio(), "server", drive, *listen], environment)

    @override
    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/minio/health/ready", timeout=5).is_success
        except httpx.TransportError:
            return False
