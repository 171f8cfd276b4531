"""The platform's state as text: a table with a line for each customer, and the totals."""

from collections.abc import Iterator

from rich import filesize
from rich.console import Console
from rich.table import Table

from ingest_manager.commands.display import one_line
from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.monitoring.platform_state import PlatformState

_WIDTH = 200  # columns, also where the terminal has fewer: a figure that is cut would be another one
_UNKNOWN = "?"
_FIGURES = (
    "queue", "no outcome", "oldest", "loading", "retry", "loads 1h", "rejects 1h", "dead",
    "quota", "set", "used",
)  # fmt: skip


def print_state(state: PlatformState) -> None:
    """Print a line for each customer, what holds one up, and the platform's totals."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("customer", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in _FIGURES:
        table.add_column(heading, justify="right", no_wrap=True)
    for customer in state.customers:
        table.add_row(*_cells(customer))
    Console(width=_WIDTH).print(table)
    for customer in state.customers:
        if customer.paused:
            print(_pause_line(customer))
    for source, problem in state.problems.items():
        print(f"{source}: {one_line(problem)}")
    for server, told in state.servers.items():
        print(f"{server}: {told}")
    print(f"unrouted events: {_known(state.unrouted)}")
    print(f"messages in dead-letters: {_known(state.dead_letter_messages)}")
    print(f"objects whose app or table is refused: {_known(state.objects_refused)}")


def _pause_line(state: CustomerState) -> str:
    note = f": {one_line(state.pause_note)}" if state.pause_note else ""
    by = one_line(state.paused_by or "")
    return f"{state.customer}: paused since {state.paused_at:%m-%d %H:%M} by {by}{note}"


def _cells(state: CustomerState) -> Iterator[str]:
    yield state.customer
    yield _standing(state)
    yield _known(state.queue_depth)
    yield _known(state.without_outcome)
    yield _age(state.oldest_waiting_seconds)
    figures = (
        state.in_flight,
        state.waiting_for_retry,
        state.loads_last_hour,
        state.rejects_last_hour,
        state.dead_letters,
    )
    yield from map(_known, figures)
    yield from map(_size, (state.quota_declared_bytes, state.quota_set_bytes, state.used_bytes))


def _standing(state: CustomerState) -> str:
    if not state.has_document:
        return "no document"
    if state.paused:
        return "paused"
    if state.consumers is None or state.paused is None:
        return _UNKNOWN
    return "taken up" if state.consumers else "not taken up"


def _known(count: int | None) -> str:
    return _UNKNOWN if count is None else f"{count:,}"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return _UNKNOWN
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds else "-"


def _size(size: int | None) -> str:
    if size is None:
        return _UNKNOWN
    factor, unit = filesize.pick_unit_and_suffix(size, ["B", "KiB", "MiB", "GiB", "TiB"], 1024)
    return f"{size / factor:,.1f} {unit}" if factor > 1 else f"{size} B"
