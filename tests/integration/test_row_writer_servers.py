"""The row writer on a real Cassandra: what is written, when, and what the server thinks of the batches."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import polars as pl
import pytest

from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.cassandra_session import CassandraSession, connect
from ingest_manager.cassandra.row_writer import MISSING, RowWriter, TableWriter
from ingest_manager.cassandra.tables import declare_table
from ingest_manager.errors import PermanentError, ServerDown, TransientError, UnknownResult
from ingest_manager.settings import Settings

pytestmark = pytest.mark.server("cassandra")

STAMP_US = 1_700_000_000_000_001


def readings(**columns: str) -> AppContract:
    return AppContract(
        files={"keys": ["*.csv"], "format": "csv"},
        table={"name": "readings", "partition_key": ["sensor"], "clustering_key": ["at"]},
        columns={"sensor": "text", "at": "timestamp", "Value °C": "double", "count": "int", **columns},
    )


def frame_of(count: int, *, sensors: int = 40) -> pl.DataFrame:
    numbers = pl.int_range(count, eager=True)
    return pl.DataFrame(
        {
            "sensor": (numbers % sensors).cast(pl.String),
            "at": (numbers * 1_000_000).cast(pl.Datetime("us")).cast(pl.Datetime("ms")),
            "Value °C": numbers / 4,
            "count": pl.select(pl.when(numbers % 10 != 0).then(numbers)).to_series().cast(pl.Int32),
        }
    )


def test_every_row_is_there_with_its_cells_and_its_write_time(session: CassandraSession, keyspace: str):
    declare_table(session, keyspace, readings())
    writer = RowWriter(session).open(keyspace, readings())
    writer.write(encode_rows(readings(), frame_of(5_000), MISSING), STAMP_US)
    writer.flush()
    times = 'writetime("Value °C") AS written, writetime(count) AS counted'
    columns = f'sensor, at, "Value °C" AS value, count, {times}'
    rows = session.execute(f"SELECT {columns} FROM {keyspace}.readings")
    assert len(rows) == 5_000
    by_number = {round(row["value"] * 4): row for row in rows}
    assert by_number[4_321] == {
        "sensor": "1",
        "at": datetime.fromtimestamp(4_321, UTC).replace(tzinfo=None),
        "value": 1_080.25,
        "count": 4_321,
        "written": STAMP_US,
        "counted": STAMP_US,
    }
    assert (by_number[10]["count"], by_number[10]["counted"]) == (None, None)


def test_a_missing_cell_leaves_the_stored_one_and_null_deletes_it(session: CassandraSession, keyspace: str):
    declare_table(session, keyspace, readings(note="text"))
    writer = RowWriter(session).open(keyspace, readings(note="text"))
    key = (b"7", (0).to_bytes(8, "big"))
    writer.write(
        [(*key, MISSING, b"\0\0\0\x05", b"kept"), (*key[:1], b"\0" * 7 + b"\1", MISSING, MISSING, b"x")], 1
    )
    writer.flush()
    writer.write([(*key, MISSING, None, MISSING)], 2)
    writer.flush()
    rows = session.execute(f"SELECT count, note FROM {keyspace}.readings WHERE sensor = ?", ("7",))
    assert rows == [{"count": None, "note": "kept"}, {"count": None, "note": "x"}]


def test_the_older_write_time_never_wins_whatever_the_order(session: CassandraSession, keyspace: str):
    declare_table(session, keyspace, readings())
    writer = RowWriter(session).open(keyspace, readings())
    key = (b"7", (0).to_bytes(8, "big"), MISSING)
    writer.write([(*key, b"\0\0\0\x01")], STAMP_US + 1)
    writer.write([(*key, b"\0\0\0\x09")], STAMP_US)
    writer.flush()
    assert session.execute(f"SELECT count FROM {keyspace}.readings") == [{"count": 1}]


def test_no_piece_of_a_message_waits_for_an_acknowledgement(session: CassandraSession):
    pools = session._session._pools.values()
    sockets = [connection._socket for pool in pools for connection in pool.get_connections()]
    assert {one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets} == {1}


def test_a_statement_that_the_server_has_forgotten_is_prepared_again(
    session: CassandraSession, keyspace: str
):
    declare_table(session, keyspace, readings())
    writer = RowWriter(session).open(keyspace, readings())
    for number in range(3):
        writer.write([(b"7", number.to_bytes(8, "big"), MISSING, b"\0\0\0\1")], STAMP_US)
        writer.flush()
        session.execute(f"ALTER TABLE {keyspace}.readings ADD extra{number} text")  # all of a table's go
    rows = session.execute(f"SELECT at FROM {keyspace}.readings")
    assert sorted(row["at"].timestamp() for row in rows) == [0, 0.001, 0.002]


def test_the_server_has_nothing_to_say_about_the_batches(session: CassandraSession, keyspace: str):
    """Large and small rows, few and many partitions: no warning about a batch's size or its partitions."""
    declare_table(session, keyspace, readings(note="text"))
    futures = []
    session._session.add_request_init_listener(futures.append)
    writer = RowWriter(session).open(keyspace, readings(note="text"))
    for length, sensors in ((1, 40), (1, 5_000), (600, 5_000), (60_000, 10)):
        frame = frame_of(min(5_000, 6_000_000 // length), sensors=sensors)
        frame = frame.with_columns(note=pl.lit("x" * length))
        writer.write(encode_rows(readings(note="text"), frame, MISSING), STAMP_US)
    writer.flush()
    session._session.remove_request_init_listener(futures.append)
    assert len(futures) > 80
    assert {warning for future in futures for warning in future.warnings or ()} == set()


def refusal(session: CassandraSession, keyspace: str) -> str:
    with pytest.raises(TransientError) as raised:
        RowWriter(session).open(keyspace, readings())
    assert raised.value.reason == "table_mismatch"
    return str(raised.value).removeprefix(f"table {keyspace}.")


def test_a_table_that_changed_since_it_was_prepared_is_noticed(session: CassandraSession, keyspace: str):
    """Case C47: a column added is fine, a column dropped or a table made anew with other types is named."""
    declare_table(session, keyspace, readings())
    row = (b"4", (0).to_bytes(8, "big"), MISSING, b"\0\0\0\x04")
    writers = RowWriter(session)
    for change in ("", f"ALTER TABLE {keyspace}.readings ADD w text"):
        if change:
            session.execute(change)
        writer = writers.open(keyspace, readings())
        writer.write([row], STAMP_US)
        writer.flush()
    session.execute(f"ALTER TABLE {keyspace}.readings DROP count")
    assert refusal(session, keyspace) == "readings has no column 'count'"
    session.execute(f"DROP TABLE {keyspace}.readings")
    assert refusal(session, keyspace) == "readings does not exist"
    declare_table(session, keyspace, readings(count="text"))
    assert refusal(session, keyspace) == "readings has column 'count' of type text, the app declares int"
    writer = writers.open(keyspace, readings(count="text"))
    writer.write([(*row[:3], b"4")], STAMP_US)
    writer.flush()
    assert session.execute(f"SELECT count FROM {keyspace}.readings") == [{"count": "4"}]


def test_a_column_dropped_under_a_running_load_ends_it(session: CassandraSession, keyspace: str):
    declare_table(session, keyspace, readings())
    writer = RowWriter(session).open(keyspace, readings())
    session.execute(f"ALTER TABLE {keyspace}.readings DROP count")
    writer.write([(b"4", (0).to_bytes(8, "big"), MISSING, b"\0\0\0\x04")], STAMP_US)
    with pytest.raises(PermanentError, match="count"):
        writer.flush()


def test_declaring_a_wider_contract_adds_the_column(session: CassandraSession, keyspace: str):
    for contract in (readings(), readings(note="text"), readings(note="text")):
        declare_table(session, keyspace, contract)
    RowWriter(session).open(keyspace, readings(note="text"))


def test_a_compare_and_set_answers_with_the_row_that_stood_in_its_way(
    session: CassandraSession, keyspace: str
):
    session.execute(f"CREATE TABLE {keyspace}.loads (load_id int PRIMARY KEY, status text)")
    insert = f"INSERT INTO {keyspace}.loads (load_id, status) VALUES (?, ?) IF NOT EXISTS"
    first, second = (session.execute_cas(insert, (1, status)) for status in ("queued", "loading"))
    assert (first.applied, first.row) == (True, {})
    assert (second.applied, second.row) == (False, {"load_id": 1, "status": "queued"})


def test_a_port_where_nobody_listens_and_a_wrong_password_are_a_server_down(settings: Settings):
    for change in ({"cassandra_port": 9}, {"cassandra_password": "wrong"}):
        with pytest.raises(ServerDown) as raised:
            connect(Settings(_env_file=None, **(settings.model_dump() | change)))
        assert raised.value.server == "cassandra"


class Wire(socketserver.ThreadingTCPServer):
    """Stands between the driver and Cassandra and can be cut, or made to swallow answers."""

    allow_reuse_address = True
    daemon_threads = True
    swallows_answers = False

    def __init__(self, port: int) -> None:
        self.server = ("127.0.0.1", port)
        self.open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), Ends)
        self.start()

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def cut(self) -> None:
        """End the connections and take no new ones."""
        self.shutdown()
        self.server_close()
        for end in self.open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Ends(socketserver.BaseRequestHandler):
    """One connection through the wire."""

    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.server) as far:
            self.server.open += [self.request, far]
            threading.Thread(target=self.answer, args=(far,), daemon=True).start()
            self.copy(self.request, far)

    def answer(self, far: socket.socket) -> None:
        self.copy(far, self.request)

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not (source is not self.request and self.server.swallows_answers):
                    target.sendall(data)


