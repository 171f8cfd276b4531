"""Everything that customers and services call over TLS, with certificates of an authority made here."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import make_certificates
from support.pushes import PASSWORD, outcomes, push
from support.services import free_port, serve
from support.testbed import Platform, csv_of, eventually

from bucket_policies.users import set_password
from servers.addresses import Addresses
from servers.certificates import Certificates
from servers.environment import settings_of
from servers.instance import Instance
from servers.minio_server import Minio

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@dataclass(frozen=True)
class Secured:
    """A platform on a MinIO of its own that speaks TLS."""

    platform: Platform
    certificates: Certificates
    at: Addresses
    other_ca: Path


@pytest.fixture
def secured(
    servers: Instance, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Secured]:
    """Nothing is started but the servers; their events go to the broker that all tests share."""
    certificates = make_certificates(tmp_path)
    ports = dataclasses.replace(
        servers.ports,
        s3=free_port(),
        s3_console=free_port(),
        auth_service=free_port(),
        status_service=free_port(),
    )
    minio = Minio(tmp_path / "instance", ports, servers.passwords, certificates)
    minio.start()
    try:
        minio.wait()
        at = Addresses.on_loopback(ports, scheme="https")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca))  # for the test's own client
        platform = Platform(tmp_path / "platform", environment | settings_of(at, certificates))
        monkeypatch.delenv("AWS_CA_BUNDLE")
        yield Secured(platform, certificates, at, certificates.folder / "other.crt")
        platform.close()
    finally:
        minio.stop()


def start(secured: Secured) -> str:
    """Start everything for one customer; return it."""
    platform = secured.platform
    customer = platform.add_customer()
    set_password(platform.policies / "users.json", customer, PASSWORD)
    platform.apply()
    for command, url in (
        (("bucket-policies", "auth-service"), secured.at.auth_url),
        (("ingest-manager", "status-service"), secured.at.status_url),
    ):
        serve(platform, *command, url=url, ca=secured.certificates.ca)
    return customer


def test_a_push_is_loaded_over_tls_from_end_to_end(secured: Secured, tmp_path: Path) -> None:
    platform, customer = secured.platform, start(secured)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_bytes(csv_of([(1, "a", "x"), (2, "b", "y")]))

    with platform.manager():
        knowing = {"FETCHDATA_CA": str(secured.certificates.ca)}
        done = push(customer, folder, secured.at.auth_url, "--wait", "--json", environment=knowing)
        platform.settled(customer, 1)
    platform.verify(customer)
    unknowing = push(customer, folder, secured.at.auth_url)
    in_clear = push(customer, folder, secured.at.auth_url.replace("https", "http"))

    assert outcomes(done) == [("a.csv", "loaded")]
    assert sorted(row["id"] for row in platform.rows(customer)) == [1, 2]
    for refused in (unknowing, in_clear):
        assert refused.returncode == 4
        assert refused.stderr.count("\n") == 1
    assert "is not trusted: give its CA with --ca or in FETCHDATA_CA" in unknowing.stderr


def test_a_service_with_a_wrong_authority_says_so_in_one_line(secured: Secured) -> None:
    platform = secured.platform
    customer = platform.add_customer()
    platform.apply()
    wrong = {name: str(secured.other_ca) for name in ("BUCKET_POLICIES_S3_CA", "INGEST_MANAGER_S3_CA")}
    platform.environment |= wrong

    policies = failure(platform, "bucket-policies", "plan")
    reconcile = failure(platform, "ingest-manager", "reconcile", "--customer", customer)
    manager = platform.start_manager()
    log = platform.folder / "ingest-manager-0.log"
    eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in log.read_text(), what="a word in the manager's log")

    assert policies.startswith("bucket-policies: MinIO does not answer: ")
    assert "CERTIFICATE_VERIFY_FAILED" in policies
    assert reconcile.startswith("ingest-manager: no TLS with the store, see INGEST_MANAGER_S3_CA: ")
    assert manager.poll() is None  # it waits until the store can be trusted


def failure(platform: Platform, *arguments: str) -> str:
    """Run a command that must fail with exit code 4 and one line; return the line."""
    done = platform.run(*arguments)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_service_with_half_a_pair_does_not_start(secured: Secured) -> None:
    platform = secured.platform
    del platform.environment["BUCKET_POLICIES_TLS_KEY"]
    del platform.environment["INGEST_MANAGER_STATUS_TLS_CERTIFICATE"]

    auth = platform.run("bucket-policies", "auth-service")
    status = platform.run("ingest-manager", "status-service")

    half = "certificate and key go together: one of the two is not set\n"
    assert (auth.returncode, auth.stderr) == (2, f"bucket-policies: BUCKET_POLICIES_TLS_KEY: {half}")
    assert (status.returncode, status.stderr) == (2, f"ingest-manager: INGEST_MANAGER_STATUS_TLS_KEY: {half}")
