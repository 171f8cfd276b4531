"""Statistics of loads as tables for people: the same lines three times, with other columns."""

from collections.abc import Callable, Mapping, Sequence

from rich import filesize
from rich.table import Table

from ingest_manager.commands.display import print_table
from ingest_manager.ledger.load_statistics import LoadStatistics, Seconds
from ingest_manager.ledger.loads import LoadStatus

_Columns = Mapping[str, Callable[[LoadStatistics], str]]

_ACCOUNTS: _Columns = {
    "objects": lambda one: f"{one.objects:,}",
    "size": lambda one: filesize.decimal(one.bytes),
    "rows read": lambda one: f"{one.rows_read:,}",
    "written": lambda one: f"{one.rows_written:,}",
    "rejected": lambda one: f"{one.rows_rejected:,}",
    "dropped": lambda one: f"{one.rows_dropped:,}",
    "rows/s": lambda one: "-" if one.rows_per_second is None else f"{one.rows_per_second:,.0f}",
}
_OUTCOMES = [status for status in LoadStatus if status.is_outcome]


def print_statistics(found: Sequence[LoadStatistics]) -> None:
    """Print accounts, outcomes and times."""
    outcomes: dict[str, Callable[[LoadStatistics], str]] = {
        status.replace("_", " "): _count_of(status) for status in _OUTCOMES
    }
    print_table(_table(found, _ACCOUNTS))
    print("\nloads by outcome")
    print_table(_table(found, outcomes | {"on their way": _count_on_their_way, "success": _success}))
    print("\nseconds from the event to the outcome")
    print_table(_table(found, _seconds_of(lambda one: one.seconds_to_outcome)))
    print("\nseconds of the load itself")
    print_table(_table(found, _seconds_of(lambda one: one.seconds_of_load)))


def _table(found: Sequence[LoadStatistics], columns: _Columns) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    has_periods = any(one.period for one in found)
    if has_periods:
        table.add_column("time (UTC)", no_wrap=True)
    table.add_column("customer", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        period = [f"{one.period:%Y-%m-%d %H:%M}" if one.period else ""] if has_periods else []
        table.add_row(*period, one.customer or "all", *(show(one) for show in columns.values()))
    return table


def _count_of(status: LoadStatus) -> Callable[[LoadStatistics], str]:
    return lambda one: f"{one.statuses.get(status, 0):,}"


def _count_on_their_way(one: LoadStatistics) -> str:
    return f"{one.objects - sum(one.statuses.get(status, 0) for status in _OUTCOMES):,}"


def _success(one: LoadStatistics) -> str:
    return "-" if one.success_rate is None else f"{one.success_rate:.1%}"


def _seconds_of(times: Callable[[LoadStatistics], Seconds | None]) -> _Columns:
    def shown(kind: str) -> Callable[[LoadStatistics], str]:
        return lambda one: "-" if (found := times(one)) is None else f"{getattr(found, kind):,.3f}"

    return {kind: shown(kind) for kind in Seconds.model_fields}
