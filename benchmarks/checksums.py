"""Whether a table holds what a file says: how many rows, and one sum for each column over all of them.

A cell counts together with the key of its row, so values that changed rows are seen. The file is read by
Python's own csv, the table by the driver, range of tokens by range: neither is the loader's reader. Sums
are Python's hashes, so they compare within one process only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import mul
from pathlib import Path
from typing import Any

from cassandra.util import Date

from benchmarks.datasets import Dataset
from ingest_manager.cassandra.cassandra_session import CassandraSession

_RANGES = 64
_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Sums:
    """What is compared."""

    rows: int
    columns: tuple[int, ...]


def sums_of(rows: Iterable[Sequence[Any]], key: Sequence[int]) -> Sums:
    """Add rows of Python's values up, whatever their order.

    Args:
        rows: the rows.
        key: where the columns of the key are.
    """
    count, sums = 0, [0]
    following = iter(rows)
    while part := list(islice(following, _ROWS)):
        count += len(part)
        columns = list(zip(*part, strict=True))
        keys = list(zip(*(columns[place] for place in key), strict=True))
        found = [_sum(zip(keys, column, strict=True)) for column in columns]
        sums = found if count == len(part) else [old + new for old, new in zip(sums, found, strict=True)]
    return Sums(count, tuple(sums) if count else ())


def _sum(cells: Iterable[tuple[Any, Any]]) -> int:
    hashes = list(map(hash, cells))
    return sum(map(mul, hashes, hashes))  # squares: hashes of pairs alone often add up the same after a swap


def sums_of_file(dataset: Dataset, path: Path) -> Sums:
    """Add a CSV file up."""
    return sums_of(dataset.values(path), _key_of(dataset))


def sums_of_table(session: CassandraSession, keyspace: str, dataset: Dataset, table: str) -> Sums:
    """Add a table up."""
    return sums_of(_rows(session, keyspace, dataset, table), _key_of(dataset))


def differences(dataset: Dataset, expected: Sums, found: Sums) -> str:
    """Say in what they differ, empty when in nothing."""
    if expected.rows != found.rows:
        return f"{found.rows:,} rows instead of {expected.rows:,}"
    pairs = zip(dataset.columns, expected.columns, found.columns, strict=True)
    wrong = [name for name, one, other in pairs if one != other]
    return f"other values in {', '.join(wrong)}" if wrong else ""


def _key_of(dataset: Dataset) -> list[int]:
    names = list(dataset.columns)
    return [names.index(name) for name in (*dataset.partition_key, *dataset.clustering_key)]


def _rows(
    session: CassandraSession, keyspace: str, dataset: Dataset, table: str
) -> Iterator[tuple[Any, ...]]:
    token = f"token({', '.join(dataset.partition_key)})"
    select = f"SELECT {', '.join(dataset.columns)} FROM {keyspace}.{table} WHERE {token} > ? AND {token} <= ?"
    is_date = "date" in dataset.columns.values()
    for row in session.stream_each(select, token_ranges(_RANGES)):
        values = tuple(row.values())
        yield tuple(map(_plain, values)) if is_date else values


def _plain(value: Any) -> Any:
    return value.date() if isinstance(value, Date) else value


def token_ranges(count: int) -> Iterator[tuple[int, int]]:
    """Cut the ring into ranges, each without its start and with its end; no token is the smallest number."""
    least, most = -(2**63), 2**63 - 1
    step = 2**64 // count
    borders = [least + number * step for number in range(count)]
    return pairwise([*borders, most])
