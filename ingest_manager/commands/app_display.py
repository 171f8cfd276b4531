"""Apps, their differences and proposals as text for people; customers' texts are shown as text only."""

import json
from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from customer_ingestapps.proposals.declaration import toml_of
from customer_ingestapps.proposals.proposal import Proposal
from ingest_manager.apps.app_list import AppView
from ingest_manager.apps.app_plan import DifferenceView
from ingest_manager.apps.new_app import NewApp
from ingest_manager.apps.shadow import ObjectShadow
from ingest_manager.apps.shadow_comparison import NOT_SET
from ingest_manager.cassandra.tables import Difference, Kind
from ingest_manager.commands.display import one_line, print_table


def print_apps(views: Iterable[AppView]) -> None:
    """Print a line for each app."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("app", "kind", "version", "format", "keys", "table"):
        table.add_column(heading, overflow="fold")
    table.add_column("columns", justify="right")
    for heading in ("sample", "problem"):
        table.add_column(heading, overflow="fold")
    for view in views:
        name = "/".join(filter(None, (view.customer, view.app)))
        cells = (name, view.kind, view.version, view.format, " ".join(view.keys), view.table)
        count = str(len(view.columns)) if view.columns else ""
        problem = "\n".join(_shown((view.problem or "").splitlines()))
        table.add_row(*_shown(cells), count, *_shown([view.sample or "-" if view.columns else ""]), problem)
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


def print_table_difference(found: Difference, *, as_json: bool) -> None:
    """Print what the table of a new version would need."""
    if as_json:
        print(json.dumps({"kind": found.kind, "message": str(found), "remedy": found.remedy}))
        return
    marks = {Kind.CHANGE: "its table would be changed: ", Kind.REFUSED: "its table is refused: "}
    print(f"{marks.get(found.kind, 'note: ')}{one_line(str(found))}")
    if found.remedy:
        print(f"  what to do: {found.remedy}")


def print_shadows(compared: Sequence[ObjectShadow]) -> None:
    """Print a line for each object, then the first differences of each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("object", overflow="fold")
    for heading in ("read", "written", "rejected", "dropped", "rows new", "gone", "changed", "rejects new"):
        table.add_column(heading, justify="right")
    table.add_column("gone", justify="right")
    for one in compared:
        counts = ("rows_read", "rows_written", "rows_rejected", "rows_dropped")
        both = [_both(getattr(one.present, name), getattr(one.new, name)) for name in counts]
        figures = (one.rows_new, one.rows_gone, one.rows_changed, one.rejects_new, one.rejects_gone)
        table.add_row(str(one_line(one.key)), *both, *map(str, figures))
    if compared:
        print_table(table)
    for one in compared:
        for line in _shadow_lines(one):
            print(one_line(f"{one.key}: {line}"))
    different = sum(one.is_different for one in compared)
    print(
        f"{len(compared)} objects read by both versions, {different} with a difference; nothing was written"
    )


def _both(present: int, new: int) -> str:
    return f"{present:,}" if present == new else f"{present:,} → {new:,}"


def _shadow_lines(one: ObjectShadow) -> Iterator[str]:
    if (one.present.status, one.present.reason) != (one.new.status, one.new.reason):
        both = (f"{side.status} {side.reason or ''}".strip() for side in (one.present, one.new))
        yield " → ".join(both) + (f": {one.new.message}" if one.new.message else "")
    if not one.has_same_key:
        yield "the keys differ, so that rows cannot be compared"
    for value in one.values:
        key = ", ".join(f"{name} = {part}" for name, part in value.key.items())
        if value.column is None:
            yield f"{key}: the row is {'new' if value.new else 'gone'}"
        else:
            yield f"{key}: {value.column} {_value(value.present)} → {_value(value.new)}"
    shown = sum(1 for value in one.values if value.column is not None)
    if one.values_changed > shown:
        yield f"and {one.values_changed - shown:,} more values"
    for reject in one.rejects:
        told = "rejected now" if reject.is_new else "no longer rejected"
        yield f"line {reject.line} is {told}: {reject.reason}: {reject.message}"


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if value != NOT_SET else NOT_SET
