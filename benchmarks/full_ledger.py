"""A ledger with very many loads of one customer, written at once and past the ledger's own steps.

None of these loads may be changed afterwards: the ledger changes loads by compare-and-set only.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from ingest_manager.cassandra.batches import BatchLimits, encoded_batches
from ingest_manager.cassandra.cassandra_session import UNSET, CassandraSession
from ingest_manager.errors import IngestError, TransientError
from ingest_manager.ledger.loads import Load, LoadFigures, LoadStatus

EVERY = timedelta(milliseconds=500)
_BATCH = 25
_LIMITS = BatchLimits(warn_bytes=128 * 1024, partitions=_BATCH)
_AT_ONCE = 4
_TABLES = {
    "loads": tuple(field.name for field in fields(Load)),
    "loads_by_day": ("day", "load_id", *LoadFigures._fields),
}


def made_loads(customer: str, count: int, newest: datetime) -> Iterator[Load]:
    """Yield loads of one customer, the newest first: each 1,000th failed, each 100th other partly loaded."""
    for number in range(count):
        event_at = newest - number * EVERY
        is_failed, is_partly = number % 1_000 == 0, number % 100 == 0
        loaded = LoadStatus.PARTLY_LOADED if is_partly else LoadStatus.LOADED
        key = f"orders/{number}.csv"
        yield Load(
            load_id=uuid.uuid5(uuid.NAMESPACE_URL, f"{customer}/{key}"),
            customer=customer,
            bucket=f"staging-{customer}",
            key=key,
            version_id=str(uuid.UUID(int=number)),
            status=LoadStatus.FAILED if is_failed else loaded,
            reason="app_refused" if is_failed else None,
            attempts=1,
            event_at=event_at,
            started_at=event_at + timedelta(milliseconds=20),
            ended_at=event_at + timedelta(milliseconds=120),
            placed_at=event_at + timedelta(milliseconds=150),
            write_base=round(event_at.timestamp() * 1_000_000),
            size=1_000,
            app="orders",
            app_version="abc-r1",
            rows_read=10,
            rows_written=10 - is_partly,
            rows_rejected=int(is_partly),
        )


def write_loads(session: CassandraSession, loads: Iterable[Load]) -> None:
    """Write loads and their figures."""
    waiting = iter(loads)
    batches = iter(lambda: list(islice(waiting, _BATCH)), [])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(partial(_write, session), batches):
            pass


@retry(retry=retry_if_exception_type(TransientError), stop=stop_after_attempt(10), reraise=True)
def _write(session: CassandraSession, loads: Sequence[Load]) -> None:
    for table, names in _TABLES.items():
        marks = ", ".join("?" * len(names))
        prepared = session.prepare(f"INSERT INTO ingest.{table} ({', '.join(names)}) VALUES ({marks})")
        rows = [prepared.bind([_value(load, name) for name in names]).values for load in loads]
        keys = prepared.routing_key_indexes
        for batch in encoded_batches(rows, prepared, keys, _one_group, limits=_LIMITS, write_timestamp_us=1):
            answer: Future[IngestError | None] = Future()
            session.send_batch(batch, answer.set_result)
            if fault := answer.result():
                raise fault


def _one_group(keys: Sequence[bytes]) -> NDArray[np.int64]:
    return np.zeros(len(keys), np.int64)


def _value(load: Load, name: str) -> object:
    if name == "day":
        return load.event_at and load.event_at.date()
    value = getattr(load, name)
    return UNSET if value is None else value
