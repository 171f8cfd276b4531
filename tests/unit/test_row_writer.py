"""The row writer: right batches, a pace that follows the server, no row lost in silence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
from cassandra.query import PreparedStatement
from support.fakes import people_contract
from support.wire_batches import prepared_insert, rows_in

from ingest_manager.cassandra.batches import BatchLimits, encoded_batches, read_limits
from ingest_manager.cassandra.cassandra_session import UNSET
from ingest_manager.cassandra.pace import MOST, START, Pace
from ingest_manager.cassandra.placement import Placement
from ingest_manager.cassandra.row_writer import RowWriter, TableWriter
from ingest_manager.errors import IngestError, PermanentError, ServerDown, TransientError

LATE = TransientError("late")
DOWN = ServerDown("gone", server="cassandra")


class Token:
    """A token of the made ring, in the middle of which a second node begins."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __lt__(self, other: "Token") -> bool:
        return self.value < other.value


ONE_NODE = {Token(0): ["a"]}
TWO_NODES = {Token(0): ["a"], Token(2**63 - 1): ["b"]}


@dataclass
class Server:
    """Takes batches, answers at once or when told, and fails as often as it is asked to."""

    replicas: dict = field(default_factory=lambda: ONE_NODE)
    faults: list[IngestError | None] = field(default_factory=list)
    answers_at_once: bool = True
    sent: list = field(default_factory=list)
    rows_by_batch: list[list[tuple]] = field(default_factory=list)
    waiting: list[Callable[[IngestError | None], None]] = field(default_factory=list)

    def replica_map(self, keyspace: str):
        return self.replicas

    def send_batch(self, batch, done: Callable[[IngestError | None], None]) -> None:
        self.sent.append(batch)
        self.rows_by_batch.append(rows_in(batch))
        if self.answers_at_once:
            done(self.faults.pop(0) if self.faults else None)
        else:
            self.waiting.append(done)


def writer_to(server: Server, *, pauses: list[float] | None = None, **given) -> TableWriter:
    pause = (lambda _: None) if pauses is None else pauses.append
    options = {
        "key_positions": [0],
        "pace": Pace(),
        "limits": BatchLimits(131_072, 200),
        "pause": pause,
        **given,
    }
    return TableWriter(server, prepared_insert("acme"), placement=Placement(server, "acme"), **options)


def rows_of(count: int) -> list[tuple]:
    return [(number.to_bytes(4, "big"), b"value", UNSET) for number in range(count)]


def test_rows_go_in_batches_of_at_most_200_with_one_timestamp():
    server = Server()
    writer = writer_to(server)
    writer.write(rows_of(450), 1_700_000_000_000_001)
    writer.flush()
    assert [len(rows) for rows in server.rows_by_batch] == [200, 200, 50]
    assert list(chain(*server.rows_by_batch)) == rows_of(450)
    assert {batch.write_timestamp_us for batch in server.sent} == {1_700_000_000_000_001}


def test_rows_of_one_partition_stand_side_by_side():
    server = Server()
    writer = writer_to(server)
    writer.write([(b"b", b"1"), (b"a", b"2"), (b"b", b"3"), (b"a", b"4")], 1)
    writer.flush()
    assert server.rows_by_batch == [[(b"b", b"1"), (b"b", b"3"), (b"a", b"2"), (b"a", b"4")]]


def test_no_rows_are_no_batch():
    server = Server()
    writer = writer_to(server)
    writer.write([], 1)
    writer.flush()
    assert server.sent == []


def test_a_batch_holds_rows_of_one_replica_set_only():
    server = Server(replicas=TWO_NODES)
    writer = writer_to(server)
    writer.write(rows_of(300), 1)
    writer.flush()
    placement = Placement(server, "acme")
    groups = [set(placement.groups([row[0] for row in rows]).tolist()) for rows in server.rows_by_batch]
    assert [len(group) for group in groups] == [1] * len(groups)
    assert set.union(*groups) == {0, 1}
    assert sorted(chain(*server.rows_by_batch), key=lambda row: row[0]) == rows_of(300)


def cut(rows: list[tuple], limits: BatchLimits) -> list[list[tuple]]:
    """Return the rows of each batch."""
    made = encoded_batches(
        rows,
        prepared_insert("acme"),
        [0],
        lambda keys: np.zeros(len(keys), int),
        limits=limits,
        write_timestamp_us=1,
    )
    return [rows_in(batch) for batch in made]


def test_batches_stay_within_the_bytes_that_the_server_counts():
    rows = [(b"k" * 8, b"v" * size, UNSET, None) for size in (10, 900, 900, 5_000, 10)]
    # 48 a row and 20 a cell beside the values: 146, 1036, 1036, 5136, 146; nine tenths of the limit are used
    parts = cut(rows, BatchLimits(warn_bytes=2_000, partitions=200))
    assert [[len(row[1]) for row in part] for part in parts] == [[10, 900], [900], [5_000], [10]]


def test_batches_stay_within_the_partitions_that_the_server_allows():
    rows = [(key, b"") for key in (b"a", b"b", b"b", b"b", b"c", b"d", b"e")]
    parts = cut(rows, BatchLimits(warn_bytes=100_000, partitions=2))
    assert [b"".join(row[0] for row in part) for part in parts] == [b"abbb", b"cd", b"e"]


PARTITIONS = {"name": "unlogged_batch_across_partitions_warn_threshold", "value": "200"}


