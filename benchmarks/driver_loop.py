"""The loop that people write: csv.reader, a prepared INSERT, the driver's own execute_concurrent."""

import time
from dataclasses import dataclass
from pathlib import Path

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from cassandra.concurrent import execute_concurrent_with_args

from benchmarks.contestant import Access, ContestantError, Turn
from benchmarks.datasets import Dataset
from servers.cassandra_roles import login


@dataclass(frozen=True, slots=True)
class DriverLoop:
    """cassandra-driver in this process, 100 statements at once."""

    access: Access
    name: str = "cassandra-driver, prepared, execute_concurrent"

    def load(self, dataset: Dataset, path: Path) -> Turn:
        """Load a file."""
        access = self.access
        marks = ", ".join("?" * len(dataset.columns))
        with login(access.host, access.port, access.user, access.password) as session:
            insert = session.prepare(
                f"INSERT INTO {access.keyspace}.{dataset.table()} ({', '.join(dataset.columns)}) "
                f"VALUES ({marks})"
            )
            started, cpu_before = time.perf_counter(), time.process_time()
            results = execute_concurrent_with_args(
                session, insert, dataset.values(path), concurrency=100, results_generator=True
            )
            try:
                rows = sum(1 for _ in results)
            except (DriverException, NoHostAvailable) as error:
                raise ContestantError(f"{type(error).__name__}: {error}") from error
            return Turn(rows / (time.perf_counter() - started), time.process_time() - cpu_before)
