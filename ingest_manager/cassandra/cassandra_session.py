"""The way to Cassandra: one session per process, its statements, and its faults in this package's words.

Alone connects; `encoded_batch` and `stored_values` use the driver's types. `ledger`, `tables`, `row_writer`
speak CQL through it, `placement` gets the token ring from it. What a fault means, whoever catches it decides.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeAlias

import cassandra
from cassandra import ConsistencyLevel, ProtocolVersion, cluster, connection, pool, protocol
from cassandra.auth import PlainTextAuthProvider
from cassandra.cmurmur3 import murmur3
from cassandra.metadata import Murmur3Token
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import UNSET_VALUE, BoundStatement, dict_factory

from bucket_policies.certificates import client_context
from ingest_manager.cassandra.encoded_batch import EncodedBatch, encode_batch
from ingest_manager.errors import (
    IngestError,
    PermanentError,
    ServerDown,
    TransientError,
    UnknownResult,
    server_down,
)
from ingest_manager.settings import Settings

UNSET: object = UNSET_VALUE
Row = dict[str, Any]
Prepared: TypeAlias = Any
ReplicaMap: TypeAlias = Mapping[Any, Sequence[Any]]
token_of: Callable[[bytes], int] = murmur3

_NO_REPLICAS: ReplicaMap = {}

_CAS = "compare-and-set"
_SIDE_BY_SIDE = 32  # statements of one stream
_RECONNECT_SECONDS = (0.5, 5.0)
# The driver sends a message in pieces; the last would wait for an ack, which a server delays by up to 40 ms.
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]

# Driver classes → what they mean; the nearest ancestor listed decides.
_DOWN: tuple[type[Exception], ...] = (
    cluster.NoHostAvailable,
    cassandra.UnresolvableContactPoints,
    cassandra.AuthenticationFailed,
    protocol.BadCredentials,
    connection.ConnectionException,
    connection.ProtocolError,
    pool.NoConnectionsAvailable,
)
_TRANSIENT: tuple[type[Exception], ...] = (
    cassandra.RequestExecutionException,
    cassandra.OperationTimedOut,
    connection.ConnectionBusy,
    protocol.ErrorMessage,
    protocol.RequestExecutionException,
    protocol.PreparedQueryNotFound,
)
_PERMANENT: Mapping[type[Exception], str] = {
    cassandra.Unauthorized: "cassandra_unauthorized",
    cassandra.RequestValidationException: "cassandra_refused",
    cassandra.FunctionFailure: "cassandra_refused",
    cassandra.UnsupportedOperation: "cassandra_unsupported",
    cassandra.DriverException: "cassandra_unsupported",
    cassandra.DependencyException: "cassandra_unsupported",
    cluster.UserTypeDoesNotExist: "cassandra_refused",
    cluster.QueryExhausted: "cassandra_unsupported",
    protocol.RequestValidationException: "cassandra_refused",
    protocol.ProtocolException: "cassandra_refused",
    protocol.NotSupportedError: "cassandra_unsupported",
    protocol.InternalError: "cassandra_unsupported",
}
_DRIVER_ERRORS = (*_DOWN, *_TRANSIENT, *_PERMANENT)


def fault_of(error: Exception) -> IngestError | None:
    """Say what a driver's exception means, None if it is not one of the driver's."""
    for kind in type(error).__mro__:
        if kind in _DOWN:
            return _unreachable(error)
        if kind in _TRANSIENT:
            return TransientError(f"Cassandra gave no good answer: {_text(error)}", "cassandra_no_answer")
        if kind in _PERMANENT:
            return PermanentError(f"Cassandra refused the statement: {_text(error)}", _PERMANENT[kind])
    return None


def _unreachable(error: Exception) -> IngestError:
    """A host that answered, if only that it is overloaded, is not down; nor one that met a slip of ours."""
    by_host = getattr(error, "errors", None)
    for answer in by_host.values() if isinstance(by_host, dict) else ():  # or a list of hosts alone
        fault = fault_of(answer)
        if isinstance(fault, TransientError):
            return fault
        if fault is None and not isinstance(answer, OSError):
            return _unexpected(answer)
    return ServerDown(f"Cassandra cannot be reached: {_text(error)}", server="cassandra")


def _unexpected(error: Exception) -> IngestError:
    """A fault of ours, such as a cell that is no bytes: attempts are counted, so it ends."""
    return TransientError(f"internal error before Cassandra: {_text(error)}", "internal_error")


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


@contextmanager
def driver_faults() -> Iterator[None]:
    """Turn the driver's exceptions into this package's."""
    try:
        yield
    except _DRIVER_ERRORS as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault from error


@contextmanager
def _cas_faults() -> Iterator[None]:
    """After a passing fault or a broken connection nobody knows whether the statement was applied."""
    try:
        with driver_faults():
            yield
    except (TransientError, ServerDown) as fault:
        was_sent = isinstance(fault, TransientError) or isinstance(
            fault.__cause__, connection.ConnectionException
        )
        if not was_sent:
            raise
        raise UnknownResult(f"the answer of a compare-and-set was lost: {fault}") from fault


@dataclass(frozen=True, slots=True)
class CasResult:
    """The answer to a compare-and-set; `row` is the current row where it was not applied, else empty."""

    applied: bool
    row: Row


class Pending:
    """A statement under way."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def result(self) -> list[Row]:
        """Wait for the rows."""
        with driver_faults():
            return list(self._future.result())


