"""The project's own long-running commands: ingest manager, status service, auth service.

They run from the checkout as a person would run them, with the environment of their instance.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

from servers.daemon import Daemon
from servers.errors import ServersError
from servers.process import Process

BIN = Path(sys.executable).parent


class Service(Daemon):
    """One of our commands in the background; with a URL it is ready when it calls itself healthy."""

    ready_within_seconds = 60

    def __init__(
        self,
        process: Process,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        url: str | None = None,
    ) -> None:
        super().__init__(process)
        self._command = command
        self._environment = environment
        self._url = url

    @property
    @override
    def address(self) -> str:
        return self._url or ""

    @property
    @override
    def ports(self) -> dict[int, str]:
        port = urlsplit(self.address).port
        return {port: self.name} if port else {}

    @override
    def launch(self) -> None:
        program, *arguments = self._command
        self.process.start([BIN / program, *arguments], os.environ | self._environment)

    @override
    def is_ready(self) -> bool:
        if self._url is None:
            return self.pid is not None
        try:
            return httpx.get(f"{self._url}/healthz", timeout=5).is_success
        except httpx.TransportError:
            return False


def services_of(folder: Path, environment: Mapping[str, str]) -> list[Service]:
    """Return an instance's services, in the order in which they start."""
    auth_service, status_service = environment["FETCHDATA_SERVER"], environment["BUCKET_POLICIES_STATUS_URL"]

    def service(name: str, *command: str, url: str | None = None) -> Service:
        return Service(Process(name, folder), command, environment, url=url)

    return [
        service("ingest-manager", "ingest-manager", "run"),
        service("status-service", "ingest-manager", "status-service", url=status_service),
        service("auth-service", "bucket-policies", "auth-service", "--demo", url=auth_service),
    ]


def set_up(environment: Mapping[str, str]) -> None:
    """Bring the servers' content into the state that the services need; repeating it changes nothing.

    Raises:
        ServersError: a command failed; carries its last line.
    """
    for program, argument in (("bucket-policies", "apply"), ("ingest-manager", "setup")):
        done = subprocess.run(
            [BIN / program, argument],
            env=os.environ | environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise ServersError(
                f"`{program} {argument}` failed: {(done.stdout.strip() or 'no output').splitlines()[-1]}"
            )
