"""The project's own long-running commands: ingest manager, status service, auth service, watch.

They run from the checkout as a person would run them, with the environment of their instance.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

from servers.certificates import trust
from servers.daemon import Daemon
from servers.errors import ServersError
from servers.process import Process

BIN = Path(sys.executable).parent


class Service(Daemon):
    """One of our commands in the background."""

    ready_within_seconds = 60

    def __init__(self, process: Process, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(process)
        self._command = command
        self._environment = environment

    @override
    def launch(self) -> None:
        program, *arguments = self._command
        self.process.start([BIN / program, *arguments], os.environ | self._environment)


class QuietService(Service):
    """A service that listens nowhere: a line of its log tells when it is ready."""

    ready_line: ClassVar[str]

    @override
    def is_ready(self) -> bool:
        return self.pid is not None and self.ready_line in self.process.output()


class QuietManager(QuietService):
    """An ingest manager whose metrics nobody wants: ready when it takes deliveries."""

    ready_line = "the manager runs"


class Watch(QuietService):
    """The watch over customers' documents: ready when all of them are applied."""

    ready_line = "MinIO equals the documents"


class WebService(Service):
    """A service with an address: it is ready when it calls itself healthy."""

    def __init__(
        self, process: Process, command: Sequence[str], environment: Mapping[str, str], *, url: str
    ) -> None:
        super().__init__(process, command, environment)
        self._url = url

    @property
    @override
    def address(self) -> str:
        return self._url

    @property
    @override
    def ports(self) -> dict[int, str]:
        port = urlsplit(self._url).port
        return {port: self.name} if port else {}

    @override
    def is_ready(self) -> bool:
        try:
            verify = trust(self._environment.get("FETCHDATA_CA"))
            return httpx.get(f"{self._url}/healthz", timeout=5, verify=verify).is_success
        except httpx.TransportError:
            return False


def services_of(
    folder: Path, environment: Mapping[str, str], of_manager: Mapping[str, str]
) -> tuple[Service, ...]:
    """Return an instance's services, in the order in which they start."""
    return (
        WebService(
            Process("ingest-manager", folder),
            ["ingest-manager", "run"],
            {**environment, **of_manager},
            url=environment["MANAGER_METRICS_URL"],
        ),
        Watch(Process("bucket-policies-watch", folder), ["bucket-policies", "watch"], environment),
        WebService(
            Process("status-service", folder),
            ["ingest-manager", "status-service"],
            environment,
            url=environment["BUCKET_POLICIES_STATUS_URL"],
        ),
        WebService(
            Process("auth-service", folder),
            ["bucket-policies", "auth-service", "--demo"],
            environment,
            url=environment["FETCHDATA_SERVER"],
        ),
    )


_REFUSED = 1  # exit code of our commands: done, but for what they name


def set_up(environment: Mapping[str, str]) -> None:
    """Bring the servers' content into the state that the services need; repeating it changes nothing.

    What is refused, such as one customer's app, stops nobody else: it is told, as in a start by hand.

    Raises:
        ServersError: a command failed; carries its last line.
    """
    for program, argument in (("bucket-policies", "apply"), ("ingest-manager", "setup")):
        done = subprocess.run(
            [BIN / program, argument],
            env=os.environ | environment,
            check=False,
            text=True,
            capture_output=True,
        )
        told = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        if done.returncode == _REFUSED:
            print(f"`{program} {argument}` refused something:", *told, sep="\n  ", file=sys.stderr)
        elif done.returncode:
            raise ServersError(f"`{program} {argument}` failed: {told[-1]}")