class CassandraSession:
    """Executes statements; a text with parameters is prepared once. Threads may share it."""

    def __init__(self, driver_cluster: Any, driver_session: Any) -> None:
        self._cluster = driver_cluster
        self._session = driver_session
        self._session.add_request_init_listener(encode_batch)
        self._prepared: dict[str, Prepared] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self._cluster.shutdown()

    def replica_map(self, keyspace: str) -> ReplicaMap:
        """Return the replicas by end of token range: another object after each change, empty if unknown."""
        token_map = self._cluster.metadata.token_map
        if token_map is None or token_map.token_class is not Murmur3Token:
            return _NO_REPLICAS
        token_map.rebuild_keyspace(keyspace, build_if_absent=True)
        replicas: ReplicaMap = token_map.tokens_to_hosts_by_ks.get(keyspace, _NO_REPLICAS)
        return replicas

    def prepare(self, cql: str) -> Prepared:
        """Prepare a statement, or return the one prepared before."""
        with self._lock:
            if cql not in self._prepared:
                with driver_faults():
                    self._prepared[cql] = self._session.prepare(cql)
            return self._prepared[cql]

    def execute(self, statement: str | Prepared, parameters: Sequence[object] = ()) -> list[Row]:
        """Execute one statement that may be repeated without harm, and return all its rows."""
        return self.execute_async(statement, parameters).result()

    def execute_async(self, statement: str | Prepared, parameters: Sequence[object] = ()) -> Pending:
        """Start a statement that may be repeated without harm."""
        with driver_faults():
            return Pending(self._start(statement, parameters))

    def stream(self, statement: str | Prepared, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Yield the rows of a statement; the next page is fetched while the last one is used."""
        return self.stream_each(statement, [parameters])

    def stream_each(
        self, statement: str | Prepared, parameter_sets: Iterable[Sequence[object]]
    ) -> Iterator[Row]:
        """Yield the rows of a statement for each set of parameters, some of them side by side."""
        following = iter(parameter_sets)
        with driver_faults():
            pending = deque(
                self._start(statement, parameters) for parameters in islice(following, _SIDE_BY_SIDE)
            )
            while pending:
                future = pending.popleft()
                page = future.result().current_rows
                if future.has_more_pages:
                    future.start_fetching_next_page()
                    pending.append(future)
                else:
                    pending.extend(self._start(statement, parameters) for parameters in islice(following, 1))
                yield from page

    def _start(self, statement: str | Prepared, parameters: Sequence[object]) -> Any:
        return self._session.execute_async(self._bindable(statement, parameters), parameters)

    def execute_cas(self, statement: str | Prepared, parameters: Sequence[object] = ()) -> CasResult:
        """Execute a statement with IF, once.

        Raises:
            UnknownResult: it may or may not have been applied.
        """
        bindable = self._bindable(statement, parameters)
        with _cas_faults():
            row = self._session.execute(bindable, parameters, execution_profile=_CAS).one()
        return CasResult(applied=row.pop("[applied]"), row=row)

    def _bindable(self, statement: str | Prepared, parameters: Sequence[object]) -> str | Prepared:
        return self.prepare(statement) if isinstance(statement, str) and parameters else statement

    def send_batch(self, batch: EncodedBatch, done: Callable[[IngestError | None], None]) -> None:
        """Start a batch; `done` is called once, with its fault if any, mostly on the driver's thread."""
        answered = threading.Lock()

        def answer(fault: IngestError | None) -> None:
            # The driver answers again where a statement that it prepared anew comes after its own time-out.
            if answered.acquire(blocking=False):
                done(fault)

        future = self._session.execute_async(batch)
        future.add_callbacks(
            lambda _: answer(None), lambda error: answer(fault_of(error) or _unexpected(error))
        )


def with_cells(prepared: Prepared, cells: Sequence[object]) -> Prepared:
    """Give a prepared statement its parameters as encoded cells."""
    bound = BoundStatement(prepared)
    bound.values = list(cells)
    return bound


def connect(settings: Settings) -> CassandraSession:
    """Connect to the cluster.

    Raises:
        ServerDown: no host answers, or the login is refused.
    """
    try:
        return _connected(settings)
    except IngestError as error:
        told, _, why = error.message.partition(": ")
        hosts = ", ".join(f"{host}:{settings.cassandra_port}" for host in settings.cassandra_hosts)
        raise server_down("cassandra", told, hosts, why) from error


def _connected(settings: Settings) -> CassandraSession:
    with driver_faults():  # a name that nobody knows is found out here
        driver_cluster = cluster.Cluster(
            settings.cassandra_hosts,
            port=settings.cassandra_port,
            auth_provider=PlainTextAuthProvider(
                settings.cassandra_user, settings.cassandra_password.get_secret_value()
            ),
            execution_profiles=_profiles(settings),
            reconnection_policy=ExponentialReconnectionPolicy(*_RECONNECT_SECONDS),
            connect_timeout=settings.cassandra_timeout_seconds,
            sockopts=_AT_ONCE,
            ssl_context=client_context(settings.cassandra_ca),
            control_connection_timeout=settings.cassandra_timeout_seconds,
        )
    # Negotiation downwards starts here rather than at the versions of another product.
    driver_cluster.protocol_version = ProtocolVersion.V5
    try:
        with driver_faults():
            return CassandraSession(driver_cluster, driver_cluster.connect())
    except IngestError:
        driver_cluster.shutdown()
        raise


def _profiles(settings: Settings) -> dict[object, Any]:
    consistency = ConsistencyLevel.name_to_value[settings.consistency]
    shared = {
        "load_balancing_policy": TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        "request_timeout": settings.cassandra_timeout_seconds,
        "consistency_level": consistency,
        "row_factory": dict_factory,
    }
    serial = ConsistencyLevel.name_to_value[settings.serial_consistency]
    return {
        cluster.EXEC_PROFILE_DEFAULT: cluster.ExecutionProfile(**shared),
        # A compare-and-set that the driver repeats would meet its own first try and report "not applied".
        _CAS: cluster.ExecutionProfile(
            **shared, retry_policy=FallthroughRetryPolicy(), serial_consistency_level=serial
        ),
    }
