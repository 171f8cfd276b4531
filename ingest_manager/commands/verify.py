"""The command `ingest-manager verify`: the proof that nothing was lost."""

import json
from dataclasses import asdict
from datetime import timedelta

import typer

from ingest_manager.commands import display
from ingest_manager.commands.options import AsJson, OneCustomer, customers_of, open_records
from ingest_manager.settings import Settings
from ingest_manager.verify import Verification
from ingest_manager.worker import connect_store


def verify(customer: OneCustomer = None, as_json: AsJson = False) -> None:
    """Compare buckets, ledger and archive, and print every difference; exit 1 if there is one.

    \b
    Examples:
      1. ingest-manager verify
      2. ingest-manager verify --customer customer-2 --json
    """
    settings = Settings()
    with open_records(settings) as records:
        min_age = timedelta(seconds=settings.reconcile_min_age_seconds)
        paused = records.pauses.current()
        verification = Verification(connect_store(settings), records.ledger, min_age, paused=paused)
        for chosen in customers_of(settings, customer):
            verification.verify(chosen)
    report = verification.report
    if as_json:
        differences = [asdict(difference) for difference in report.differences]
        typer.echo(json.dumps({"counts": dict(report.counts), "differences": differences}))
    else:
        display.print_report(report)
    raise typer.Exit(1 if report.differences else 0)
