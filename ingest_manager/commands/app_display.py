"""Apps, their differences and proposals as text for people; customers' texts are shown as text only."""

import json
from collections.abc import Iterable

from rich.table import Table

from customer_ingestapps.proposals.declaration import toml_of
from customer_ingestapps.proposals.proposal import Proposal
from ingest_manager.app_list import AppView
from ingest_manager.app_plan import DifferenceView
from ingest_manager.commands.display import one_line, print_table
from ingest_manager.new_app import NewApp
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


def print_proposal(proposal: Proposal) -> None:
    """Print all that is proposed, with what speaks for it."""
    for line in proposal.evidence:
        print(one_line(line))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("column", "from", "declared as", "why"):
        table.add_column(heading, overflow="fold")
    for column in proposal.columns:
        options = {name: value for name, value in column.options.items() if name not in {"type", "column"}}
        declared = " ".join([str(column.options["type"]), *([toml_of(options)] if options else [])])
        why = "; ".join([column.finding.evidence, *column.finding.notes])
        table.add_row(*_shown((column.name, str(column.options.get("column", column.name)), declared, why)))
    print_table(table)


def proposal_document(made: NewApp) -> str:
    """Give a new app as one JSON document."""
    proposal = made.proposal
    columns = {
        column.name: {
            "declared": column.options,
            "why": column.finding.evidence,
            "notes": column.finding.notes,
        }
        for column in proposal.columns
    }
    document = {
        "folder": str(made.folder),
        "rows": proposal.rows,
        "table": proposal.table,
        "key": proposal.key,
        "why": proposal.evidence,
        "columns": columns,
        "check": made.check.model_dump(mode="json", exclude={"rows"}),
    }
    return json.dumps(document, ensure_ascii=False)
