"""What every contestant loads: rows that look like customers' own, the same bytes at every run.

A dataset is a header, its columns' CQL types, a key, and a way to write so many rows. The app that takes it
is made from that, and so are the values that a check expects.
"""

import csv
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.flights import flights_file

ROWS_OF_A_SERIES = 500
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_AREAS = ("Altstadt", "Kazimierz", "La Croix-Rousse", "Poruba", "Sants", "Žižkov")


def _instant(text: str) -> datetime:
    """Give a time as the driver does: in UTC, without saying so."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


VALUE_OF: Mapping[str, Callable[[str], Any]] = {
    "bigint": int,
    "boolean": "true".__eq__,
    "date": date.fromisoformat,
    "double": float,
    "int": int,
    "text": str,
    "timestamp": _instant,
}
"""From the text of a cell to its value, by Python alone: nothing of the loader is used."""


@dataclass(frozen=True)
class Dataset:
    """A table and the file that fills it."""

    name: str
    columns: Mapping[str, str]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]
    lines: Callable[[int], Iterator[str]]
    """The first rows, each with its line feed, without the header."""

    null_word: str = ""
    title: str = ""

    def app(self, form: str = "csv") -> str:
        """Return the declaration that takes the files of one format into a table of their own."""
        columns = "\n".join(f'{name} = "{kind}"' for name, kind in self.columns.items())
        words = f'null_words = ["{self.null_word}"]\n' if self.null_word and form == "csv" else ""
        return (
            f'[files]\nkeys = ["{self.table(form)}-*.{form}"]\nformat = "{form}"\n{words}'
            f'[table]\nname = "{self.table(form)}"\npartition_key = {_toml(self.partition_key)}\n'
            f"clustering_key = {_toml(self.clustering_key)}\n[columns]\n{columns}\n"
        )

    def table(self, form: str = "csv") -> str:
        """Return the table of one format's files."""
        return self.name if form == "csv" else f"{self.name}_{form}"

    def write(self, path: Path, rows: int) -> None:
        """Write a CSV file of the first rows; fewer if there are fewer."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(self.columns) + "\n")
            file.writelines(islice(self.lines(rows), rows))

    def values(self, path: Path) -> Iterator[tuple[Any, ...]]:
        """Read a CSV file row by row into Python's values."""
        kinds = [VALUE_OF[kind] for kind in self.columns.values()]
        nothing = {"", self.null_word}
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            for row in rows:
                yield tuple(
                    None if text in nothing else value_of(text)
                    for value_of, text in zip(kinds, row, strict=True)
                )


def _toml(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _wide_lines(rows: int) -> Iterator[str]:
    rng = random.Random(1)
    for number in range(rows):
        day = date(2025, 1, 1) + timedelta(days=rng.randrange(500))
        yield (
            f'{number},"Room {number}, {rng.choice(("quiet", "central", "by the river"))}",'
            f"{rng.randrange(10**8)},{rng.choice(_AREAS)},"
            f"{rng.uniform(-90, 90):.5f},{rng.uniform(-180, 180):.5f},"
            f"{rng.randrange(20, 900)},{rng.randrange(1, 30)},{day},{rng.choice(('true', 'false'))}\n"
        )


def _series_lines(rows: int) -> Iterator[str]:
    rng = random.Random(2)
    for number in range(rows):
        series, step = divmod(number, ROWS_OF_A_SERIES)
        at = _EPOCH + timedelta(seconds=10 * step)
        status = "ok" if rng.random() < 0.98 else "low battery"
        yield (
            f"sensor-{series:05},{at:%Y-%m-%dT%H:%M:%SZ},"
            f"{rng.gauss(12, 8):.2f},{rng.uniform(20, 100):.2f},{status}\n"
        )


def _flights_lines(rows: int) -> Iterator[str]:
    lines = flights_file().decode().splitlines(keepends=True)
    return iter(lines[1 : rows + 1])


WIDE = Dataset(
    name="wide",
    title="wide: 10 columns, a partition a row",
    columns={
        "id": "bigint",
        "name": "text",
        "host_id": "bigint",
        "neighbourhood": "text",
        "latitude": "double",
        "longitude": "double",
        "price": "int",
        "minimum_nights": "int",
        "last_review": "date",
        "available": "boolean",
    },
    partition_key=("id",),
    clustering_key=(),
    lines=_wide_lines,
)
SERIES = Dataset(
    name="series",
    title=f"time series: 5 columns, {ROWS_OF_A_SERIES} rows a partition",
    columns={
        "sensor": "text",
        "at": "timestamp",
        "temperature": "double",
        "humidity": "double",
        "status": "text",
    },
    partition_key=("sensor",),
    clustering_key=("at",),
    lines=_series_lines,
)
_FLIGHTS_TEXTS = ("carrier", "tailnum", "origin", "dest")
_FLIGHTS_COLUMNS = (
    *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time"),
    *("arr_delay", "carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour"),
    *("minute", "time_hour"),
)
DEPARTURES = Dataset(
    name="departures",
    title="flights: 19 columns, real",
    columns={
        name: "text" if name in _FLIGHTS_TEXTS else "timestamp" if name == "time_hour" else "int"
        for name in _FLIGHTS_COLUMNS
    },
    partition_key=("origin", "year", "month", "day"),
    clustering_key=("time_hour", "carrier", "flight"),
    lines=_flights_lines,
    null_word="NA",
)
DATASETS = (WIDE, SERIES, DEPARTURES)
