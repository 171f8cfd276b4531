"""The demo's own count, apart from what the platform says of itself: lines on disk, rows in the tables."""

import csv
import fnmatch
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

from demo.data import TABLES
from demo.pushes import pushed_files
from ingest_manager.cassandra.cassandra_session import CassandraSession

FIRST_TOKEN, LAST_TOKEN = -(2**63), 2**63 - 1
RANGES = 64  # each small enough to be counted well within the server's time limit


@dataclass(frozen=True)
class Count:
    """One table: rows on disk now, rows in Cassandra now, and files that are not those that were pushed."""

    table: str
    lines: int
    rows: int
    changed_files: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.lines == self.rows and not self.changed_files


def count_all(session: CassandraSession, data: Path) -> Iterator[Count]:
    """Count every table of the demo, one after the other."""
    for customer, tables in TABLES.items():
        pushed = {file["name"]: file["sha256"] for file in pushed_files(data, customer)}
        for table, pattern in tables.items():
            on_disk = {path.name: path for path in (data / customer).glob(pattern)}
            names = on_disk.keys() | set(fnmatch.filter(pushed, pattern))
            yield Count(
                table=f"{customer}: {table}",
                lines=sum(map(lines_in, on_disk.values())),
                rows=rows_in(session, customer.replace("-", "_"), table),
                changed_files=tuple(
                    name for name in sorted(names) if _sha256(on_disk.get(name)) != pushed.get(name)
                ),
            )


def lines_in(path: Path) -> int:
    """Count the lines of a CSV file after its header, as far as it can be read."""
    opened = gzip.open if path.suffix == ".gz" else open
    lines = 0
    with (
        opened(path, "rt", encoding="utf-8", newline="") as text,
        suppress(EOFError, OSError, UnicodeError, zlib.error),
    ):
        for lines, _ in enumerate(csv.reader(text)):  # noqa: B007 -- the header is line 0
            pass
    return lines


def rows_in(session: CassandraSession, keyspace: str, table: str) -> int:
    """Count a table's rows, one token range after the other."""
    key = _partition_key(session, keyspace, table)
    if not key:
        return 0  # there is no such table
    token = f"token({', '.join(key)})"
    cql = f'SELECT count(*) FROM "{keyspace}"."{table}" WHERE {token} > ? AND {token} <= ?'  # noqa: S608 -- names of ours
    borders = [FIRST_TOKEN + number * 2**64 // RANGES for number in range(RANGES)] + [LAST_TOKEN]
    return sum(session.execute(cql, ends)[0]["count"] for ends in pairwise(borders))


def _partition_key(session: CassandraSession, keyspace: str, table: str) -> list[str]:
    cql = "SELECT * FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?"
    columns = sorted(session.execute(cql, (keyspace, table)), key=itemgetter("position"))
    return [f'"{column["column_name"]}"' for column in columns if column["kind"] == "partition_key"]


def _sha256(path: Path | None) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
