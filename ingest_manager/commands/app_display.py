"""Apps, their differences and proposals as text for people; customers' texts are shown as text only."""

from collections.abc import Iterable

from rich.table import Table

from ingest_manager.app_list import AppView
from ingest_manager.app_plan import DifferenceView
from ingest_manager.commands.display import one_line, print_table
from ingest_manager.tables import Kind


def print_apps(views: Iterable[AppView]) -> None:
    """Print a line for each app."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("app", "version", "format", "keys", "table"):
        table.add_column(heading, overflow="fold")
    table.add_column("columns", justify="right")
    for heading in ("sample", "problem"):
        table.add_column(heading, overflow="fold")
    for view in views:
        name = "/".join(filter(None, (view.customer, view.app)))
        cells = (name, view.version, view.format, " ".join(view.keys), view.table)
        count = str(len(view.columns)) if view.app else ""
        table.add_row(*_shown(cells), count, *_shown((view.sample or "-" if view.app else "", view.problem)))
    print_table(table)


def print_differences(found: Iterable[DifferenceView], *, is_applied: bool) -> None:
    """Print a line for each difference, and for one that is refused what to do."""
    marks = {Kind.CHANGE: "changed: " if is_applied else "", Kind.REFUSED: "refused: ", Kind.NOTE: "note: "}
    for one in found:
        name = "/".join(filter(None, (one.customer, one.app)))
        for line in one.message.splitlines():
            print(f"{one_line(name)}: {marks[one.kind]}{one_line(line)}")
        if one.remedy:
            print(f"  what to do: {one.remedy}")


def _shown(cells: Iterable[str | None]) -> list[str]:
    return [str(one_line(cell or "")) for cell in cells]
