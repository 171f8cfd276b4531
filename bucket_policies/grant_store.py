"""Grants in Cassandra: bytes that were promised and have not arrived yet.

One partition per customer, one row per upload, its files in a map; rows end by themselves (TTL), and the
manager takes a file out when it claims the object. A reservation is one compare-and-set on the partition's
static `last_upload`, so of two calls that saw the same state only one passes. The only importer of
cassandra-driver here.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import cassandra
from cassandra import ConsistencyLevel, ProtocolVersion, cluster, connection, pool, protocol
from cassandra.auth import PlainTextAuthProvider
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import dict_factory

from bucket_policies.arrivals import Sized
from bucket_policies.certificates import client_context
from bucket_policies.errors import GrantError, UnreachableError, see_that_it_runs
from bucket_policies.settings import GrantSettings

# Tombstones slow reads down, and one dropped early can at worst bring a grant back until its TTL ends.
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ingest.grants (
        customer text, last_upload text STATIC, upload_id text, sizes map<text, bigint>,
        PRIMARY KEY (customer, upload_id)
    ) WITH gc_grace_seconds = 60""",
)
TABLES = ("ingest.grants",)  # where the auth service's role may SELECT and MODIFY

_READ = "SELECT last_upload, upload_id, sizes FROM ingest.grants WHERE customer = ?"
_RESERVE = (
    "UPDATE ingest.grants USING TTL ? SET last_upload = ?, sizes = sizes + ? "
    "WHERE customer = ? AND upload_id = ? IF last_upload = ?"
)
_RELEASE = "DELETE sizes[?] FROM ingest.grants WHERE customer = ? AND upload_id = ?"
_END = "DELETE FROM ingest.grants WHERE customer = ?"

# The driver's errors: what the statement's fault is, and everything else.
REFUSALS = (
    cassandra.RequestValidationException,
    cassandra.UnsupportedOperation,
    protocol.RequestValidationException,
    protocol.NotSupportedError,
)
NO_ANSWERS = (
    cassandra.DriverException,
    cluster.NoHostAvailable,
    connection.ConnectionBusy,
    connection.ConnectionException,
    connection.ProtocolError,
    pool.NoConnectionsAvailable,
    protocol.ErrorMessage,
    protocol.InternalError,
)

_ATTEMPTS = 50
_TIMEOUT_SECONDS = 10
_PAUSE_SECONDS = 0.05
_RECONNECT_SECONDS = 2


class Session(Protocol):
    """Whatever executes CQL with `?` for parameters and gives rows as dictionaries."""

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Execute one statement."""
        ...


@dataclass(frozen=True)
class Share:
    """What a decision gives out: size in bytes by key, and what had been in use before it."""

    sizes: Mapping[str, int]
    used_bytes: int


class GrantStore:
    """The grants of all customers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ping(self) -> None:
        """Read anything, to see that it can be done."""
        self._session.execute(_READ, ("nobody",))

    def outstanding(self, customer: str) -> list[Sized]:
        """Return everything that is promised to a customer."""
        return _granted(self._session.execute(_READ, (customer,)))

    def end(self, customer: str) -> None:
        """Forget every grant of a customer."""
        self._session.execute(_END, (customer,))

    def reserve(
        self, customer: str, upload_id: str, decide: Callable[[list[Sized]], Share], *, ttl_seconds: int
    ) -> Share:
        """Keep what `decide` gives out, given what is promised; when others were first it decides anew.

        Raises:
            GrantError: others were first every time.
        """
        share: Share | None = None
        for attempt in range(_ATTEMPTS):
            rows = self._session.execute(_READ, (customer,))
            if share and any(row["upload_id"] == upload_id for row in rows):
                return share  # the answer to the last attempt was lost, not the attempt
            share = decide(_granted(rows))
            last_upload = rows[0]["last_upload"] if rows else None
            change = (ttl_seconds, upload_id, dict(share.sizes), customer, upload_id, last_upload)
            if not share.sizes or self._is_taken(change):
                return share
            time.sleep(random.uniform(0, _PAUSE_SECONDS * min(attempt, 10)))  # noqa: S311 - no secret
        raise GrantError(f"too many uploads of {customer} begin at once")

    def release(self, customer: str, upload_id: str, key: str) -> None:
        """Forget a grant whose object has arrived; repeating it does no harm."""
        self._session.execute(_RELEASE, (key, customer, upload_id))

    def _is_taken(self, change: Sequence[object]) -> bool:
        try:
            [answer] = self._session.execute(_RESERVE, change)
        except UnreachableError:
            return False  # perhaps it is: the next look at the rows tells
        return bool(answer["[applied]"])


def _granted(rows: Sequence[Mapping[str, Any]]) -> list[Sized]:
    return [granted for row in rows if row["sizes"] for granted in row["sizes"].items()]


class CassandraSession:
    """Cassandra with the auth service's role: connected when first needed, so that either may start first."""

    def __init__(self, settings: GrantSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}
        self._reconnect_at = 0.0

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Execute one statement.

        Raises:
            UnreachableError: no answer; whether the statement took effect is not known.
            GrantError: Cassandra refused it.
        """
        with driver_errors():
            session = self._connected()
            if statement not in self._prepared:
                self._prepared[statement] = session.prepare(statement)
            return list(session.execute(self._prepared[statement], parameters))

    def close(self) -> None:
        """End every connection."""
        if self._cluster:
            self._cluster.shutdown()

    def _connected(self) -> Any:
        with self._lock:
            if self._session is None:
                if time.monotonic() < self._reconnect_at:  # a queue of callers does not wait in turn
                    raise UnreachableError("Cassandra", "connecting failed a moment ago")
                self._reconnect_at = time.monotonic() + _RECONNECT_SECONDS
                self._connect()
            return self._session

    def _connect(self) -> None:
        settings = self._settings
        profile = cluster.ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
            request_timeout=_TIMEOUT_SECONDS,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
            row_factory=dict_factory,
        )
        password = settings.cassandra_password.get_secret_value()
        attempt = cluster.Cluster(
            settings.cassandra_hosts,
            port=settings.cassandra_port,
            auth_provider=PlainTextAuthProvider(settings.cassandra_user, password),
            execution_profiles={cluster.EXEC_PROFILE_DEFAULT: profile},
            protocol_version=ProtocolVersion.V5,
            ssl_context=client_context(settings.cassandra_ca),
        )
        try:
            self._session, self._cluster = attempt.connect(), attempt
        finally:
            if self._session is None:
                attempt.shutdown()


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn what the driver raises into GrantError or UnreachableError."""
    try:
        yield
    except REFUSALS as error:
        raise GrantError(f"Cassandra refused: {_one_line(error)}") from error
    except NO_ANSWERS as error:
        told = see_that_it_runs(_one_line(error), "BUCKET_POLICIES_CASSANDRA_HOSTS")
        raise UnreachableError("Cassandra", told) from error


def _one_line(error: Exception) -> str:
    by_host = getattr(error, "errors", None)
    host, cause = next(iter(by_host.items())) if isinstance(by_host, dict) and by_host else ("", error)
    return " ".join(f"{host} {type(cause).__name__}: {cause}".split())[:300]
