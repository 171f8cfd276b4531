"""Which step of a load a sampled stack belongs to, and what counts as waiting."""

import pytest

from benchmarks.stacks import Stack, by_step, parse_stacks, that_count, top_functions

MAIN = "thread (7): MainThread"
LOAD = "main (ingest_manager/loading/worker.py:71);Loading.load (ingest_manager/loading/loading.py:57)"
SEND_ROWS = f"{LOAD};send_rows (ingest_manager/loading/transfer.py:101)"
WRITE = f"{SEND_ROWS};TableWriter.write (ingest_manager/cassandra/row_writer.py:137)"
SEND = f"{WRITE};TableWriter._send (ingest_manager/cassandra/row_writer.py:174)"
WAIT = "Condition.wait (threading.py:295)"
ENCODE = (
    "encode_rows (customer_ingestapps/cells.py:14);TextCodec.cells (customer_ingestapps/codecs/texts.py:9)"
)
PARSE = (
    "type_rows (customer_ingestapps/typing_rows.py:1);TextCodec.parse (customer_ingestapps/codecs/texts.py:5)"
)
FLUSH = "TableWriter.flush (ingest_manager/cassandra/row_writer.py:150)"
READ = (
    "read_chunks (customer_ingestapps/reading.py:80);"
    "OpenObject.blocks (ingest_manager/objects/object_store.py:9)"
)
COPY = "ObjectStore.copy (ingest_manager/objects/object_store.py:160)"
STACKS = f"""\
{MAIN};{SEND};CassandraSession.send_batch (ingest_manager/cassandra/cassandra_session.py:245) 20
{MAIN};{SEND};Pace.enter (ingest_manager/cassandra/pace.py:30);{WAIT} 60
{MAIN};{WRITE} 5
{MAIN};main (ingest_manager/loading/worker.py:71);Connection._recv (multiprocessing/connection.py:374) 900
thread (8): lease;Thread.run (threading.py:971);Lease._renew (ingest_manager/loading/lease.py:50);{WAIT} 900
thread (9);LibevConnection.handle_write (cassandra/io/libevreactor.py:300) 10
"""


@pytest.mark.parametrize(
    ("frames", "step"),
    [
        (f"{SEND};CassandraSession.send_batch (ingest_manager/cassandra/cassandra_session.py:245)", "send"),
        (f"{SEND};Pace.enter (ingest_manager/cassandra/pace.py:30);{WAIT}", "wait for the server"),
        (
            f"{LOAD};TableWriter.flush (ingest_manager/cassandra/row_writer.py:150);{WAIT}",
            "wait for the server",
        ),
        (f"{WRITE};cut_batches (ingest_manager/cassandra/batches.py:62)", "group"),
        (f"{WRITE};EncodedBatch.__init__ (ingest_manager/cassandra/encoded_batch.py:16)", "send"),
        (f"{WRITE};wire_rows (ingest_manager/cassandra/wire.py:70)", "encode"),
        (f"{SEND_ROWS};{ENCODE}", "encode"),
        (f"{SEND_ROWS};{PARSE}", "parse"),
        (f"{SEND_ROWS};{READ};SocketIO.readinto (socket.py:692)", "read"),
        (f"{LOAD};Ledger.claim (ingest_manager/ledger/ledger.py:90);{WAIT}", "ledger"),
        (f"{LOAD};Loading._place (ingest_manager/loading/loading.py:128);{COPY}", "place"),
        (f"Reconcile.run (ingest_manager/operations/reconcile.py:9);{COPY}", "other calls of the store"),
        ("Thread.run (threading.py:971);LibevLoop.run (cassandra/io/libevreactor.py:9)", "driver"),
        (LOAD, "other"),
    ],
)
def test_innermost_frame_that_tells_decides_the_step(frames: str, step: str) -> None:
    assert Stack("MainThread", tuple(frames.split(";")), 1).step == step


def test_thread_frames_and_samples_are_read() -> None:
    last = parse_stacks(STACKS)[-1]
    frames = ("LibevConnection.handle_write (cassandra/io/libevreactor.py:300)",)
    assert last == Stack("", frames, 10)
    assert parse_stacks(STACKS)[0].thread == "MainThread"


def test_thread_without_a_frame_is_left_out() -> None:
    assert parse_stacks("thread (29060) 2\nthread (29061);f (a.py:1) 3") == [Stack("", ("f (a.py:1)",), 3)]


@pytest.mark.parametrize("line", ["MainThread;f (a.py:1) 3", "thread (7): MainThread;f (a.py:1)", "nothing"])
def test_line_that_is_no_stack_of_a_thread_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no stack"):
        parse_stacks(line)


def test_waits_count_in_a_load_only() -> None:
    assert [stack.samples for stack in that_count(parse_stacks(STACKS))] == [20, 60, 5, 10]


def test_steps_come_most_first_with_what_was_waited() -> None:
    found = by_step(that_count(parse_stacks(STACKS)))
    assert list(found) == ["wait for the server", "send", "driver", "group"]
    assert found["wait for the server"] == {"waiting": 60}
    assert found["send"] == {"running": 20}


def test_top_functions_are_by_their_own_time() -> None:
    assert top_functions(that_count(parse_stacks(STACKS)), 2) == {
        ("wait for the server", WAIT): 60,
        ("send", "CassandraSession.send_batch (ingest_manager/cassandra/cassandra_session.py:245)"): 20,
    }
