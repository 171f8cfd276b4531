"""The environment of an instance: every address and password that the packages' settings read."""

from servers.allotment import LOOPBACK, Passwords, Ports
from servers.cassandra_server import ADMIN as CASSANDRA_ADMIN
from servers.minio_server import ROOT_USER


def environment_of(ports: Ports, passwords: Passwords) -> dict[str, str]:
    """Return the variables, named as the settings of the packages are."""
    s3_url = f"http://{LOOPBACK}:{ports.s3}"
    auth_service, status_service = f"{LOOPBACK}:{ports.auth_service}", f"{LOOPBACK}:{ports.status_service}"
    return {
        "BUCKET_POLICIES_S3_URL": s3_url,
        "BUCKET_POLICIES_S3_PUBLIC_URL": s3_url,
        "BUCKET_POLICIES_ADMIN_ACCESS_KEY": ROOT_USER,
        "BUCKET_POLICIES_ADMIN_SECRET_KEY": passwords.s3_root,
        "BUCKET_POLICIES_GRANTER_ACCESS_KEY": "granter",
        "BUCKET_POLICIES_GRANTER_SECRET_KEY": passwords.s3_granter,
        "BUCKET_POLICIES_MANAGER_ACCESS_KEY": "ingest-manager",
        "BUCKET_POLICIES_MANAGER_SECRET_KEY": passwords.s3_manager,
        "BUCKET_POLICIES_CASSANDRA_HOSTS": LOOPBACK,
        "BUCKET_POLICIES_CASSANDRA_PORT": str(ports.cql),
        "BUCKET_POLICIES_CASSANDRA_USER": "granter",
        "BUCKET_POLICIES_CASSANDRA_PASSWORD": passwords.cassandra_granter,
        "BUCKET_POLICIES_TOKEN_KEY": passwords.token_key,
        "BUCKET_POLICIES_STATUS_URL": f"http://{status_service}",
        "BUCKET_POLICIES_LISTEN": auth_service,
        "INGEST_MANAGER_S3_URL": s3_url,
        "INGEST_MANAGER_S3_ACCESS_KEY": "ingest-manager",
        "INGEST_MANAGER_S3_SECRET_KEY": passwords.s3_manager,
        "INGEST_MANAGER_AMQP_URL": f"amqp://ingest_manager:{passwords.amqp_manager}@{LOOPBACK}:{ports.amqp}/%2F",
        "INGEST_MANAGER_CASSANDRA_HOSTS": LOOPBACK,
        "INGEST_MANAGER_CASSANDRA_PORT": str(ports.cql),
        "INGEST_MANAGER_CASSANDRA_USER": "ingest_manager",
        "INGEST_MANAGER_CASSANDRA_PASSWORD": passwords.cassandra_manager,
        "INGEST_MANAGER_TOKEN_KEY": passwords.token_key,
        "INGEST_MANAGER_STATUS_LISTEN": status_service,
        "INGEST_MANAGER_GRANTER_ROLE": "granter",
        "FETCHDATA_SERVER": f"http://{auth_service}",
        **_administration(ports, passwords),
    }


def _administration(ports: Ports, passwords: Passwords) -> dict[str, str]:
    """Logins for people who look around and for tests; no package reads them."""
    return {
        "MINIO_CONSOLE_URL": f"http://{LOOPBACK}:{ports.s3_console}",
        "RABBITMQ_MANAGEMENT_URL": f"http://{LOOPBACK}:{ports.amqp_management}",
        "RABBITMQ_ADMIN_URL": f"amqp://admin:{passwords.amqp_admin}@{LOOPBACK}:{ports.amqp}/%2F",
        "RABBITMQ_ADMIN_USER": "admin",
        "RABBITMQ_ADMIN_PASSWORD": passwords.amqp_admin,
        "CASSANDRA_ADMIN_USER": CASSANDRA_ADMIN,
        "CASSANDRA_ADMIN_PASSWORD": passwords.cassandra_admin,
    }
