"""A slow or overloaded server slows the writer down: no error, no row lost, no more and more batches."""

import heapq
from collections.abc import Callable
from itertools import chain

import pytest
from support.token_rings import KEYSPACE, MadeCluster, simple, vnodes
from support.wire_batches import prepared_insert, rows_in

from ingest_manager.cassandra.batches import BatchLimits
from ingest_manager.cassandra.pace import MOST, START, Pace
from ingest_manager.cassandra.placement import Placement
from ingest_manager.cassandra.row_writer import TableWriter
from ingest_manager.errors import IngestError, TransientError

TIMEOUT_SECONDS = 10
ROWS_A_BATCH = 10

Done = Callable[[IngestError | None], None]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


class SlowServer(MadeCluster):
    """Works on some batches side by side while the others queue; refuses those beyond its queue.

    Time passes while every place of the pace is taken, and in the writer's pauses.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(vnodes(1), simple(1))
        self.clock = clock
        self.pace = Pace(clock)
        self.side_by_side, self.seconds, self.queue = 4, 0.01, 1_000
        self.is_at_rest = False
        self.faults = 0
        self.most_under_way = self.most_open = 0
        self.latencies: list[float] = []
        self._free_at: list[float] = []
        self._under_way: list[tuple[float, int, float, object, Done, IngestError | None]] = []
        self._open: set[int] = set()
        self._sent = 0
        self.rows: list[tuple] = []

    def send_batch(self, batch: object, done: Done) -> None:
        self._sent += 1
        self._open.add(id(batch))
        at, fault = self._answer()
        self.faults += fault is not None
        heapq.heappush(self._under_way, (at, self._sent, self.clock.now, batch, done, fault))
        self.most_under_way = max(self.most_under_way, len(self._under_way))
        self.most_open = max(self.most_open, len(self._open))
        while self._under_way and (self.is_at_rest or len(self._under_way) >= int(self.pace.limit)):
            self._pass()

    def _answer(self) -> tuple[float, IngestError | None]:
        now = self.clock.now
        self._free_at = sorted(at for at in self._free_at if at > now)
        if len(self._free_at) >= self.side_by_side + self.queue:
            return now + 0.001, TransientError("overloaded")
        busy = self._free_at[-self.side_by_side :]
        at = (busy[0] if len(busy) == self.side_by_side else now) + self.seconds
        self._free_at.append(at)  # also a batch that nobody waits for any more is worked on
        if at - now > TIMEOUT_SECONDS:
            return now + TIMEOUT_SECONDS, TransientError("timed out")
        return at, None

    def _pass(self) -> None:
        at, _, sent_at, batch, done, fault = heapq.heappop(self._under_way)
        self.clock.now = max(self.clock.now, at)
        self.latencies.append(self.clock.now - sent_at)
        if fault is None:
            self._open.discard(id(batch))
            self.rows += rows_in(batch)
        done(fault)

    def rest(self) -> None:
        """Answer everything, and from now on at once."""
        self.is_at_rest = True
        while self._under_way:
            self._pass()


@pytest.fixture
def server() -> SlowServer:
    return SlowServer(Clock())


@pytest.fixture
def writer(server: SlowServer) -> TableWriter:
    return TableWriter(
        server,
        prepared_insert(KEYSPACE),
        key_positions=[0],
        placement=Placement(server, KEYSPACE),
        pace=server.pace,
        limits=BatchLimits(131_072, ROWS_A_BATCH),
        pause=server.clock.pause,
    )


def rows_of(batches: int, *, start: int = 0) -> list[tuple]:
    return [(number.to_bytes(4, "big"), b"value") for number in range(start, start + batches * ROWS_A_BATCH)]


def test_concurrency_falls_with_the_servers_speed_and_recovers(server: SlowServer, writer: TableWriter):
    parts = [rows_of(1_000), rows_of(300, start=20_000), rows_of(1_000, start=40_000)]
    writer.write(parts[0], 1)
    assert server.pace.limit == MOST
    server.side_by_side, server.seconds = 2, 0.2  # what was 32 at once now takes 3.2 s
    writer.write(parts[1][: 100 * ROWS_A_BATCH], 2)
    server.latencies, server.most_under_way = [], 0
    writer.write(parts[1][100 * ROWS_A_BATCH :], 3)
    assert (server.most_under_way, round(max(server.latencies), 1)) == (5, 0.6)
    assert round(min(server.latencies), 1) == 0.2  # and both of its places are never idle for long
    server.side_by_side, server.seconds = 4, 0.01
    writer.write(parts[2], 4)
    assert server.pace.limit == MOST
    server.rest()
    writer.flush()
    assert server.faults == 0
    assert sorted(server.rows) == list(chain(*parts))


def test_an_overloaded_server_gets_fewer_batches_and_every_row(server: SlowServer, writer: TableWriter):
    server.side_by_side, server.seconds, server.queue = 2, 0.05, 2
    rows = rows_of(1_000)
    writer.write(rows, 1)
    assert server.pace.limit < START
    assert server.most_open <= 2 * START  # those under way, and as many that failed and wait to be sent again
    server.rest()
    writer.flush()
    assert server.faults > 0
    assert sorted(set(server.rows)) == rows


def test_a_server_that_stands_still_for_a_while_costs_time_only(server: SlowServer, writer: TableWriter):
    rows = rows_of(600)
    writer.write(rows[:3_000], 1)
    server._free_at = [server.clock.now + 25] * server.side_by_side
    writer.write(rows[3_000:], 2)
    server.rest()
    writer.flush()
    assert server.faults > 0
    assert server.most_open <= 2 * MOST
    assert sorted(set(server.rows)) == rows


def test_one_batch_at_a_time_is_the_least(server: SlowServer, writer: TableWriter):
    server.side_by_side, server.seconds = 1, 1
    writer.write(rows_of(30), 1)
    server.latencies, server.most_under_way = [], 0
    writer.write(rows_of(30, start=1_000), 2)
    assert (server.most_under_way, max(server.latencies)) == (1, 1)
    server.rest()
    writer.flush()
    assert (server.faults, len(server.rows)) == (0, 600)
