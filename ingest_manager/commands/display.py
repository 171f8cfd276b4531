"""Loads, reports and replays as text for people; what a customer named is shown as text and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import filesize
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from ingest_manager.ledger.loads import LoadStatus

if TYPE_CHECKING:  # whoever shows loads need not load the readers that a check takes
    from ingest_manager.apps.check import CheckView, RejectView
    from ingest_manager.ledger.loads import Load
    from ingest_manager.operations.dead_letters import DeadLetterView, SecondLook
    from ingest_manager.operations.replay import Plan
    from ingest_manager.operations.verify import Report

_FILE_WIDTH = 200  # columns, where no terminal says how many it has
_SHOWN = 10  # loads of a replay, reasons to wait


def print_loads(loads: list[Load], attempts: int) -> None:
    """Print a line for each load; `attempts` is how many one has before it ends as failed."""
    print_table(_history_table(loads, attempts))


def _history_table(loads: list[Load], attempts: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("object", overflow="fold")
    table.add_column("status", no_wrap=True)
    for heading in ("read", "written", "rejected"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for load in loads:
        event_at = f"{load.event_at:%m-%d %H:%M:%S}" if load.event_at else ""
        counts = (load.rows_read, load.rows_written, load.rows_rejected)
        why = one_line("; ".join(filter(None, _notes(load, attempts))))
        table.add_row(event_at, one_line(f"{load.customer}/{load.key}"), load.status, *map(str, counts), why)
    return table


def _notes(load: Load, attempts: int) -> Iterator[str | None]:
    if load.replays:
        yield "replayed" if load.replays == 1 else f"replayed {load.replays} times"
    if load.discarded_at:
        yield f"discarded by {load.discarded_by}"
    if load.status is LoadStatus.WAITING:
        due = f", next at {load.retry_at:%m-%d %H:%M:%S}" if load.retry_at else ""
        yield f"attempt {load.attempts} of {attempts}{due}"
    elif load.attempts > 1:
        yield f"{load.attempts} attempts"
    yield load.message or load.reason


def one_line(text: str) -> Text:
    """Show a customer's text as text: no control character, no markup."""
    return Text("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))


def print_report(report: Report) -> None:
    """Print every difference, and the counts."""
    for difference in report.differences:
        name = one_line(difference.key or difference.load_id)
        print(f"{difference.customer}: {name} {one_line(difference.message)}")
    for (customer, why), count in report.waiting.most_common(_SHOWN):
        print(f"{customer}: {count} waiting: {one_line(why)}")
    if len(report.waiting) > _SHOWN:
        print(f"… and {len(report.waiting) - _SHOWN} more reasons to wait; --json shows all")
    if report.without_document:
        print(
            f"without a document, compared as far as the ledger tells: {', '.join(report.without_document)}"
        )
    counts = ", ".join(f"{count} {name}" for name, count in sorted(report.counts.items())) or "no loads"
    print(f"{counts}; {len(report.differences)} differences")


def print_plan(plan: Plan) -> None:
    """Print what a replay is about to do, and what it leaves out."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("object", overflow="fold")
    table.add_column("now", no_wrap=True)
    for planned in plan.loads[:_SHOWN]:
        table.add_row(one_line(f"{planned.customer}/{planned.event.key}"), planned.status)
    if plan.loads:
        print_table(table)
    if len(plan.loads) > _SHOWN:
        print(f"… and {len(plan.loads) - _SHOWN} more")
    for reason, count in sorted(plan.left_out.items(), key=lambda item: item[0].name):
        print(f"left out: {count} {reason.value}")
    size = filesize.decimal(plan.size)
    print(f"loads to replay: {len(plan.loads)}; {size}, {plan.rows:,} rows when last read")


def print_looks(looks: Sequence[SecondLook]) -> None:
    """Print what messages that were no event are now."""
    for look in looks:
        found = f"events: {len(look.events)}" if look.problem is None else one_line(look.problem)
        print(f"message {look.message.message_id}: {found}")


def print_dead_letters(letters: Sequence[DeadLetterView]) -> None:
    """Print a line for each dead letter."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, is_whole in (
        ("time (UTC)", True),
        ("id", True),
        ("object or queue", False),
        ("reason", False),
    ):
        table.add_column(heading, no_wrap=is_whole, overflow="fold")
    table.add_column("attempts", justify="right", no_wrap=True)
    for heading in ("first error", "last error"):
        table.add_column(heading, overflow="fold")
    for letter in letters:
        at = f"{letter.at:%m-%d %H:%M:%S}" if letter.at else ""
        name = letter.queue or f"{letter.customer}/{letter.key}"
        last_error = "the same" if letter.last_error == letter.first_error else letter.last_error
        if letter.discarded_at:
            last_error = f"discarded by {letter.discarded_by}; {last_error}"
        texts = (letter.reason, str(letter.attempts or ""), letter.first_error or "", last_error or "")
        table.add_row(at, str(letter.id), *map(one_line, (name, *texts)))
    print_table(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, a line each; a text of several lines is shown as lines of its own."""
    for name, value in facts.items():
        lines = str(value).splitlines() if value is not None else []
        if len(lines) == 1:
            print(f"{name}: {one_line(lines[0])}")
        elif lines:
            print(f"{name}:", *(f"    {one_line(line)}" for line in lines), sep="\n")


def print_check(view: CheckView) -> None:
    """Print what a load of a file would come to, and its first rejects."""
    print(f"{one_line(view.key)}: would be {view.status.replace('_', ' ')} by app {view.app or '-'}")
    counts = f"{view.rows_read} read, {view.rows_written} would be written, {view.rows_rejected} rejected"
    dropped = f", {view.rows_dropped} dropped" if view.rows_dropped else ""
    print(f"rows: {counts}{dropped}")
    if view.file_error:
        print(f"{view.file_error.reason}: {one_line(view.file_error.message)}")
    if view.rejects:
        print_table(_rejects_table(view.rejects))
    if view.rows_rejected > len(view.rejects):
        print(f"and {view.rows_rejected - len(view.rejects)} more; --json shows all")


def _rejects_table(shown: Sequence[RejectView]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("line", justify="right", no_wrap=True)
    for heading in ("column", "reason", "message"):
        table.add_column(heading, overflow="fold")
    for reject in shown:
        cells = (reject.column or "", reject.reason, reject.message)
        table.add_row(str(reject.line), *map(one_line, cells))
    return table


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[..., None]]:
    """Show how far a command is, on a terminal; call what is yielded for each step, or with how many."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps=1: bar.advance(task, steps)


def print_table(table: Table) -> None:
    """Print a table, as wide as the terminal."""
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(table)
