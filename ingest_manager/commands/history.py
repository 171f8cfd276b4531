"""The command `ingest-manager history`: what became of the objects."""

from datetime import datetime
from typing import Annotated, Self

import typer

from ingest_manager.commands import display
from ingest_manager.commands.ledger import check_customer, open_ledger
from ingest_manager.commands.options import AsJson, OneCustomer, Since, end_of, moment_of
from ingest_manager.ledger.history import LoadQuery, LoadView, find_loads
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.settings import Settings

MOST_LOADS = 1_000_000  # of one answer


class OpsLoadView(LoadView):
    """A load as ops see it."""

    attempts_allowed: int
    """So many, and it ends as failed."""

    retry_at: datetime | None
    """When the next attempt is due, where one is waited for."""

    @classmethod
    def of_ops(cls, load: Load, attempts_allowed: int) -> Self:
        """Return the view of a load that may be tried so often."""
        retry_at = load.retry_at if load.status is LoadStatus.WAITING else None
        shown = LoadView.of(load).model_dump()
        return cls(**shown, attempts_allowed=attempts_allowed, retry_at=retry_at)


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
        until=end_of(until, since),
        status=status,
        limit=limit,
    )
    settings = Settings()
    with open_ledger(settings) as ledger:
        loads = find_loads(ledger, query)
        if customer is not None and not loads:
            check_customer(ledger, settings, customer)
    if as_json:
        for load in loads:
            typer.echo(OpsLoadView.of_ops(load, settings.attempts).model_dump_json())
    else:
        display.print_loads(loads, settings.attempts)
