"""The environment file's content."""

from pathlib import Path

from servers.addresses import Addresses
from servers.allotment import Passwords, Ports
from servers.certificates import Certificates
from servers.environment import administration_of, manager_settings_of, secrets_of, settings_of

PORTS = Ports(
    s3=1,
    s3_console=2,
    amqp=3,
    amqp_management=4,
    amqp_distribution=5,
    epmd=6,
    cql=7,
    cassandra_storage=8,
    auth_service=9,
    status_service=10,
    manager_metrics=11,
)
PASSWORDS = Passwords(
    s3_root="root",
    s3_granter="granter",
    s3_manager="manager",
    amqp_admin="amqp-admin",
    amqp_minio="amqp-minio",
    amqp_manager="amqp-manager",
    cassandra_admin="cql-admin",
    cassandra_manager="cql-manager",
    cassandra_granter="cql-granter",
    token_key="token",
)
LOCAL = Addresses.on_loopback(PORTS)


def test_each_package_finds_its_servers_and_its_own_login() -> None:
    environment = settings_of(LOCAL) | secrets_of(LOCAL, PASSWORDS)

    assert environment["BUCKET_POLICIES_S3_URL"] == "http://127.0.0.1:1"
    assert environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"] == "root"
    assert environment["BUCKET_POLICIES_CASSANDRA_PASSWORD"] == "cql-granter"
    assert environment["BUCKET_POLICIES_LISTEN"] == "127.0.0.1:9"
    assert environment["INGEST_MANAGER_AMQP_URL"] == "amqp://ingest_manager:amqp-manager@127.0.0.1:3/%2F"
    assert environment["INGEST_MANAGER_CASSANDRA_PORT"] == "7"
    assert environment["INGEST_MANAGER_CASSANDRA_PASSWORD"] == "cql-manager"
    assert environment["INGEST_MANAGER_STATUS_LISTEN"] == "127.0.0.1:10"
    assert environment["FETCHDATA_SERVER"] == "http://127.0.0.1:9"


def test_the_address_of_its_metrics_is_told_to_the_instances_own_manager_alone() -> None:
    assert manager_settings_of(LOCAL) == {"INGEST_MANAGER_METRICS_LISTEN": "127.0.0.1:11"}
    assert "INGEST_MANAGER_METRICS_LISTEN" not in settings_of(LOCAL)
    assert administration_of(PORTS, PASSWORDS)["MANAGER_METRICS_URL"] == "http://127.0.0.1:11"


def test_both_services_share_the_manager_login_and_the_token_key() -> None:
    environment = settings_of(LOCAL) | secrets_of(LOCAL, PASSWORDS)

    assert environment["BUCKET_POLICIES_MANAGER_SECRET_KEY"] == environment["INGEST_MANAGER_S3_SECRET_KEY"]
    assert environment["BUCKET_POLICIES_TOKEN_KEY"] == environment["INGEST_MANAGER_TOKEN_KEY"]
    assert environment["BUCKET_POLICIES_STATUS_URL"].endswith(environment["INGEST_MANAGER_STATUS_LISTEN"])


def test_with_certificates_every_address_of_customers_is_https_and_everybody_knows_the_authority() -> None:
    environment = settings_of(Addresses.on_loopback(PORTS, scheme="https"), Certificates(Path("/certs")))

    addresses = {name: value for name, value in environment.items() if value.startswith("http")}
    assert {value.partition("://")[0] for value in addresses.values()} == {"https"}
    assert len(addresses) == 5
    assert {name: value for name, value in environment.items() if value.startswith("/certs")} == {
        "BUCKET_POLICIES_S3_CA": "/certs/ca.crt",
        "BUCKET_POLICIES_TLS_CERTIFICATE": "/certs/public.crt",
        "BUCKET_POLICIES_TLS_KEY": "/certs/private.key",
        "INGEST_MANAGER_S3_CA": "/certs/ca.crt",
        "INGEST_MANAGER_STATUS_TLS_CERTIFICATE": "/certs/public.crt",
        "INGEST_MANAGER_STATUS_TLS_KEY": "/certs/private.key",
        "FETCHDATA_CA": "/certs/ca.crt",
    }
