"""What the containers of compose.yaml run, run here: its commands, variables and secret files, nothing else.

Only addresses and folders are this machine's; images and the engine are what is not tested.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.pushes import PASSWORD, outcomes, push
from support.services import free_port
from support.testbed import BIN, Platform, csv_of, eventually, stop

from bucket_policies.users import set_password
from servers.addresses import Addresses
from servers.environment import manager_settings_of, secrets_of, settings_of
from servers.instance import Instance

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

ROOT = Path(__file__).parent.parent.parent


class Composed:
    """The services of compose.yaml as processes of this test."""

    def __init__(self, servers: Instance, platform: Platform, folder: Path) -> None:
        config = [BIN / "docker-compose", "config", "--format", "json"]
        document = json.loads(subprocess.check_output(config, cwd=ROOT, text=True))
        self._services: dict[str, Any] = document["services"]
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        auth, status = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.at = replace(
            Addresses.on_loopback(servers.ports),
            auth_listen=auth,
            auth_url=f"http://{auth}",
            status_listen=status,
            status_url=f"http://{status}",
        )
        self._settings = (
            settings_of(self.at)
            | manager_settings_of(self.at)
            | {
                "BUCKET_POLICIES_DIR": str(platform.policies),
                "CUSTOMER_INGESTAPPS_DIR": str(platform.apps),
                "BUCKET_POLICIES_TRUSTED_PROXIES": "",  # as without a proxy
            }
        )
        secrets = {name.lower(): text for name, text in secrets_of(self.at, servers.passwords).items()}
        self._secrets = secrets | {"cassandra_admin_password": servers.passwords.cassandra_admin}

    def secrets(self, service: str) -> Path:
        """Return the folder that is a container's /run/secrets, with what the service gets."""
        folder = self._folder / service / "secrets"
        folder.mkdir(parents=True, exist_ok=True)
        for secret in self._services[service]["secrets"]:
            (folder / secret["source"]).write_text(self._secrets[secret["source"]])
        return folder

    def start(self, service: str, *arguments: str, **own: str) -> subprocess.Popen[bytes]:
        """Start a service's command as its container would."""
        program, *rest = self._services[service]["command"]
        secrets = self.secrets(service)
        given = self._services[service].get("environment", {})
        environment = {name: self._settings[name] for name in given} | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),  # the image has servers/ where its commands run
            "BUCKET_POLICIES_SECRETS_DIR": str(secrets),
            "INGEST_MANAGER_SECRETS_DIR": str(secrets),
            **own,
        }
        with self._log(service).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable if program == "python" else BIN / program, *rest, *arguments],
                cwd=secrets.parent,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        return process

    def run(self, service: str, *arguments: str) -> None:
        """Run a service that ends by itself."""
        process = self.start(service, *arguments)
        assert process.wait(120) == 0, self._log(service).read_text()

    def is_healthy(self, service: str, url: str) -> bool:
        """Run a service's own health check."""
        _, program, flag, code = self._services[service]["healthcheck"]["test"]
        assert program == "python"
        ports = {"auth-service": 8080, "status-service": 8081, "ingest-manager": 8082}
        listens_at = f"http://127.0.0.1:{ports[service]}"
        assert listens_at in code
        here = [sys.executable, flag, code.replace(listens_at, url)]
        return subprocess.run(here, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _log(self, service: str) -> Path:
        return self._folder / service / "log"


@pytest.fixture
def composed(servers: Instance, platform: Platform, tmp_path: Path) -> Iterator[Composed]:
    made = Composed(servers, platform, tmp_path / "containers")
    yield made
    made.close()


def test_services_with_secret_files_alone_take_a_push_and_load_it(
    composed: Composed, platform: Platform, tmp_path: Path
) -> None:
    customer = platform.add_customer()
    set_password(platform.policies / "users.json", customer, PASSWORD)
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.csv").write_bytes(csv_of([(1, "a", "x"), (2, "b", "y")]))
    at, secrets = composed.at, str(composed.secrets("cassandra-roles"))

    cassandra = ("--host", at.cassandra_host, "--port", str(at.cassandra_port), "--folder", secrets)
    composed.run("cassandra-roles", *cassandra)
    composed.run("setup")
    composed.start("bucket-policies")
    eventually(lambda: f"staging-{customer}" in buckets(platform), what="the customer's bucket")
    listen = [f"127.0.0.1:{free_port()}" for _ in range(2)]  # containers have an address each
    managers = [composed.start("ingest-manager", INGEST_MANAGER_METRICS_LISTEN=own) for own in listen]
    for own in listen:
        eventually(partial(composed.is_healthy, "ingest-manager", f"http://{own}"), what="a manager's health")
    for service, url in (("status-service", at.status_url), ("auth-service", at.auth_url)):
        assert not composed.is_healthy(service, url)
        composed.start(service)
        eventually(partial(composed.is_healthy, service, url), what=f"health of {service}")
    done = push(customer, files, at.auth_url, "--wait", "--json")

    assert outcomes(done) == [("a.csv", "loaded")]
    assert sorted(row["id"] for row in platform.rows(customer)) == [1, 2]
    assert [stop(manager) for manager in managers] == [0, 0]


def buckets(platform: Platform) -> set[str]:
    return {bucket["Name"] for bucket in platform.s3.list_buckets()["Buckets"]}


def test_roles_without_their_secret_files_is_one_line(composed: Composed, tmp_path: Path) -> None:
    process = composed.start("cassandra-roles", "--folder", str(tmp_path))

    assert process.wait(60) == 2
    log = (tmp_path / "containers" / "cassandra-roles" / "log").read_text()
    assert log == (
        f"servers: {tmp_path}/cassandra_admin_password cannot be read: No such file or directory\n"
    )
