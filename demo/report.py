"""The demo's two tables: what became of each object, and the tables' own counts beside the files' lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from rich.table import Table

from demo.counts import Count
from demo.pushes import Pushed
from ingest_manager.cassandra.cassandra_session import CassandraSession


def loads_table(session: CassandraSession, pushes: Sequence[Pushed]) -> Table:
    """Show each object of these pushes, with how long its load took by the ledger."""
    table = _table("object", "status", "rows read", "written", "rejected", "seconds", "rows/s")
    for push in pushes:
        for file in push.files:
            table.add_row(f"{push.customer}/{file['name']}", *_load_cells(session, file))
    return table


def counts_table(counts: Iterable[Count]) -> Table:
    """Show lines against rows, and what differs."""
    table = _table("table", "lines in the files", "rows in Cassandra", "")
    for count in counts:
        table.add_row(count.table, f"{count.lines:,}", f"{count.rows:,}", _verdict(count))
    return table


def _verdict(count: Count) -> str:
    if count.changed_files:
        names = ", ".join(count.changed_files[:3]) + (" ..." if len(count.changed_files) > 3 else "")
        return f"[red]not what was pushed: {names}[/]"
    return "[green]equal[/]" if count.is_equal else f"[red]differs by {abs(count.lines - count.rows):,}[/]"


def _load_cells(session: CassandraSession, file: Mapping[str, Any]) -> Iterator[str]:
    yield file["status"] or ("sent" if file["accepted"] else "refused")
    for column in ("rows_read", "rows_written", "rows_rejected"):
        yield "" if file[column] is None else f"{file[column]:,}"
    if seconds := _seconds(session, file["load_id"]):
        yield f"{seconds:.2f}"
        yield f"{file['rows_written'] / seconds:,.0f}"


def _seconds(session: CassandraSession, load_id: str | None) -> float | None:
    if load_id is None:
        return None
    cql = "SELECT started_at, ended_at FROM ingest.loads WHERE load_id = ?"
    (load,) = session.execute(cql, (UUID(load_id),))
    is_over = load["started_at"] and load["ended_at"]
    return (load["ended_at"] - load["started_at"]).total_seconds() if is_over else None


def _table(first: str, *others: str) -> Table:
    table = Table(first)
    for column in others:
        table.add_column(column, justify="left" if column in {"status", ""} else "right")
    return table
