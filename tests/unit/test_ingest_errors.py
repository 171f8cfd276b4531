"""Every fault of the driver has a meaning here."""

import inspect
import pickle

import cassandra
import pytest
from cassandra import (
    OperationTimedOut,
    Unavailable,
    WriteTimeout,
    WriteType,
    cluster,
    connection,
    pool,
    protocol,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown

from ingest_manager.cassandra.cassandra_session import CassandraSession, driver_faults, fault_of
from ingest_manager.errors import IngestError, PermanentError, ServerDown, TransientError, UnknownResult

TIMED_OUT = WriteTimeout("late", consistency=6, required_responses=2, received_responses=1, write_type=5)
OVERLOADED = protocol.OverloadedErrorMessage(0x1001, "too busy", None)


def exceptions_of(module) -> list[type[Exception]]:
    found = (member for _, member in inspect.getmembers(module, inspect.isclass))
    return [kind for kind in found if issubclass(kind, Exception) and kind.__module__ == module.__name__]


def made(kind: type[Exception]) -> Exception:
    """Make an exception without its constructor's arguments, but with what its text needs."""
    error = kind.__new__(kind)
    error.code, error.message = 0, "made"
    return error


@pytest.mark.parametrize("module", [cassandra, cluster, connection, pool, protocol], ids=lambda m: m.__name__)
def test_every_exception_of_the_driver_is_mapped(module):
    unmapped = [kind for kind in exceptions_of(module) if fault_of(made(kind)) is None]
    assert unmapped == []


def test_an_exception_of_our_own_is_left_alone():
    assert fault_of(ValueError("ours")) is None
    with pytest.raises(ValueError, match="ours"), driver_faults():
        raise ValueError("ours")


@pytest.mark.parametrize(
    "error",
    [
        NoHostAvailable("no host", {}),
        NoHostAvailable("no host", {"127.0.0.1": ConnectionRefusedError(111, "refused")}),
        NoHostAvailable("no host", {"127.0.0.1": ConnectionShutdown("closed")}),
        cassandra.AuthenticationFailed("wrong password"),
        connection.ConnectionException("reset"),
        pool.NoConnectionsAvailable(),
    ],
)
def test_what_cannot_be_reached_is_a_server_down(error):
    with pytest.raises(ServerDown) as raised, driver_faults():
        raise error
    assert raised.value.server == "cassandra"
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        TIMED_OUT,
        OVERLOADED,
        OperationTimedOut(),
        Unavailable("one of two"),
        connection.ConnectionBusy("no stream left"),
        NoHostAvailable("no host", {"127.0.0.1": OVERLOADED, "127.0.0.2": ConnectionShutdown("closed")}),
    ],
)
def test_a_server_that_is_slow_or_busy_is_a_passing_fault(error):
    with pytest.raises(TransientError) as raised, driver_faults():
        raise error
    assert not isinstance(raised.value, UnknownResult)


def test_a_slip_of_our_own_is_no_server_down():
    """The driver wraps what goes wrong while it encodes; taken for an outage, it would stop everything."""
    error = NoHostAvailable("no host", {"127.0.0.1": TypeError("a bytes-like object is required")})
    with pytest.raises(TransientError) as raised, driver_faults():
        raise error
    assert raised.value.reason == "internal_error"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (cassandra.InvalidRequest("Undefined column name v"), "cassandra_refused"),
        (cassandra.Unauthorized("no permission"), "cassandra_unauthorized"),
        (protocol.SyntaxException(0x2000, "line 1:0", None), "cassandra_refused"),
        (cassandra.UnsupportedOperation("protocol 3"), "cassandra_unsupported"),
    ],
)
def test_a_statement_that_is_refused_is_a_permanent_fault_with_its_reason(error, reason):
    with pytest.raises(PermanentError) as raised, driver_faults():
        raise error
    assert raised.value.reason == reason


class FailingDriver:
    """A driver session whose every statement fails in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def add_request_init_listener(self, listener) -> None:
        pass

    def execute(self, *_, **__):
        raise self.error


def compare_and_set(error: Exception) -> IngestError:
    session = CassandraSession(None, FailingDriver(error))
    with pytest.raises(IngestError) as raised:
        session.execute_cas("UPDATE ingest.loads SET status = 'loading' IF status = 'queued'")
    return raised.value


@pytest.mark.parametrize("error", [TIMED_OUT, OVERLOADED, OperationTimedOut(), ConnectionShutdown("reset")])
def test_a_compare_and_set_without_an_answer_is_unknown(error):
    assert isinstance(compare_and_set(error), UnknownResult)


def test_a_compare_and_set_that_was_never_sent_is_not_unknown():
    assert isinstance(compare_and_set(NoHostAvailable("no host", {})), ServerDown)
    assert isinstance(compare_and_set(cassandra.InvalidRequest("no such table")), PermanentError)


def test_the_write_type_of_a_compare_and_set_is_what_the_driver_says():
    assert TIMED_OUT.write_type == WriteType.CAS


@pytest.mark.parametrize(
    "error",
    [
        TransientError("late"),
        UnknownResult("lost"),
        PermanentError("no", reason="table_mismatch"),
        ServerDown("gone", server="minio"),
    ],
)
def test_an_error_keeps_its_facts_across_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == error.message
