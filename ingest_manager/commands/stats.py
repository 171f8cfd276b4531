"""The command `ingest-manager stats`: how much was loaded, how well and how fast."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ingest_manager.commands import statistics_tables
from ingest_manager.commands.ledger import open_ledger
from ingest_manager.commands.options import AsJson, OneCustomer, moment_of
from ingest_manager.ledger.load_statistics import Period, statistics_of
from ingest_manager.settings import Settings


def stats(
    customer: OneCustomer = None,
    since: Annotated[
        str, typer.Option("--since", help="Objects since then: 90m, 24h, 7d, or an ISO time.")
    ] = "24h",
    until: Annotated[str | None, typer.Option("--until", help="Objects before then.")] = None,
    by: Annotated[Period | None, typer.Option("--by", help="A line for every hour or day, in UTC.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how much was loaded, how well and how fast, of each customer and of the platform.

    Success is the share of loads that are loaded, wholly or partly, of all that were to be and have an
    outcome. Throughput is rows per second of the time in which anything was loading.

    \b
    Examples:
      1. ingest-manager stats
      2. ingest-manager stats --customer customer-1 --since 7d --by day
      3. ingest-manager stats --since 2026-11-25T08:00 --until 2026-11-25T09:00 --json
    """
    now = datetime.now(UTC)
    with open_ledger(Settings()) as ledger:
        figures = ledger.figures(customer, moment_of(since) or now, moment_of(until) or now)
        found = statistics_of(figures, customer=customer, by=by)
    if as_json:
        for statistics in found:
            typer.echo(statistics.model_dump_json())
    else:
        statistics_tables.print_statistics(found)