@pytest.mark.parametrize(
    ("rows", "limits"),
    [
        ([{"name": "batch_size_warn_threshold", "value": "128KiB"}, PARTITIONS], BatchLimits(131_072, 200)),
        ([{"name": "batch_size_warn_threshold", "value": "1MiB"}, PARTITIONS], BatchLimits(1_048_576, 200)),
        ([{"name": "batch_size_warn_threshold_in_kb", "value": "64"}, PARTITIONS], BatchLimits(65_536, 200)),
        ([], BatchLimits(5_120, 10)),
        (
            [{"name": "unlogged_batch_across_partitions_warn_threshold", "value": "0"}],
            BatchLimits(5_120, 1),
        ),
    ],
)
def test_the_limits_are_the_servers_own(rows, limits):
    class Settings:
        def execute(self, cql: str, parameters):
            return rows

    assert read_limits(Settings()) == limits


def test_a_server_that_hides_its_settings_has_cassandras_defaults():
    class Settings:
        def execute(self, cql: str, parameters):
            raise PermanentError("no permission on system_views", "cassandra_unauthorized")

    assert read_limits(Settings()) == BatchLimits(warn_bytes=5_120, partitions=10)


def test_a_writer_is_made_while_the_server_is_away_and_a_load_meets_that():
    class Away:
        def execute(self, cql: str, parameters):
            raise ServerDown("it cannot be reached", server="cassandra")

    writers = RowWriter(Away())
    with pytest.raises(ServerDown):
        writers.open("acme", people_contract())


def test_batches_that_time_out_are_sent_again_unchanged_after_growing_pauses():
    server, pauses = Server(faults=[LATE] * 6), []
    writer = writer_to(server, pauses=pauses)
    writer.write(rows_of(10), 7)
    writer.flush()
    assert pauses == [0.5, 2.0, 5.0, 5.0, 5.0, 5.0]
    assert len(server.sent) == 7
    assert len({id(batch) for batch in server.sent}) == 1
    assert server.rows_by_batch == [rows_of(10)] * 7


def test_rows_are_held_until_they_are_written_and_no_longer():
    server = Server(answers_at_once=False)
    writer = writer_to(server)
    writer.write(rows_of(400), 7)
    lost, written = server.waiting
    lost(LATE)
    written(None)
    assert [bool(batch.rows) for batch in server.sent] == [True, False]


def test_a_batch_that_times_out_seven_times_is_a_passing_fault_of_the_load():
    server, pauses = Server(faults=[LATE] * 7), []
    writer = writer_to(server, pauses=pauses)
    writer.write(rows_of(10), 7)
    with pytest.raises(TransientError, match="late"):
        writer.flush()
    assert len(server.sent) == 7


@pytest.mark.parametrize("fault", [DOWN, PermanentError("no such column", "cassandra_refused")])
def test_other_faults_are_raised_at_once_and_again(fault):
    server = Server(faults=[None, fault])
    writer = writer_to(server)
    with pytest.raises(type(fault)):
        writer.write(rows_of(2_000), 7)
    assert len(server.sent) == 2
    with pytest.raises(type(fault)):
        writer.write(rows_of(1), 8)
    with pytest.raises(type(fault)):
        writer.flush()
    assert len(server.sent) == 2


def test_a_failure_of_the_last_batch_is_raised_by_flush():
    server = Server(faults=[DOWN])
    writer = writer_to(server)
    writer.write(rows_of(1), 7)
    with pytest.raises(ServerDown):
        writer.flush()


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(pace: Pace, clock: Clock, *, after: float = 0.01, failed: bool = False, times: int = 1) -> None:
    for _ in range(times):
        entered = pace.enter()
        clock.now += after
        pace.leave(entered, failed=failed)


def test_the_pace_grows_by_one_for_each_round_of_good_answers_up_to_its_most():
    clock = Clock()
    pace = Pace(clock)
    answer(pace, clock, times=START + 1)
    assert START + 0.9 < pace.limit < START + 1.1
    answer(pace, clock, times=1_000)
    assert pace.limit == MOST


@pytest.mark.parametrize("signal", [{"failed": True}, {"after": 0.6}])
def test_the_pace_is_halved_by_a_failure_and_by_a_late_answer(signal):
    clock = Clock()
    pace = Pace(clock)
    answer(pace, clock, **signal)
    assert pace.limit == START / 2


def test_batches_that_were_under_way_together_halve_the_pace_once():
    clock = Clock()
    pace = Pace(clock)
    entered = [pace.enter() for _ in range(START)]
    clock.now += 3
    for time in entered:
        pace.leave(time, failed=True)
    assert pace.limit == START / 2


def test_the_pace_never_falls_below_one():
    clock = Clock()
    pace = Pace(clock)
    answer(pace, clock, failed=True, times=20)
    assert pace.limit == 1


class BeingChanged(Server):
    """A server whose schema's tables show what cannot be used yet."""

    def execute(self, cql: str, parameters=()) -> list[dict]:
        if "system_schema.columns" not in cql:
            return []
        columns = {"id": ("int", "partition_key", 0), "name": ("text", "regular", -1)}
        return [
            {
                "column_name": name,
                "type": cql_type,
                "kind": kind,
                "position": position,
                "clustering_order": "none",
            }
            for name, (cql_type, kind, position) in columns.items()
        ]

    def prepare(self, _: str) -> PreparedStatement:
        raise PermanentError("Undefined column name name", "cassandra_refused")


def test_a_column_that_is_just_being_added_is_a_passing_fault():
    with pytest.raises(TransientError, match="the table is being changed: Undefined column") as raised:
        RowWriter(BeingChanged()).open("acme", people_contract())
    assert raised.value.reason == "table_mismatch"
