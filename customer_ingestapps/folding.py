"""Folding: rows of one chunk with the same primary key become one, as if written in line order.

Without it they would carry equal write timestamps, and Cassandra would choose the larger value of each cell.
"""

import polars as pl

from customer_ingestapps.codecs.exact_numbers import same_decimal
from customer_ingestapps.contract import AppContract


def fold_rows(contract: AppContract, frame: pl.DataFrame) -> pl.DataFrame:
    """Give one row per primary key: each column's last value, or its last cell where no value means null."""
    key = pl.DataFrame({name: _identity(contract, name, frame[name]) for name in contract.table.key})
    if not key.is_duplicated().any():
        return frame
    group = key.select(pl.struct(pl.all()).rank("dense")).to_series().alias('"')  # no column has this name
    kept = [
        pl.col(name).last() if contract.columns[name].empty == "null" else pl.col(name).drop_nulls().last()
        for name in frame.columns
    ]
    return frame.group_by(group, maintain_order=True).agg(kept).select(frame.columns)


def _identity(contract: AppContract, name: str, values: pl.Series) -> pl.Series:
    """Give what Cassandra tells keys apart by.

    Of floats the bits, as 0.0 and -0.0 are two keys; of decimals the value in a clustering key, where 1.0 and
    1.00 are one, and the bytes in a partition key, where they are two.
    """
    if values.dtype.is_float():
        numbers = values.to_numpy()
        return pl.Series(numbers.view(f"i{numbers.itemsize}"))
    if name in contract.table.clustering_key and contract.cql_types[name].name == "decimal":
        return pl.Series(list(map(same_decimal, values)), dtype=pl.Binary)
    return values
