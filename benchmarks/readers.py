"""Readers and codecs alone, format by format: the same rows of 10 columns, clean and with 1 % bad ones.

Rounds take turns, so that ratios compare what ran side by side. Rates are per second of CPU over all threads,
so they are one core's, whatever else the machine does.
"""

import csv
import io
import json
import random
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks.measure import Measure
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.row_writer import MISSING

ROWS = 200_000
LEAST = 150_000
"""Rows of clean CSV per second that are promised; with 1 % bad ones, half of them."""

_BAD_EACH = 100
_COLUMNS = {
    "id": "bigint",
    "customer": "text",
    "city": "text",
    "quantity": "int",
    "price": "decimal",
    "weight": "double",
    "is_paid": "boolean",
    "day": "date",
    "sent_at": "timestamp",
    "note": "text",
}
_ARROW = {"price": pa.decimal128(9, 2), "day": pa.date32(), "sent_at": pa.timestamp("ms", "UTC")}
_NAMES = {"csv": "clean CSV", "bad": "CSV with 1 % bad rows", "jsonl": "JSON lines", "parquet": "Parquet"}


class _Stored(io.BytesIO):
    """A file in memory, read by ranges."""

    @property
    def size(self) -> int:
        return self.getbuffer().nbytes

    def read_range(self, start: int, size: int) -> bytes:
        self.seek(start)
        return self.read(size)


def reading_formats(rounds: int) -> list[Measure]:
    """Measure bytes to encoded cells for each format, and each beside clean CSV."""
    files = _files()
    for name, data in files.items():
        _rate(name, data)
    turns = [{name: _rate(name, data) for name, data in files.items()} for _ in range(rounds)]
    return list(chain(_rates(turns), _ratios(turns)))


def _rates(turns: Sequence[Mapping[str, float]]) -> list[Measure]:
    least = {"csv": LEAST}
    return [
        Measure(f"readers: {name}", "rows/s of CPU", tuple(turn[key] for turn in turns), least=least.get(key))
        for key, name in _NAMES.items()
    ]


def _ratios(turns: Sequence[Mapping[str, float]]) -> list[Measure]:
    least = {"bad": 0.5}
    return [
        Measure(
            f"{name} ÷ clean CSV",
            "",
            tuple(turn[key] / turn["csv"] for turn in turns),
            least=least.get(key),
        )
        for key, name in _NAMES.items()
        if key != "csv"
    ]


def _rate(name: str, data: bytes) -> float:
    """Read a file once; give its rows per second of CPU."""
    form = "csv" if name == "bad" else name
    app = _app(form)
    source: Any = _Stored(data) if form == "parquet" else [data]
    kept = rejected = 0
    started = time.process_time()
    for chunk in read_chunks(app, f"orders.{form}", source, expanded_limit=None):
        kept += len(encode_rows(app.contract, chunk.frame, MISSING))
        rejected += len(chunk.rejects)
    seconds = time.process_time() - started
    if (kept + rejected, rejected) != (ROWS, ROWS // _BAD_EACH if name == "bad" else 0):
        raise RuntimeError(f"{name}: {kept} rows kept, {rejected} rejected")
    return ROWS / seconds


def csv_app() -> IngestApp:
    """Give the app of the CSV."""
    return _app("csv")


def csv_file() -> bytes:
    """Give the clean CSV."""
    return _csv(_rows())


def _app(form: str) -> IngestApp:
    contract = AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": form},
            "table": {"name": "orders", "partition_key": ["id"]},
            "columns": _COLUMNS,
        }
    )
    return IngestApp("benchmark", "orders", "0", Path(), contract)


def _files() -> dict[str, bytes]:
    rows = _rows()
    bad = [row | ({"quantity": "many"} if row["id"] % _BAD_EACH == 0 else {}) for row in rows]
    return {
        "csv": _csv(rows),
        "bad": _csv(bad),
        "jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "parquet": _parquet(rows),
    }


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    output = io.StringIO()
    writer = csv.DictWriter(output, list(_COLUMNS))
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"is_paid": str(row["is_paid"]).lower()})
    return output.getvalue().encode()


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    table, output = pa.Table.from_pylist(rows), io.BytesIO()
    types = [_ARROW.get(field.name, field.type) for field in table.schema]
    parquet.write_table(table.cast(pa.schema(zip(table.column_names, types, strict=True))), output)
    return output.getvalue()


def _rows() -> list[dict[str, Any]]:
    rng = random.Random(1)
    return [
        {
            "id": number,
            "customer": f"customer {rng.randrange(5_000)}",
            "city": rng.choice(("Berlin", "Kraków", "Lyon", "Ostrava")),
            "quantity": rng.randrange(1_000),
            "price": f"{rng.randrange(10**6) / 100:.2f}",
            "weight": round(rng.uniform(0, 100), 3),
            "is_paid": rng.random() < 0.9,
            "day": f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            "sent_at": f"2026-01-{rng.randint(1, 28):02}T{rng.randrange(24):02}:30:00.{rng.randrange(1000)}Z",
            "note": rng.choice((None, "", "fragile", 'says "hello"')),
        }
        for number in range(ROWS)
    ]
