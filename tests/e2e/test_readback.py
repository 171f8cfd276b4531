"""Every cell of the demo's 367,671 rows, and its write time, read back and compared with the files.

The oracle knows the files' description, csv, Decimal and datetime; it shares nothing with the readers.
"""

import csv
import gzip
import io
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT
from cassandra.query import SimpleStatement, tuple_factory
from support.testbed import Platform, keyspace

import customer_ingestapps
from demo import data

APPS = Path(customer_ingestapps.__file__).parent
CHUNK_ROWS, CHUNK_BYTES = 10_000, 4 * 2**20
KEYS = {
    "weather": ("origin", "time_hour"),
    "airports": ("faa",),
    "planes": ("tailnum",),
    "flights": ("origin", "departure_date", "time_hour", "carrier", "flight"),
}
TEXTS = {
    "origin", "faa", "name", "dst", "tzone", "tailnum", "type", "manufacturer", "model", "engine", "carrier",
    "dest",
}  # fmt: skip
DOUBLES = {
    "lat", "lon", "temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"
}  # fmt: skip
Rows = dict[tuple[Any, ...], dict[str, tuple[Any, int | None]]]


def value_of(column: str, text: str) -> Any:
    if text == "NA":
        return None
    if column in TEXTS:
        return text
    if column in DOUBLES:
        return float(Decimal(text))
    if column == "time_hour":
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(text)


def expected_rows(path: Path, table: str, write_base: int) -> Rows:
    """Return key → column → (value, write time) of one file."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert len(content) < CHUNK_BYTES  # so that chunks end by their rows alone
    rows: Rows = {}
    for number, record in enumerate(csv.DictReader(io.StringIO(content.decode(), newline=""))):
        values = {name: value_of(name, text) for name, text in record.items()}
        if table == "flights":
            values["departure_date"] = date(values["year"], values["month"], values["day"])
        written = write_base + number // CHUNK_ROWS
        rows[tuple(values[name] for name in KEYS[table])] = {
            name: (value, None if value is None else written)
            for name, value in values.items()
            if name not in KEYS[table]
        }
    return rows


def stored_rows(
    platform: Platform, customer: str, table: str, columns: list[str]
) -> Iterator[tuple[Any, Any]]:
    """Yield (key, column → (value, write time)) of a table."""
    names = [f'"{name}"' for name in KEYS[table]]
    pairs = [f'"{name}", writetime("{name}")' for name in columns]
    cql = f'SELECT {", ".join(names + pairs)} FROM "{keyspace(customer)}".{table}'
    width = len(names)
    profile = platform.session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
    for row in platform.session.execute(SimpleStatement(cql, fetch_size=2000), execution_profile=profile):
        cells = zip(row[width::2], row[width + 1 :: 2], strict=True)
        yield (
            tuple(map(plain, row[:width])),
            dict(zip(columns, ((plain(v), w) for v, w in cells), strict=True)),
        )


def plain(value: Any) -> Any:
    """Return the driver's dates and times as Python's."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.date() if hasattr(value, "days_from_epoch") else value


def load(platform: Platform, source: Path, customer_of: Mapping[str, str]) -> None:
    for original, customer in customer_of.items():
        shutil.copytree(APPS / original, platform.apps / customer)
        for path in sorted((source / original).iterdir()):
            platform.put(customer, path.name, path.read_bytes())


def test_every_cell_and_write_time_of_the_demos_rows_is_right(platform: Platform) -> None:
    source = platform.folder / "demo"
    data.lay_out(source)
    customer_of = {original: platform.add_customer(apps={}) for original in data.TABLES}
    platform.apply()
    load(platform, source, customer_of)

    with platform.manager():
        files = {original: len(list((source / original).iterdir())) for original in customer_of}
        loads = {
            original: platform.settled(customer, files[original], within=600)
            for original, customer in customer_of.items()
        }
        for customer in customer_of.values():
            platform.verify(customer)

    assert {name: len(found) for name, found in loads.items()} == {"customer-1": 3, "customer-2": 53}
    counts = {}
    for original, customer in customer_of.items():
        bases = {row["key"]: row["write_base"] for row in loads[original]}
        assert {row["status"] for row in loads[original]} == {"loaded"}
        for table, pattern in data.TABLES[original].items():
            expected: Rows = {}
            for path in sorted((source / original).glob(pattern)):
                expected |= expected_rows(path, table, bases[path.name])
            columns = list(next(iter(expected.values())))
            for key, cells in stored_rows(platform, customer, table, columns):
                assert cells == expected.pop(key), (table, key)
                counts[table] = counts.get(table, 0) + 1
            assert expected == {}
    assert counts == {"weather": 26_115, "airports": 1_458, "planes": 3_322, "flights": 336_776}
