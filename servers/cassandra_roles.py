"""Cassandra's logins: the superuser's password replaced, a role each for the manager and the auth service.

Made by an instance as soon as its node answers, and by `python -m servers roles` in containers.
Keyspaces and tables are made by `ingest-manager setup` under its own role.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from cassandra import AuthenticationFailed, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy

ADMIN = "cassandra"  # Cassandra's own superuser; its published password is replaced at the first start
PUBLISHED_PASSWORD = "cassandra"
INGEST_MANAGER = "ingest_manager"
GRANTER = "granter"


@dataclass(frozen=True)
class Roles:
    """The logins of one node, with the passwords that they are to have."""

    host: str
    port: int
    admin: str = field(repr=False)
    ingest_manager: str = field(repr=False)
    granter: str = field(repr=False)

    def are_made(self) -> bool:
        """Make what is missing, set the passwords; False while the node cannot be used yet."""
        try:
            with login(self.host, self.port, ADMIN, self.admin) as session:
                self._create(session)
        except AuthenticationFailed:
            self._replace_published_password()
            return False
        except (DriverException, NoHostAvailable):  # a server that comes up slowly times out at first
            return False
        return True

    def _replace_published_password(self) -> None:
        with (
            suppress(DriverException, NoHostAvailable),
            login(self.host, self.port, ADMIN, PUBLISHED_PASSWORD) as session,
        ):
            session.execute(f"ALTER ROLE {ADMIN} WITH PASSWORD = %s", [self.admin])

    def _create(self, session: Session) -> None:
        for role, password in ((INGEST_MANAGER, self.ingest_manager), (GRANTER, self.granter)):
            session.execute(
                f"CREATE ROLE IF NOT EXISTS {role} WITH LOGIN = true AND PASSWORD = %s", [password]
            )
            # Of a role that was there the password may be another one by now.
            session.execute(f"ALTER ROLE {role} WITH PASSWORD = %s", [password])
        # Whoever creates a keyspace or table gets every right on it, so the manager needs no more than this.
        session.execute(f"GRANT CREATE ON ALL KEYSPACES TO {INGEST_MANAGER}")
        session.execute(f"GRANT SELECT ON system_views.settings TO {INGEST_MANAGER}")


@contextmanager
def login(host: str, port: int, user: str, password: str) -> Iterator[Session]:
    """Open a session under a role.

    Raises:
        AuthenticationFailed: the role or its password is refused.
        NoHostAvailable: the server does not answer.
    """
    cluster = Cluster(
        [host],
        port=port,
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
