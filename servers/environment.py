"""Every address, login and password that the packages' settings read, named as they are.

One set for both ways to run the system: an instance writes all of it to its `env`, containers get the open
part from compose.yaml and each secret as a file.
"""

from servers.addresses import Addresses
from servers.allotment import LOOPBACK, Passwords, Ports
from servers.cassandra_roles import ADMIN as CASSANDRA_ADMIN
from servers.cassandra_roles import GRANTER, INGEST_MANAGER
from servers.certificates import Certificates
from servers.minio_server import ROOT_USER


def settings_of(at: Addresses, tls: Certificates | None = None) -> dict[str, str]:
    """Return what anybody may read."""
    return {
        "BUCKET_POLICIES_S3_URL": at.s3_url,
        "BUCKET_POLICIES_S3_PUBLIC_URL": at.s3_public_url,
        "BUCKET_POLICIES_ADMIN_ACCESS_KEY": ROOT_USER,
        "BUCKET_POLICIES_GRANTER_ACCESS_KEY": "granter",
        "BUCKET_POLICIES_MANAGER_ACCESS_KEY": "ingest-manager",
        "BUCKET_POLICIES_CASSANDRA_HOSTS": at.cassandra_host,
        "BUCKET_POLICIES_CASSANDRA_PORT": str(at.cassandra_port),
        "BUCKET_POLICIES_CASSANDRA_USER": GRANTER,
        "BUCKET_POLICIES_STATUS_URL": at.status_url,
        "BUCKET_POLICIES_LISTEN": at.auth_listen,
        "INGEST_MANAGER_S3_URL": at.s3_url,
        "INGEST_MANAGER_S3_ACCESS_KEY": "ingest-manager",
        "INGEST_MANAGER_CASSANDRA_HOSTS": at.cassandra_host,
        "INGEST_MANAGER_CASSANDRA_PORT": str(at.cassandra_port),
        "INGEST_MANAGER_CASSANDRA_USER": INGEST_MANAGER,
        "INGEST_MANAGER_STATUS_LISTEN": at.status_listen,
        "INGEST_MANAGER_GRANTER_ROLE": GRANTER,
        "FETCHDATA_SERVER": at.auth_url,
        **(_tls(tls) if tls else {}),
    }


def manager_settings_of(at: Addresses) -> dict[str, str]:
    """Return what only the system's own manager is told: another one listens elsewhere or not at all."""
    return {"INGEST_MANAGER_METRICS_LISTEN": at.metrics_listen}


def secrets_of(at: Addresses, passwords: Passwords) -> dict[str, str]:
    """Return what only its service may read."""
    return {
        "BUCKET_POLICIES_ADMIN_SECRET_KEY": passwords.s3_root,
        "BUCKET_POLICIES_GRANTER_SECRET_KEY": passwords.s3_granter,
        "BUCKET_POLICIES_MANAGER_SECRET_KEY": passwords.s3_manager,
        "BUCKET_POLICIES_CASSANDRA_PASSWORD": passwords.cassandra_granter,
        "BUCKET_POLICIES_TOKEN_KEY": passwords.token_key,
        "INGEST_MANAGER_S3_SECRET_KEY": passwords.s3_manager,
        "INGEST_MANAGER_AMQP_URL": f"amqp://ingest_manager:{passwords.amqp_manager}@{at.amqp}/%2F",
        "INGEST_MANAGER_CASSANDRA_PASSWORD": passwords.cassandra_manager,
        "INGEST_MANAGER_TOKEN_KEY": passwords.token_key,
    }


def administration_of(ports: Ports, passwords: Passwords) -> dict[str, str]:
    """Return an instance's logins for people who look around and for tests; no package reads them."""
    return {
        "MANAGER_METRICS_URL": f"http://{LOOPBACK}:{ports.manager_metrics}",
        "MINIO_CONSOLE_URL": f"http://{LOOPBACK}:{ports.s3_console}",
        "RABBITMQ_MANAGEMENT_URL": f"http://{LOOPBACK}:{ports.amqp_management}",
        "RABBITMQ_ADMIN_URL": f"amqp://admin:{passwords.amqp_admin}@{LOOPBACK}:{ports.amqp}/%2F",
        "RABBITMQ_ADMIN_USER": "admin",
        "RABBITMQ_ADMIN_PASSWORD": passwords.amqp_admin,
        "CASSANDRA_ADMIN_USER": CASSANDRA_ADMIN,
        "CASSANDRA_ADMIN_PASSWORD": passwords.cassandra_admin,
    }


def _tls(files: Certificates) -> dict[str, str]:
    return {
        "BUCKET_POLICIES_S3_CA": str(files.ca),
        "BUCKET_POLICIES_TLS_CERTIFICATE": str(files.certificate),
        "BUCKET_POLICIES_TLS_KEY": str(files.key),
        "INGEST_MANAGER_S3_CA": str(files.ca),
        "INGEST_MANAGER_STATUS_TLS_CERTIFICATE": str(files.certificate),
        "INGEST_MANAGER_STATUS_TLS_KEY": str(files.key),
        "FETCHDATA_CA": str(files.ca),
    }