@pytest.fixture
def wire(settings: Settings) -> Iterator[Wire]:
    wire = Wire(settings.cassandra_port)
    yield wire
    wire.cut()


def through(wire: Wire, settings: Settings, **changes: object) -> CassandraSession:
    port = {"cassandra_port": wire.server_address[1]}
    return connect(Settings(_env_file=None, **(settings.model_dump() | port | changes)))


def write_to_the_end(writer: TableWriter, rows: list) -> None:
    writer.write(rows, STAMP_US)
    writer.flush()


def test_a_server_lost_under_a_load_is_a_server_down(
    session: CassandraSession, keyspace: str, wire: Wire, settings: Settings
):
    declare_table(session, keyspace, readings())
    with through(wire, settings) as lost:
        writer = RowWriter(lost).open(keyspace, readings())
        rows = encode_rows(readings(), frame_of(5_000), MISSING)
        writer.write(rows, STAMP_US)
        wire.cut()
        with pytest.raises(ServerDown):
            write_to_the_end(writer, rows)
        with pytest.raises(ServerDown):
            lost.execute("SELECT release_version FROM system.local")


def test_a_compare_and_set_without_an_answer_may_have_been_applied(
    session: CassandraSession, keyspace: str, wire: Wire, settings: Settings
):
    session.execute(f"CREATE TABLE {keyspace}.loads (load_id int PRIMARY KEY, status text)")
    with through(wire, settings, cassandra_timeout_seconds=1) as deaf:
        cql = f"INSERT INTO {keyspace}.loads (load_id, status) VALUES (1, 'queued') IF NOT EXISTS"
        wire.swallows_answers = True
        with pytest.raises(UnknownResult):
            deaf.execute_cas(cql)
        wire.swallows_answers = False
    assert session.execute(f"SELECT status FROM {keyspace}.loads") == [{"status": "queued"}]
