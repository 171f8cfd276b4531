"""A process of an instance that others use once it is ready: start, wait, stop, kill.

The three servers and our own long-running commands are daemons; each says how it starts and when it
is ready.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from servers.errors import ServersError
from servers.process import POLL_SECONDS, Process


class Daemon(ABC):
    """What every process of an instance can do."""

    ready_within_seconds = 120

    def __init__(self, process: Process) -> None:
        self.process = process

    @property
    def name(self) -> str:
        """How people and log files call it."""
        return self.process.name

    @property
    def pid(self) -> int | None:
        """The pid while it runs; None otherwise."""
        return self.process.pid

    @property
    def address(self) -> str:
        """Where its users find it; empty when it listens nowhere."""
        return ""

    @property
    def ports(self) -> Mapping[int, str]:
        """The ports on which it will listen, with what each is for."""
        return {}

    @abstractmethod
    def launch(self) -> None:
        """Write its configuration and start the process."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it can be used."""

    def start(self) -> None:
        """Start it unless it runs; `wait` tells when it can be used."""
        if self.pid is None:
            self.launch()

    def wait(self) -> None:
        """Wait until it can be used.

        Raises:
            ServersError: it ended, or took too long.
        """
        deadline = time.monotonic() + self.ready_within_seconds
        while not self.is_ready():
            if self.pid is None:
                raise ServersError(
                    f"{self.name} ended at its start: {self.process.last_line()} ({self.process.log})"
                )
            if time.monotonic() > deadline:
                raise ServersError(
                    f"{self.name} is not ready after {self.ready_within_seconds} s ({self.process.log})"
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop it in an orderly way; its data stays."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
