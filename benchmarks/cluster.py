"""Three nodes and one replica: batches of one replica set beside the same rows in batches as they come.

Both have the same limits and the same back-pressure. Once more the grouped ones are made while the file is
read, beside DSBulk, which reads it too. All take turns, and after each the table must be the file.
"""

import os
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.checksums import differences, sums_of_file, sums_of_table
from benchmarks.contestant import Access, ContestantError
from benchmarks.datasets import Dataset
from benchmarks.dsbulk import BEST, Dsbulk, install
from benchmarks.findings import Findings
from benchmarks.flights import encoded_chunks
from benchmarks.measure import Measure
from customer_ingestapps.cells import Rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.batches import read_limits
from ingest_manager.cassandra.cassandra_session import CassandraSession, ReplicaMap, connect
from ingest_manager.cassandra.encoded_batch import EncodedBatch
from ingest_manager.cassandra.pace import Pace
from ingest_manager.cassandra.placement import Placement
from ingest_manager.cassandra.row_writer import TableWriter
from ingest_manager.cassandra.tables import declare_keyspace, declare_table, declared_table, insert_statement
from ingest_manager.errors import IngestError
from ingest_manager.settings import Settings
from servers.cluster import ANYBODY, Cluster

KEYSPACE = "benchmark"
ROWS = 200_000
CHUNK_ROWS = 20_000
NUMBERS = [f"number_{at}" for at in range(9)]
GROUPED, MIXED, FROM_FILE = "batches grouped", "batches mixed", "batches grouped, file read"
DSBULK = "DSBulk, REPLICA_SET"
ONE_REPLICA = {"class": "SimpleStrategy", "replication_factor": "1"}
_RATIOS = ((GROUPED, MIXED), (FROM_FILE, DSBULK))
_TIMEOUTS = ("WriteTimeout", "OperationTimedOut")
_OF_NO_STORE: dict[str, Any] = {"s3_url": "http://none", "amqp_url": "amqp://none", "token_key": "none"}

console = Console()

Contestant = Callable[[], float]
"""Loads the rows; returns rows per second."""

Turns = Mapping[str, Mapping[int, float]]
"""Rows per second by contestant and round."""


def _lines(rows: int) -> Iterator[str]:
    """Yield wide rows, each its own partition, in the order of their keys."""
    numbers = np.random.default_rng(7).random((rows, len(NUMBERS))).tolist()
    for row, values in enumerate(numbers):
        yield f"sensor-{row:08},{','.join(map(repr, values))}\n"


READINGS = Dataset(
    name="readings",
    columns={"sensor": "text", **dict.fromkeys(NUMBERS, "double")},
    partition_key=("sensor",),
    clustering_key=(),
    lines=_lines,
)
CONTRACT = AppContract.model_validate(tomllib.loads(READINGS.app()))


def connect_to(cluster: Cluster, **changes: object) -> CassandraSession:
    """Connect as the manager does, which has a store and a broker, too."""
    prefix = "INGEST_MANAGER_"
    where = {name.removeprefix(prefix).lower(): value for name, value in cluster.environment().items()}
    of_no_store = _OF_NO_STORE | {"s3_access_key": "none", "s3_secret_key": "none"}
    return connect(Settings(_env_file=None, **(of_no_store | where | changes)))


def grouping(cluster: Cluster, rounds: int, findings: Findings) -> list[Measure]:
    """Measure all contestants in turns, another one first in each round, after a warm-up."""
    folder = cluster.folder / "contest"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{READINGS.name}.csv"
    READINGS.write(path, ROWS)
    with connect_to(cluster) as session:
        declare_keyspace(session, KEYSPACE, ONE_REPLICA)
        declare_table(session, KEYSPACE, CONTRACT)
        watched = _sessions(session)
        race = _Race(session, {**_own(watched, path), **_dsbulk(cluster, path, findings)}, path, findings)
        race.warm_up()
        for one in watched.values():
            one.faults.clear()
        loads = [race.run(number) for number in range(rounds)]
    faults = {name: one.faults for name, one in watched.items()}
    for name in (GROUPED, FROM_FILE):
        if count := count_timeouts(faults[name]):
            findings.fail(f"three nodes, {name}: {count} writes timed out")
    return [*measures_of(race.turns, faults), Measure("load average of the machine", "", tuple(loads))]


def measures_of(turns: Turns, faults: Mapping[str, Sequence[IngestError]]) -> list[Measure]:
    """Return ratios of turns of the same round, the rates, and what failed in all rounds."""
    found = list(_ratios(turns))
    found += [
        Measure(f"three nodes, {name}", "rows/s", tuple(rates.values()))
        for name, rates in turns.items()
        if rates
    ]
    for name, of_one in faults.items():
        most = None if name == MIXED else 0.0  # nobody loads like that
        timeouts = (float(count_timeouts(of_one)),)
        found.append(Measure(f"three nodes, {name}: writes that timed out", "batches", timeouts, most=most))
        failed = (float(len(of_one)),)
        found.append(Measure(f"three nodes, {name}: failed and sent again", "batches", failed))
    return found


