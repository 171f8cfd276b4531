"""Keys: what Cassandra refuses of a primary key, found before it is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from customer_ingestapps.contract import AppContract

MOST_KEY_BYTES = 65_535
"""Of a partition key with the lengths of its parts, and of a clustering key."""

_BESIDE_PART = 3  # length and end mark of each part of a composite partition key
_FIXED_BYTES: Mapping[pl.DataType | type[pl.DataType], int] = {
    pl.Boolean: 1, pl.Int8: 1, pl.Int16: 2, pl.Int32: 4, pl.Float32: 4, pl.Date: 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyFault:
    """The rows whose key is too long, or empty, and the column to name."""

    column: str
    rows: pl.Series
    is_empty: bool


def is_sized(values: pl.Series) -> bool:
    """Ask whether values differ in size."""
    return values.dtype in (pl.String, pl.Binary)


def sizes_of(values: pl.Series) -> pl.Series:
    """Give the bytes of values that differ in size."""
    return values.str.len_bytes() if values.dtype == pl.String else values.bin.size()


def key_faults(contract: AppContract, frame: pl.DataFrame) -> Iterator[KeyFault]:
    """Give what is wrong with keys all of whose columns have values."""
    partition, clustering = contract.table.partition_key, contract.table.clustering_key
    if len(partition) == 1 and is_sized(frame[partition[0]]):
        yield KeyFault(partition[0], sizes_of(frame[partition[0]]) == 0, is_empty=True)
    beside = _BESIDE_PART if len(partition) > 1 else 0
    for names, beside_part in ((partition, beside), (clustering, 0)):
        sized = [name for name in names if is_sized(frame[name])]
        if sized:
            fixed = sum(beside_part + _fixed_bytes(frame[name]) for name in names)
            total = frame.select(pl.sum_horizontal(sizes_of(frame[name]) for name in sized)).to_series()
            yield KeyFault(sized[0], total + fixed > MOST_KEY_BYTES, is_empty=False)


def _fixed_bytes(values: pl.Series) -> int:
    return 0 if is_sized(values) else _FIXED_BYTES.get(values.dtype, 8)
