"""compose.yaml against `servers/` and the settings: as much as can be known without a container engine.

Docker Compose itself reads the files here, so their form and every reference inside them are its business.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr
from pydantic_settings import BaseSettings
from typer.main import get_command

from bucket_policies.cli import app as bucket_policies_cli
from bucket_policies.settings import AuthSettings, MirrorSettings
from ingest_manager.cli import cli as ingest_manager_cli
from ingest_manager.settings import Settings
from servers import containers, versions
from servers.__main__ import app as servers_cli
from servers.allotment import Passwords
from servers.capacity import HEAP_MIB
from servers.cassandra_server import java_command
from servers.certificates import Certificates
from servers.environment import manager_settings_of, settings_of

ROOT = Path(__file__).parent.parent.parent
COMPOSE = Path(sys.executable).parent / "docker-compose"
CONFIGURATION = Path("/etc/ingestion")
CERTS = Path("/certs")
DOCUMENTS = {
    "BUCKET_POLICIES_DIR": "/documents/bucket_policies",
    "CUSTOMER_INGESTAPPS_DIR": "/documents/customer_ingestapps",
}
SETTINGS: dict[str, type[BaseSettings]] = {
    "setup": Settings,
    "ingest-manager": Settings,
    "status-service": Settings,
    "bucket-policies": MirrorSettings,
    "auth-service": AuthSettings,
}
COMMANDS = {
    "bucket-policies": bucket_policies_cli,
    "ingest-manager": ingest_manager_cli,
    "python": servers_cli,
}
OURS = {*SETTINGS, "cassandra-roles"}
FOREIGN = {"rabbitmq", "cassandra"}

Service = dict[str, Any]


def resolved(*names: str) -> dict[str, Any]:
    """Return what Compose makes of the files; it fails on an unknown key, secret, volume or service."""
    files = [argument for name in names for argument in ("--file", name)]
    done = subprocess.run(
        [COMPOSE, "--project-directory", ".", *files, "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return resolved("compose.yaml")


@pytest.fixture(scope="module")
def tls() -> dict[str, Any]:
    return resolved("compose.yaml", "compose.tls.yaml")


@pytest.fixture(scope="module")
def services(plain: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = plain["services"]
    return found


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Passwords:
    return Passwords.of(tmp_path_factory.mktemp("passwords"))


def test_the_system_is_complete(plain: dict[str, Any]) -> None:
    assert set(plain["services"]) == OURS | FOREIGN | {"minio"}
    assert set(plain["volumes"]) == {"minio", "rabbitmq", "cassandra"}


# versions and images


def test_versions_are_those_of_servers(services: dict[str, Service]) -> None:
    go = versions.GO_WHEEL.partition("==")[2]

    assert services["minio"]["build"]["args"] == {"MINIO_VERSION": versions.MINIO, "GO_VERSION": go}
    assert tuple(map(int, go.split("."))) >= versions.GO_AT_LEAST
    assert services["cassandra"]["image"] == f"cassandra:{versions.CASSANDRA}"
    assert services["rabbitmq"]["image"] == "rabbitmq:4.1-management"
    assert {services[name]["image"] for name in OURS} == {"ingestion-platform"}


def test_dockerfiles_state_no_version_of_their_own() -> None:
    minio = (ROOT / "containers" / "minio.Dockerfile").read_text()
    ours = (ROOT / "containers" / "services.Dockerfile").read_text()

    assert set(re.findall(r"^ARG (.+)$", minio, re.MULTILINE)) == {"GO_VERSION", "MINIO_VERSION"}
    assert f"{versions.MINIO_MODULE}@${{MINIO_VERSION}}" in minio
    assert set(re.findall(r"^FROM python:([\d.]+)-", ours, re.MULTILINE)) == {"3.11"}
    assert "--require-hashes" in ours


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ours = (ROOT / "containers" / "services.Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", ours, re.MULTILINE)
        for source in line.split()[:-1]
    }
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", sorted({*OURS, "minio"}))
def test_images_are_built_from_files_that_exist(services: dict[str, Service], name: str) -> None:
    build = services[name]["build"]

    assert (Path(build["context"]) / build["dockerfile"]).is_file()


# addresses and settings


def test_only_what_customers_call_is_published_and_on_loopback_unless_told_otherwise(
    services: dict[str, Service],
) -> None:
    published = {
        (name, port["host_ip"], port["published"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    at = containers.addresses()

    assert published == {
        ("minio", "127.0.0.1", "9000", 9000),
        ("auth-service", "127.0.0.1", "8080", 8080),
        ("status-service", "127.0.0.1", "8081", 8081),
    }
    public = {at.s3_public_url, at.auth_url, at.status_url}
    assert public == {f"http://localhost:{port}" for _, _, port, _ in published}
    assert (at.auth_listen, at.status_listen) == ("0.0.0.0:8080", "0.0.0.0:8081")


@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_settings_are_those_of_servers(
    plain: dict[str, Any], tls: dict[str, Any], name: str, scheme: str
) -> None:
    document, files = (plain, None) if scheme == "http" else (tls, Certificates(CERTS))
    at = containers.addresses(scheme)
    wanted = (
        settings_of(at, files) | manager_settings_of(at) | DOCUMENTS | {"BUCKET_POLICIES_TRUSTED_PROXIES": ""}
    )
    given = document["services"][name]["environment"]

    assert given == {name: wanted.get(name) for name in given}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_variable_is_a_setting_of_its_service(tls: dict[str, Any], name: str) -> None:
    assert set(tls["services"][name]["environment"]) <= variables(SETTINGS[name]) | set(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(SETTINGS))
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_service_starts_with_its_settings_and_its_secret_files_alone(
    container: "Container", plain: dict[str, Any], tls: dict[str, Any], name: str, scheme: str
) -> None:
    container.enter((plain if scheme == "http" else tls)["services"][name])

    settings: Any = SETTINGS[name]()

    key = {"auth-service": "tls_key", "status-service": "status_tls_key"}.get(name)
    assert key is None or bool(getattr(settings, key)) == (scheme == "https")
    assert bool(settings.s3_ca) == (scheme == "https")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_service_gets_a_secret_that_it_does_not_read(services: dict[str, Service], name: str) -> None:
    secrets = {secret["source"].upper() for secret in services[name]["secrets"]}

    assert secrets == {variable for variable, annotation in fields(SETTINGS[name]) if annotation is SecretStr}


def test_the_roles_get_the_passwords_that_the_services_log_in_with(services: dict[str, Service]) -> None:
    assert {secret["target"] for secret in services["cassandra-roles"]["secrets"]} == {
        "/run/secrets/cassandra_admin_password",
        "/run/secrets/ingest_manager_cassandra_password",
        "/run/secrets/bucket_policies_cassandra_password",
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_exist(services: dict[str, Service], name: str) -> None:
    program, *arguments = services[name]["command"]
    if program == "python":
        assert arguments[:2] == ["-m", "servers"]
        arguments = arguments[2:]
    group: Any = get_command(COMMANDS[program])
    command = group.get_command(group.make_context(program, ["--help"], resilient_parsing=True), arguments[0])

    assert command is not None, f"{program} has no command {arguments[0]}"
    assert command.make_context(arguments[0], arguments[1:])


# the servers' configuration


def test_cassandra_is_started_as_servers_start_it(services: dict[str, Service]) -> None:
    cassandra = services["cassandra"]
    command = java_command(
        "java",
        Path("/opt/cassandra/lib"),
        agent="jamm-0.4.0.jar",
        settings=containers.MOUNTED / "cassandra.yaml",
        templates=CONFIGURATION,
        data=containers.CASSANDRA_DATA,
        heap_mib=HEAP_MIB,
    )

    assert cassandra["entrypoint"] == command
    assert mounts(cassandra) == {
        str(containers.CASSANDRA_DATA): "cassandra",
        str(CONFIGURATION): str(ROOT / "servers" / "config"),
    }
    assert cassandra["hostname"] == containers.addresses().cassandra_host  # what cassandra.yaml listens at


def test_rabbitmq_reads_the_configuration_of_servers(
    services: dict[str, Service], passwords: Passwords
) -> None:
    rabbitmq = services["rabbitmq"]
    written = containers.files(passwords)

    assert rabbitmq["environment"] == {
        "RABBITMQ_CONFIG_FILE": "/run/secrets/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/ingestion/enabled_plugins",
        "RABBITMQ_NODENAME": "rabbit@localhost",
    }
    assert "listeners.tcp.1 = 0.0.0.0:5672\n" in written["rabbitmq.conf"]
    assert "load_definitions = /run/secrets/rabbitmq-definitions.json\n" in written["rabbitmq.conf"]
    users = [user["name"] for user in json.loads(written["rabbitmq-definitions.json"])["users"]]
    assert users == ["admin", "minio", "ingest_manager"]
    assert mounts(rabbitmq) == {
        "/var/lib/rabbitmq": "rabbitmq",
        str(CONFIGURATION): str(ROOT / "servers" / "config"),
    }


def test_minio_keeps_objects_and_waiting_events_in_its_volume(
    services: dict[str, Service], passwords: Passwords
) -> None:
    minio = services["minio"]
    written = containers.files(passwords)["minio.env"]

    assert minio["command"][:2] == ["server", "/data/drive"]
    assert minio["environment"]["MINIO_CONFIG_ENV_FILE"] == "/run/secrets/minio.env"
    assert "MINIO_NOTIFY_AMQP_QUEUE_DIR_DURABLE=/data/events\n" in written
    assert f"amqp://minio:{passwords.amqp_minio}@rabbitmq:5672\n" in written
    assert mounts(minio) == {"/data": "minio"}


# secrets


def test_every_secret_that_is_mounted_is_written_and_the_other_way_round(
    plain: dict[str, Any], passwords: Passwords
) -> None:
    files = {name: Path(secret["file"]) for name, secret in plain["secrets"].items()}
    used = {
        secret["source"] for service in plain["services"].values() for secret in service.get("secrets", [])
    }

    assert set(files) == set(containers.files(passwords)) == used
    assert {path.relative_to(ROOT / containers.FOLDER) for path in files.values()} == {
        Path(name) for name in files
    }


def test_no_file_holds_a_password_and_no_image_makes_a_login_of_its_own(
    plain: dict[str, Any], tls: dict[str, Any]
) -> None:
    secret = {
        variable
        for kind in (*SETTINGS.values(),)
        for variable, annotation in fields(kind)
        if annotation is SecretStr
    }
    environment = {
        variable
        for document in (plain, tls, resolved("compose.yaml", "compose.demo.yaml"))
        for service in document["services"].values()
        for variable in service.get("environment", {})
    }

    assert environment & secret == set()
    assert [name for name in environment if re.search("PASSWORD|SECRET|TOKEN|DEFAULT|ROOT", name)] == []


def test_secrets_are_written_once_and_for_the_owner_of_the_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    containers.write_files(folder)
    first = (folder / "ingest_manager_amqp_url").read_text()

    containers.write_files(folder)

    assert (folder / "ingest_manager_amqp_url").read_text() == first
    assert re.fullmatch(r"amqp://ingest_manager:[0-9a-f]{32}@rabbitmq:5672/%2F", first)
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes.pop("passwords.json") == 0o600
    assert set(modes.values()) == {0o444}
    assert "/secrets/" in f"/{(ROOT / '.gitignore').read_text()}".replace("\n", "/")


def test_published_passwords_log_in_only_in_the_demo(services: dict[str, Service]) -> None:
    demo = resolved("compose.yaml", "compose.demo.yaml")["services"]

    assert services["auth-service"]["command"] == ["bucket-policies", "auth-service"]
    assert demo["auth-service"]["command"] == ["bucket-policies", "auth-service", "--demo"]
    assert {name for name in demo if demo[name] != services[name]} == {"auth-service"}


# running


def test_every_container_is_confined(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert "container_name" not in service, name  # it would stand in the way of --scale
        assert name in FOREIGN or service["read_only"], name
    assert [services[name]["user"] for name in sorted(FOREIGN)] == ["cassandra", "rabbitmq"]
    for dockerfile in (ROOT / "containers").glob("*.Dockerfile"):
        assert re.search(r"^USER (?!root)\w+$", dockerfile.read_text(), re.MULTILINE), dockerfile


def test_documents_and_apps_are_shared_and_read_only(services: dict[str, Service]) -> None:
    for name in SETTINGS:
        assert mounts(services[name]) == {
            "/documents/bucket_policies": str(ROOT / "bucket_policies"),
            "/documents/customer_ingestapps": str(ROOT / "customer_ingestapps"),
        }
        assert all(volume["read_only"] for volume in services[name]["volumes"])


def test_whoever_is_waited_for_can_tell_that_it_is_ready(services: dict[str, Service]) -> None:
    once = {"setup", "cassandra-roles"}
    for service in services.values():
        for name, dependency in service.get("depends_on", {}).items():
            is_once = name in once
            assert dependency["condition"] == (
                "service_completed_successfully" if is_once else "service_healthy"
            )
            assert is_once or "healthcheck" in services[name]
    assert {name for name in services if services[name]["restart"] == "on-failure"} == once
    assert {name for name in services if services[name]["restart"] == "unless-stopped"} == set(
        services
    ) - once


def test_health_checks_use_programs_of_their_images(plain: dict[str, Any], tls: dict[str, Any]) -> None:
    programs = {
        "minio": "curl",
        "rabbitmq": "rabbitmq-diagnostics",
        "cassandra": "bash",
        "ingest-manager": "python",
        "status-service": "python",
        "auth-service": "python",
    }
    for document in (plain, tls):
        checks = {
            name: service["healthcheck"]["test"]
            for name, service in document["services"].items()
            if "healthcheck" in service
        }
        assert {name: check[:2] for name, check in checks.items()} == {
            name: ["CMD", program] for name, program in programs.items()
        }
        for check in checks.values():
            assert check[1] != "python" or compile(check[3], "healthcheck", "exec")
    assert "apk add --no-cache curl" in (ROOT / "containers" / "minio.Dockerfile").read_text()


class Container:
    """This process with a service's environment and secret files, as if it were in the container."""

    def __init__(self, folder: Path, passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._files = containers.files(passwords)
        self._monkeypatch = monkeypatch
        authority = trustme.CA()
        certificate = authority.issue_cert("minio")
        certificates = Certificates(folder / "certs")
        certificates.folder.mkdir()
        authority.cert_pem.write_to_path(certificates.ca)
        certificate.private_key_and_cert_chain_pem.write_to_path(certificates.key)
        certificate.cert_chain_pems[0].write_to_path(certificates.certificate)

    def enter(self, service: Service) -> None:
        """Take over what the service gets and forget everything else."""
        mounted = self._folder / "run-secrets"
        mounted.mkdir()
        for secret in service["secrets"]:
            if secret["target"].startswith("/run/secrets/"):
                (mounted / secret["source"]).write_text(self._files[secret["source"]])
        self._monkeypatch.chdir(self._folder)
        for name in list(os.environ):
            if name.startswith(("BUCKET_POLICIES_", "INGEST_MANAGER_")):
                self._monkeypatch.delenv(name)
        for name, value in service["environment"].items():
            self._monkeypatch.setenv(name, value.replace(str(CERTS), f"{self._folder}/certs"))
        for prefix in ("BUCKET_POLICIES", "INGEST_MANAGER"):
            self._monkeypatch.setenv(f"{prefix}_SECRETS_DIR", str(mounted))


@pytest.fixture
def container(tmp_path: Path, passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> Container:
    return Container(tmp_path, passwords, monkeypatch)


def fields(kind: type[BaseSettings]) -> Iterator[tuple[str, Any]]:
    """Yield (variable, type) of each setting."""
    prefix = kind.model_config["env_prefix"]
    for name, field in kind.model_fields.items():
        yield str(field.validation_alias or f"{prefix}{name.upper()}"), field.annotation


def variables(kind: type[BaseSettings]) -> set[str]:
    return {variable for variable, _ in fields(kind)}


def mounts(service: Service) -> dict[str, str]:
    """Return what is mounted, by its place in the container."""
    return {volume["target"]: volume["source"] for volume in service["volumes"]}