def count_timeouts(faults: Iterable[IngestError]) -> int:
    """Count the batches to which no answer came in time, from the replica or from the coordinator."""
    return sum(any(name in fault.message for name in _TIMEOUTS) for fault in faults)


def _ratios(turns: Turns) -> Iterator[Measure]:
    for name, other in _RATIOS:
        ours, theirs = turns.get(name, {}), turns.get(other, {})
        both = sorted(ours.keys() & theirs.keys())
        if both:
            ratios = tuple(ours[number] / theirs[number] for number in both)
            yield Measure(f"three nodes: {name} ÷ {other}", "", ratios, least=1.0)


class _Race:
    """The turns; one that failed or did not leave the file in the table does not count."""

    def __init__(
        self,
        session: CassandraSession,
        contestants: Mapping[str, Contestant],
        path: Path,
        findings: Findings,
    ) -> None:
        self._session = session
        self._contestants = contestants
        self._expected = sums_of_file(READINGS, path)
        self._findings = findings
        self.turns: dict[str, dict[int, float]] = defaultdict(dict)

    def warm_up(self) -> None:
        """Let everybody load twice."""
        for name in (*self._contestants, *self._contestants):
            self._take(name, "warm-up")

    def run(self, number: int) -> float:
        """Let everybody load once; return the machine's load average."""
        names = list(self._contestants)
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            rate = self._take(name, f"round {number + 1}")
            if rate is not None:
                self.turns[name][number] = rate
        return os.getloadavg()[0]

    def _take(self, name: str, when: str) -> float | None:
        where = f"three nodes, {name}, {when}"
        self._session.execute(f"TRUNCATE {KEYSPACE}.{READINGS.table()}")
        try:
            rate = self._contestants[name]()
        except (ContestantError, IngestError) as error:
            self._findings.fail(f"{where}: {error}")
            return None
        found = sums_of_table(self._session, KEYSPACE, READINGS, READINGS.table())
        if wrong := differences(READINGS, self._expected, found):
            self._findings.fail(f"{where}: {wrong}")
            return None
        console.print(f"{where}: {rate:,.0f} rows/s, checked")
        return rate


def _sessions(session: CassandraSession) -> dict[str, "_Watched"]:
    return {
        GROUPED: _Watched(session),
        MIXED: _Watched(session, is_one_group=True),
        FROM_FILE: _Watched(session),
    }


def _own(watched: Mapping[str, "_Watched"], path: Path) -> dict[str, Contestant]:
    app = IngestApp(KEYSPACE, READINGS.name, "0", path.parent, CONTRACT)
    content = path.read_bytes()

    def read() -> Iterator[Rows]:
        return encoded_chunks(app, content, key=f"{READINGS.name}-1.csv")

    rows = list(chain.from_iterable(read()))
    chunks = [rows[at : at + CHUNK_ROWS] for at in range(0, len(rows), CHUNK_ROWS)]
    ways: dict[str, Callable[[], Iterable[Rows]]] = {
        GROUPED: lambda: chunks,
        MIXED: lambda: chunks,
        FROM_FILE: read,
    }
    return {name: _writing(watched[name], way) for name, way in ways.items()}


def _dsbulk(cluster: Cluster, path: Path, findings: Findings) -> dict[str, Contestant]:
    access = Access(cluster.nodes[0].host, cluster.ports.cql, ANYBODY, ANYBODY, KEYSPACE)
    try:
        loader = Dsbulk(DSBULK, access, install(), path.parent, BEST)
    except ContestantError as error:
        findings.fail(f"without DSBulk: {error}")
        return {}
    return {DSBULK: lambda: loader.load(READINGS, path).rows_per_second}


def _writing(session: "_Watched", chunks: Callable[[], Iterable[Rows]]) -> Contestant:
    table = declared_table(CONTRACT)
    prepared = session.prepare(insert_statement(KEYSPACE, table))
    limits, pace = read_limits(session.real), Pace()

    def load() -> float:
        writer = TableWriter(
            session,  # type: ignore[arg-type]  # all of it that a writer uses
            prepared,
            key_positions=[0],
            placement=Placement(session, KEYSPACE),  # type: ignore[arg-type]
            pace=pace,
            limits=limits,
        )
        count = 0
        started = time.perf_counter()
        for rows in chunks():
            count += len(rows)
            writer.write(rows, time.time_ns() // 1000)
        writer.flush()
        return count / (time.perf_counter() - started)

    return load


class _Watched:
    """A session whose failed batches are counted; where all is one group, its batches are mixed."""

    def __init__(self, session: CassandraSession, *, is_one_group: bool = False) -> None:
        self.real = session
        self.faults: list[IngestError] = []
        self._is_one_group = is_one_group
        self.prepare = session.prepare

    def replica_map(self, keyspace: str) -> ReplicaMap:
        return {} if self._is_one_group else self.real.replica_map(keyspace)

    def send_batch(self, batch: EncodedBatch, done: Callable[[IngestError | None], None]) -> None:
        def count(fault: IngestError | None) -> None:
            if fault is not None:
                self.faults.append(fault)
            done(fault)

        self.real.send_batch(batch, count)
