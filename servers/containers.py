"""What compose.yaml needs from outside: passwords made up once, and the servers' configuration filled in.

Addresses, settings and templates are those of `servers/`; a test compares compose.yaml with them.
"""

import time
from pathlib import Path

from servers import cassandra_server, minio_server, rabbitmq_server
from servers.addresses import Addresses
from servers.allotment import Passwords, write_private
from servers.cassandra_roles import Roles
from servers.environment import secrets_of
from servers.errors import ServersError

FOLDER = Path("secrets")  # on the host, beside compose.yaml
MOUNTED = Path("/run/secrets")  # in a container
PATIENCE_SECONDS = 240

CQL_PORT, STORAGE_PORT = 9042, 7000
AMQP_PORT, MANAGEMENT_PORT = 5672, 15672
CASSANDRA_DATA = Path("/var/lib/cassandra")
MINIO_DATA = Path("/data")


def addresses(scheme: str = "http", public_host: str = "localhost") -> Addresses:
    """Return where the containers find each other, and where customers find those that are published."""
    return Addresses(
        s3_url=f"{scheme}://minio:9000",
        s3_public_url=f"{scheme}://{public_host}:9000",
        amqp=f"rabbitmq:{AMQP_PORT}",
        cassandra_host="cassandra",
        cassandra_port=CQL_PORT,
        auth_listen="0.0.0.0:8080",
        auth_url=f"{scheme}://{public_host}:8080",
        status_listen="0.0.0.0:8081",
        status_url=f"{scheme}://{public_host}:8081",
        metrics_listen="0.0.0.0:8082",
    )


def write_files(folder: Path) -> None:
    """Write every file that compose.yaml mounts as a secret, under the name that it has there.

    Containers run under users of their own, and Compose leaves a file's owner and mode as they are: so the
    files can be read and the folder cannot be entered.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in files(Passwords.of(folder)).items():
        write_private(folder / name, text)
        (folder / name).chmod(0o444)


def files(passwords: Passwords) -> dict[str, str]:
    """Return the files by name: one per secret setting, and the servers' configuration."""
    at = addresses()
    secrets = {name.lower(): value for name, value in secrets_of(at, passwords).items()}
    return secrets | {
        "cassandra_admin_password": passwords.cassandra_admin,
        "minio.env": minio_server.configuration(passwords, at.amqp, MINIO_DATA / "events"),
        "rabbitmq-definitions.json": rabbitmq_server.definitions(passwords),
        "rabbitmq.conf": rabbitmq_server.configuration(
            "0.0.0.0",
            amqp_port=AMQP_PORT,
            management_port=MANAGEMENT_PORT,
            definitions=MOUNTED / "rabbitmq-definitions.json",
        ),
        "cassandra.yaml": cassandra_server.configuration("cassandra", CQL_PORT, STORAGE_PORT, CASSANDRA_DATA),
    }


def make_roles(host: str, folder: Path, *, port: int) -> None:
    """Make Cassandra's roles with the passwords of the secret files, waiting until it can be used.

    Raises:
        ServersError: a file is missing, or Cassandra did not let us in.
    """
    roles = Roles(
        host,
        port,
        admin=_secret(folder / "cassandra_admin_password"),
        ingest_manager=_secret(folder / "ingest_manager_cassandra_password"),
        granter=_secret(folder / "bucket_policies_cassandra_password"),
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not roles.are_made():
        if time.monotonic() > deadline:
            raise ServersError(
                f"Cassandra at {host}:{port} lets nobody in after {PATIENCE_SECONDS} s: "
                "does it run, and was its data made with the passwords in ./secrets?"
            )
        time.sleep(1)


def _secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ServersError(f"{path} cannot be read: {error.strerror}") from error
