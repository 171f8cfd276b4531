"""The command `ingest-manager history`: what became of the objects."""

from typing import Annotated

import typer

from ingest_manager.commands import display
from ingest_manager.commands.ledger import open_ledger
from ingest_manager.commands.options import AsJson, OneCustomer, Since, moment_of
from ingest_manager.ledger.history import LoadQuery, LoadView, find_loads
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.settings import Settings

MOST_LOADS = 1_000_000  # of one answer


def history(
    customer: OneCustomer = None,
    key: Annotated[str | None, typer.Option("--key", help="Only the versions of this key.")] = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option("--until", help="Objects before then.")] = None,
    status: Annotated[LoadStatus | None, typer.Option("--status", help="Only this status.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_LOADS, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the loads, newest object first.

    \b
    Examples:
      1. ingest-manager history --customer customer-1 --limit 20
      2. ingest-manager history --status failed --since 24h --json
      3. ingest-manager history --customer customer-1 --key orders/2026-01-31.csv
    """
    query = LoadQuery(
        customer=customer,
        key=key,
        since=moment_of(since),
        until=moment_of(until),
        status=status,
        limit=limit,
    )
    with open_ledger(Settings()) as ledger:
        loads = find_loads(ledger, query)
    if as_json:
        for load in loads:
            typer.echo(LoadView.of(load).model_dump_json())
    else:
        display.print_loads(loads)
