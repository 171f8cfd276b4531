"""RabbitMQ with the management plugin, users by definitions file, and an epmd of its own.

The topology inside is made by its users: MinIO declares its exchange, `ingest-manager setup` the rest.
"""

import base64
import hashlib
import secrets
from pathlib import Path

import pika
import pika.exceptions
from typing_extensions import override

from servers import programs
from servers.allotment import LOOPBACK, Passwords, Ports, is_port_free
from servers.capacity import RABBITMQ_MIB
from servers.process import Process
from servers.server import TEMPLATES, Server, filled


class Rabbitmq(Server):
    """One RabbitMQ node."""

    program = "rabbitmq"
    memory_mib = RABBITMQ_MIB

    def __init__(self, folder: Path, ports: Ports, passwords: Passwords) -> None:
        super().__init__(folder, ports, passwords)
        # The machine's common epmd would listen on every address and outlive us.
        self._epmd = Process("epmd", folder)

    @property
    @override
    def address(self) -> str:
        return f"amqp://{LOOPBACK}:{self.allotted.amqp}"

    @property
    @override
    def ports(self) -> dict[int, str]:
        epmd = {} if self._epmd.pid else {self.allotted.epmd: "epmd"}
        return epmd | {
            self.allotted.amqp: "RabbitMQ",
            self.allotted.amqp_management: "RabbitMQ management",
            self.allotted.amqp_distribution: "RabbitMQ distribution",
        }

    @override
    def launch(self) -> None:
        environment = self._environment()
        if self._epmd.pid is None:
            self._epmd.start(["epmd", "-port", str(self.allotted.epmd), "-address", LOOPBACK], environment)
        self.process.start([programs.RABBITMQ], environment, folder=self.data)

    @override
    def is_ready(self) -> bool:
        if is_port_free(self.allotted.amqp):
            return False
        credentials = pika.PlainCredentials("admin", self.passwords.amqp_admin)
        parameters = pika.ConnectionParameters(LOOPBACK, self.allotted.amqp, credentials=credentials)
        try:
            pika.BlockingConnection(parameters).close()
        except pika.exceptions.AMQPError:
            return False
        return True

    @override
    def stop(self) -> None:
        super().stop()
        self._epmd.stop()

    def _environment(self) -> dict[str, str]:
        self.data.mkdir(parents=True, exist_ok=True)
        no_machine_settings = self.data / "rabbitmq-env.conf"
        no_machine_settings.touch()
        return self.environment(
            ERL_EPMD_ADDRESS=LOOPBACK,
            ERL_EPMD_PORT=self.allotted.epmd,
            RABBITMQ_CONF_ENV_FILE=no_machine_settings,
            RABBITMQ_CONFIG_FILE=self._configuration(),
            RABBITMQ_DIST_PORT=self.allotted.amqp_distribution,
            RABBITMQ_ENABLED_PLUGINS_FILE=TEMPLATES / "enabled_plugins",
            RABBITMQ_LOGS="-",
            RABBITMQ_LOG_BASE=self.data / "log",
            RABBITMQ_MNESIA_BASE=self.data / "mnesia",
            RABBITMQ_NODENAME="rabbit@localhost",
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
        )

    def _configuration(self) -> Path:
        users = self.write("rabbitmq-definitions.json", definitions(self.passwords))
        at = {"amqp_port": self.allotted.amqp, "management_port": self.allotted.amqp_management}
        return self.write("rabbitmq.conf", configuration(LOOPBACK, definitions=users, **at))


def configuration(address: str, *, amqp_port: int, management_port: int, definitions: Path) -> str:
    """Fill rabbitmq.conf in."""
    return filled(
        "rabbitmq.conf",
        address=address,
        amqp_port=amqp_port,
        management_port=management_port,
        definitions=definitions,
    )


def definitions(passwords: Passwords) -> str:
    """Fill rabbitmq-definitions.json in: users, their rights, policies."""
    return filled(
        "rabbitmq-definitions.json",
        admin_hash=password_hash(passwords.amqp_admin),
        minio_hash=password_hash(passwords.amqp_minio),
        manager_hash=password_hash(passwords.amqp_manager),
    )


def password_hash(password: str) -> str:
    """Hash a password as RabbitMQ's definitions want it: 4 bytes of salt, then the salted SHA-256."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
