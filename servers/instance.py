"""One set of servers and services with its own folder, ports, passwords and data.

The demo's instance lives in the checkout's `.local`; each test session makes one of its own.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from servers.addresses import Addresses
from servers.allotment import Passwords, Ports, require_free, write_private
from servers.capacity import DATA_MIB, HEAP_MIB, available_memory_mib, require_disk, require_memory
from servers.cassandra_server import Cassandra
from servers.certificates import Certificates
from servers.daemon import Daemon
from servers.environment import administration_of, manager_settings_of, secrets_of, settings_of
from servers.installation import require_installed
from servers.minio_server import Minio
from servers.rabbitmq_server import Rabbitmq
from servers.server import Server
from servers.service import Service, services_of, set_up


class Instance:
    """The servers and services of one folder; each can also be started, stopped and killed alone."""

    def __init__(self, folder: Path, *, heap_mib: int = HEAP_MIB) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the data is nobody else's business
        self.ports = Ports.of(self.folder)
        self.passwords = Passwords.of(self.folder)
        self.certificates = Certificates.of(self.folder)
        self.addresses = Addresses.on_loopback(self.ports, scheme="https" if self.certificates else "http")
        own = (self.folder, self.ports, self.passwords)
        self.minio = Minio(*own, self.certificates)
        self.rabbitmq = Rabbitmq(*own)
        self.cassandra = Cassandra(*own, heap_mib=heap_mib)
        self.servers: Sequence[Server] = (self.cassandra, self.rabbitmq, self.minio)
        self.services: Sequence[Service] = services_of(
            self.folder, self.environment(), manager_settings_of(self.addresses)
        )

    @property
    def daemons(self) -> Sequence[Daemon]:
        """Servers and services, in the order in which they start."""
        return (*self.servers, *self.services)

    def start(self) -> None:
        """Start the servers that do not run yet and wait until all can be used.

        Raises:
            ServersError: no room, a port is taken, or a server does not come up. What was started is stopped.
        """
        absent = [server for server in self.servers if server.pid is None]
        if absent:
            require_installed()
            require_memory(sum(server.memory_mib for server in absent), available_memory_mib())
            require_disk(self.folder, DATA_MIB)
        self.write_environment()
        start_all(self.servers)

    def start_everything(self) -> None:
        """Start the servers, set up what is inside them, start our own services.

        Raises:
            ServersError: as of `start`, or a command or service of ours fails. What was started is stopped.
        """
        with stopped_on_failure(self.daemons):
            self.start()
            set_up(self.environment())
            start_all(self.services)

    def stop(self) -> None:
        """Stop the services, then the servers; the data stays."""
        stop_all(self.services)
        stop_all(self.servers)

    def pids(self) -> dict[str, int]:
        """Return the pids of what runs, by name."""
        return {daemon.name: daemon.pid for daemon in self.daemons if daemon.pid is not None}

    def environment(self) -> dict[str, str]:
        """Return every address and password, under the names that the packages' settings have."""
        open_settings = settings_of(self.addresses, self.certificates)
        secrets = secrets_of(self.addresses, self.passwords)
        return open_settings | secrets | administration_of(self.ports, self.passwords)

    def write_environment(self) -> None:
        """Write the environment to the folder's file `env`, which commands run in the checkout read."""
        lines = (f"{name}={value}\n" for name, value in self.environment().items())
        write_private(self.folder / "env", "".join(lines))


def start_all(daemons: Sequence[Daemon]) -> None:
    """Start those that do not run yet and wait for all."""
    with stopped_on_failure(daemons) as absent:
        for daemon in absent:
            daemon.stop()  # what one that was killed has left behind holds its ports
            require_free(daemon.ports)
        for daemon in absent:
            daemon.start()
        for daemon in reversed(daemons):
            daemon.wait()


def stop_all(daemons: Sequence[Daemon]) -> None:
    """Stop those that run, all at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda daemon: daemon.stop(), daemons))


@contextmanager
def stopped_on_failure(daemons: Sequence[Daemon]) -> Iterator[Sequence[Daemon]]:
    """Yield those that do not run yet; stop them again on a fault or Ctrl-C."""
    absent = [daemon for daemon in daemons if daemon.pid is None]
    try:
        yield absent
    except BaseException:
        stop_all(absent)
        raise
