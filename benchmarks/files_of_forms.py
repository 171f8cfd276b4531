"""The rows of a CSV file in the other formats, typed as such files are."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks.datasets import Dataset

_ARROW = {
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "double": pa.float64(),
    "int": pa.int32(),
    "text": pa.string(),
    "timestamp": pa.timestamp("ms", "UTC"),
}
_ROW_GROUP = 50_000


def write_form(dataset: Dataset, path: Path, form: str) -> None:
    """Write the rows of a CSV file beside it as `jsonl` or `parquet`."""
    target = path.with_suffix(f".{form}")
    if form == "parquet":
        _write_parquet(dataset, path, target)
        return
    with target.open("w", encoding="utf-8") as file:
        for row in dataset.values(path):
            file.write(json.dumps(dict(zip(dataset.columns, map(_plain, row), strict=True))) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.isoformat() if isinstance(value, date) else value


def _write_parquet(dataset: Dataset, path: Path, target: Path) -> None:
    columns = zip(*dataset.values(path), strict=True)
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in dataset.columns.items()])
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), target, row_group_size=_ROW_GROUP)
