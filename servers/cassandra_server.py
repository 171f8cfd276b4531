"""Cassandra on the machine's Java, with its logins and roles in place once it is ready."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cassandra.cluster import Session
from typing_extensions import override

from servers import cassandra_roles, programs
from servers.allotment import LOOPBACK, Passwords, Ports, is_port_free
from servers.capacity import CASSANDRA_BESIDE_HEAP_MIB
from servers.server import TEMPLATES, Server, filled


class Cassandra(Server):
    """One Cassandra node."""

    program = "cassandra"
    ready_within_seconds = 240

    def __init__(self, folder: Path, ports: Ports, passwords: Passwords, *, heap_mib: int) -> None:
        super().__init__(folder, ports, passwords)
        self.heap_mib = heap_mib
        self.memory_mib = heap_mib + CASSANDRA_BESIDE_HEAP_MIB
        self._roles = cassandra_roles.Roles(
            LOOPBACK,
            ports.cql,
            admin=passwords.cassandra_admin,
            ingest_manager=passwords.cassandra_manager,
            granter=passwords.cassandra_granter,
        )

    @property
    @override
    def address(self) -> str:
        return f"{LOOPBACK}:{self.allotted.cql}"

    @property
    @override
    def ports(self) -> dict[int, str]:
        return {self.allotted.cql: "Cassandra", self.allotted.cassandra_storage: "Cassandra between nodes"}

    @override
    def launch(self) -> None:
        text = configuration(LOOPBACK, self.allotted.cql, self.allotted.cassandra_storage, self.data)
        command = local_command(self.write("cassandra.yaml", text), self.data, self.heap_mib)
        self.process.start(command, self.environment(), folder=self.data)

    @override
    def is_ready(self) -> bool:
        return not is_port_free(self.allotted.cql) and self._roles.are_made()

    def login(self, user: str, password: str) -> AbstractContextManager[Session]:
        """Open a session under a role, as `cassandra_roles.login` does."""
        return cassandra_roles.login(LOOPBACK, self.allotted.cql, user, password)


def configuration(
    address: str,
    cql_port: int,
    storage_port: int,
    data: Path,
    *,
    seed: str | None = None,
    bootstraps: bool = False,
    has_logins: bool = True,
) -> str:
    """Fill cassandra.yaml in.

    By default a node stands alone: through a seed it finds the others, and where it bootstraps it fetches
    what it is to hold from them first. Without logins anybody may do anything.
    """
    return filled(
        "cassandra.yaml",
        address=address,
        cql_port=cql_port,
        storage_port=storage_port,
        data=data,
        seed=seed or address,
        bootstraps=str(bootstraps).lower(),
        authenticator="PasswordAuthenticator" if has_logins else "AllowAllAuthenticator",
        authorizer="CassandraAuthorizer" if has_logins else "AllowAllAuthorizer",
    )


def local_command(settings: Path, data: Path, heap_mib: int) -> Sequence[str]:
    """Return the command that starts a node on this machine, from the jars in the cache."""
    jars = programs.cassandra_jars()
    return java_command(
        programs.java() or "java",
        jars,
        agent=next(jars.glob("jamm-*.jar")).name,
        settings=settings,
        templates=TEMPLATES,
        data=data,
        heap_mib=heap_mib,
    )


def java_command(
    java: str | Path, jars: Path, *, agent: str, settings: Path, templates: Path, data: Path, heap_mib: int
) -> Sequence[str]:
    """Return the command that starts a node, on this machine or in a container."""
    return [
        str(java),
        f"-Xms{heap_mib}M",
        f"-Xmx{heap_mib}M",
        f"@{templates / 'jvm17.options'}",
        f"-javaagent:{jars / agent}",
        f"-Dcassandra.config={settings.as_uri()}",
        f"-Dcassandra.storagedir={data}",
        f"-Dlogback.configurationFile={templates / 'logback.xml'}",
        *("-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"),
    ]
