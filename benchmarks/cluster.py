"""Three nodes and one replica: batches of one replica set beside the same rows in batches as they come.

Both have the same limits and the same back-pressure, and take turns. Another loader is one more contestant.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.flights import Rows
from benchmarks.measure import Measure
from customer_ingestapps.contract import AppContract
from ingest_manager.batches import read_limits
from ingest_manager.cassandra_session import Batch, CassandraSession, ReplicaMap, connect
from ingest_manager.errors import IngestError
from ingest_manager.pace import Pace
from ingest_manager.placement import Placement
from ingest_manager.row_writer import TableWriter
from ingest_manager.settings import Settings
from ingest_manager.tables import declare_keyspace, declare_table, declared_table, insert_statement
from servers.cluster import Cluster

KEYSPACE = "benchmark"
ROWS = 200_000
CHUNK_ROWS = 20_000
NUMBERS = [f"number_{at}" for at in range(9)]
READINGS = AppContract(
    files={"keys": ["*.csv"], "format": "csv"},
    table={"name": "readings", "partition_key": ["sensor"]},
    columns={"sensor": "text", **dict.fromkeys(NUMBERS, "double")},
)
ONE_REPLICA = {"class": "SimpleStrategy", "replication_factor": "1"}
_OF_NO_STORE: dict[str, Any] = {"s3_url": "http://none", "amqp_url": "amqp://none", "token_key": "none"}

Contestant = Callable[[], float]
"""Loads the rows; returns rows per second."""


def connect_to(cluster: Cluster, **changes: object) -> CassandraSession:
    """Connect as the manager does, which has a store and a broker, too."""
    prefix = "INGEST_MANAGER_"
    where = {name.removeprefix(prefix).lower(): value for name, value in cluster.environment().items()}
    of_no_store = _OF_NO_STORE | {"s3_access_key": "none", "s3_secret_key": "none"}
    return connect(Settings(_env_file=None, **(of_no_store | where | changes)))


def grouping(cluster: Cluster, rounds: int) -> list[Measure]:
    """Measure grouped beside mixed batches, in turns, after a warm-up of both."""
    with connect_to(cluster) as session:
        declare_keyspace(session, KEYSPACE, ONE_REPLICA)
        declare_table(session, KEYSPACE, READINGS)
        rows = _rows()
        watched = {"grouped": _Watched(session), "mixed": _Watched(session, is_one_group=True)}
        contestants = {name: _writing(one, rows) for name, one in watched.items()}
        for load in (*contestants.values(), *contestants.values()):
            load()
        for one in watched.values():
            one.faults.clear()
        turns: dict[str, list[float]] = {name: [] for name in contestants}
        loads = []
        for _ in range(rounds):
            for name, load in contestants.items():
                turns[name].append(load())
            loads.append(os.getloadavg()[0])
    return [*_measures(turns), *_failures(watched), Measure("load average of the machine", "", tuple(loads))]


def _measures(turns: Mapping[str, list[float]]) -> list[Measure]:
    mixed = turns["mixed"]
    ratios = tuple(ours / theirs for ours, theirs in zip(turns["grouped"], mixed, strict=True))
    found = [Measure(f"three nodes, batches {name}", "rows/s", tuple(one)) for name, one in turns.items()]
    return [*found, Measure("grouped ÷ mixed", "", ratios)]


def _failures(watched: Mapping[str, "_Watched"]) -> list[Measure]:
    return [
        Measure(f"batches {name}: failed and sent again, all rounds", "", (float(len(one.faults)),))
        for name, one in watched.items()
    ]


def _rows() -> Rows:
    """Make wide rows, each its own partition, in the order of their keys: so is the file."""
    numbers = np.random.default_rng(7).random((ROWS, len(NUMBERS))).astype(">f8").tobytes()
    width = 8 * len(NUMBERS)
    return [
        (
            b"sensor-%08d" % row,
            *(numbers[at : at + 8] for at in range(row * width, (row + 1) * width, 8)),
        )
        for row in range(ROWS)
    ]


def _writing(session: "_Watched", rows: Rows) -> Contestant:
    table = declared_table(READINGS)
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
        started = time.perf_counter()
        for at in range(0, len(rows), CHUNK_ROWS):
            writer.write(rows[at : at + CHUNK_ROWS], time.time_ns() // 1000)
        writer.flush()
        return len(rows) / (time.perf_counter() - started)

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

    def send_batch(self, batch: Batch, done: Callable[[IngestError | None], None]) -> None:
        def count(fault: IngestError | None) -> None:
            if fault is not None:
                self.faults.append(fault)
            done(fault)

        self.real.send_batch(batch, count)
