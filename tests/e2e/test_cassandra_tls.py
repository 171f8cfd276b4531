"""Cassandra over TLS: with its authority a file is loaded and grants are read, with another nothing is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import make_certificates
from support.prepared import run_command
from support.settings import settings_of
from support.testbed import Platform, csv_of
from support.tls_front import tls_front

from bucket_policies.errors import UnreachableError
from bucket_policies.grant_store import CassandraSession, GrantStore
from bucket_policies.settings import GrantSettings
from servers.certificates import Certificates
from servers.instance import Instance

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("cassandra-tls"))


@pytest.fixture(scope="module")
def port(servers: Instance, certificates: Certificates) -> Iterator[int]:
    """Where Cassandra speaks TLS."""
    with tls_front(certificates, servers.ports.cql) as port:
        yield port


def granted_bytes(platform: Platform, port: int, ca: Path | None) -> list[tuple[str, int]]:
    session = CassandraSession(
        settings_of(platform.environment, GrantSettings, cassandra_port=port, cassandra_ca=ca)
    )
    try:
        return GrantStore(session).outstanding("nobody")
    finally:
        session.close()


def test_a_file_is_loaded_and_grants_are_read(
    platform: Platform, port: int, certificates: Certificates
) -> None:
    customer = platform.add_customer()
    platform.apply()
    over_tls = {
        "INGEST_MANAGER_CASSANDRA_PORT": str(port),
        "INGEST_MANAGER_CASSANDRA_CA": str(certificates.ca),
    }
    with platform.manager(**over_tls):
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [load] = platform.settled(customer, 1)
    assert (load["status"], load["rows_written"]) == ("loaded", 1)
    assert granted_bytes(platform, port, certificates.ca) == []


@pytest.mark.parametrize("ca", ["other", None])
def test_without_its_authority_nothing_is_asked(
    platform: Platform, port: int, certificates: Certificates, ca: str | None
) -> None:
    other = certificates.folder / "other.crt" if ca else None
    given = {"INGEST_MANAGER_CASSANDRA_PORT": str(port)}
    given |= {"INGEST_MANAGER_CASSANDRA_CA": str(other)} if other else {}
    command = ("ingest-manager", "history", "--customer", "acme")
    told = run_command(command, environment=platform.environment | given, folder=platform.folder)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (4, "", 1), told.stderr
    assert f"127.0.0.1:{port}" in told.stderr
    with pytest.raises(UnreachableError):
        granted_bytes(platform, port, other)
