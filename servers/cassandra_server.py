"""Cassandra on the machine's Java, with its logins and roles in place once it is ready.

Keyspaces and tables inside are made by `ingest-manager setup` under its own role.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cassandra import AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy
from typing_extensions import override

from servers import programs
from servers.allotment import LOOPBACK, Passwords, Ports, is_port_free
from servers.capacity import CASSANDRA_BESIDE_HEAP_MIB
from servers.server import TEMPLATES, Server

ADMIN = "cassandra"  # Cassandra's own superuser; its published password is replaced at the first start
PUBLISHED_PASSWORD = "cassandra"


class Cassandra(Server):
    """One Cassandra node."""

    program = "cassandra"
    ready_within_seconds = 240

    def __init__(self, folder: Path, ports: Ports, passwords: Passwords, *, heap_mib: int) -> None:
        super().__init__(folder, ports, passwords)
        self.heap_mib = heap_mib
        self.memory_mib = heap_mib + CASSANDRA_BESIDE_HEAP_MIB

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
        settings = self.render(
            "cassandra.yaml",
            address=LOOPBACK,
            cql_port=self.allotted.cql,
            storage_port=self.allotted.cassandra_storage,
            data=self.data,
        )
        jars = programs.cassandra_jars()
        command = [
            programs.java() or "java",
            f"-Xms{self.heap_mib}M",
            f"-Xmx{self.heap_mib}M",
            f"@{TEMPLATES / 'jvm17.options'}",
            f"-javaagent:{next(jars.glob('jamm-*.jar'))}",
            f"-Dcassandra.config={settings.as_uri()}",
            f"-Dcassandra.storagedir={self.data}",
            f"-Dlogback.configurationFile={TEMPLATES / 'logback.xml'}",
            *("-cp", f"{jars}/*", "org.apache.cassandra.service.CassandraDaemon"),
        ]
        self.process.start(command, self.environment())

    @override
    def is_ready(self) -> bool:
        if is_port_free(self.allotted.cql):
            return False
        try:
            with self.login(ADMIN, self.passwords.cassandra_admin) as session:
                self._create_roles(session)
        except AuthenticationFailed:
            self._replace_published_password()
            return False
        except (DriverException, NoHostAvailable):  # a server that comes up slowly times out at first
            return False
        return True

    @contextmanager
    def login(self, user: str, password: str) -> Iterator[Session]:
        """Open a session under a role.

        Raises:
            AuthenticationFailed: the role or its password is refused.
            NoHostAvailable: the server does not answer.
        """
        cluster = Cluster(
            [LOOPBACK],
            port=self.allotted.cql,
            auth_provider=PlainTextAuthProvider(user, password),
            execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(RoundRobinPolicy())},
            protocol_version=5,
        )
        try:
            yield cluster.connect()
        except NoHostAvailable as error:
            causes = error.errors.values() if isinstance(error.errors, dict) else ()  # or a list of hosts
            refusals = [cause for cause in causes if isinstance(cause, AuthenticationFailed)]
            raise (refusals or [error])[0] from error
        finally:
            cluster.shutdown()

    def _replace_published_password(self) -> None:
        with (
            suppress(DriverException, NoHostAvailable),
            self.login(ADMIN, PUBLISHED_PASSWORD) as session,
        ):
            session.execute(f"ALTER ROLE {ADMIN} WITH PASSWORD = %s", [self.passwords.cassandra_admin])

    def _create_roles(self, session: Session) -> None:
        for role, password in (
            ("ingest_manager", self.passwords.cassandra_manager),
            ("granter", self.passwords.cassandra_granter),
        ):
            session.execute(
                f"CREATE ROLE IF NOT EXISTS {role} WITH LOGIN = true AND PASSWORD = %s", [password]
            )
        # Whoever creates a keyspace or table gets every right on it, so the manager needs no more than this.
        session.execute("GRANT CREATE ON ALL KEYSPACES TO ingest_manager")
        session.execute("GRANT SELECT ON system_views.settings TO ingest_manager")
