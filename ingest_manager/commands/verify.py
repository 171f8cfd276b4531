"""The command `ingest-manager verify`: the proof that nothing was lost."""

import json
from contextlib import closing
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Annotated

import typer

from bucket_policies.customers import Customer, open_directory
from customer_ingestapps.registry import Registry
from ingest_manager.cassandra import cassandra_session
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.commands import display
from ingest_manager.commands.customer_faults import CustomerFaults
from ingest_manager.commands.options import AsJson, OneCustomer
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.pauses import PauseStore
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.readback import ReadBack
from ingest_manager.operations.verify import Report, Verification, Written
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import Settings

LAST = 100


def verify(
    customer: OneCustomer = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read loaded objects again and look for each row in its table.")
    ] = False,
    last: Annotated[
        int | None,
        typer.Option("--last", min=0, help=f"With --deep: so many loads a customer ({LAST}); 0 for all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare buckets, ledger and archive, and print every difference; exit 1 if there is one.

    A customer that cannot be compared, or whose document is refused, is named at the end, with exit code 1,
    too; the others are compared.

    Customers without a document are compared as far as the ledger tells where their objects are. With
    --deep, every cell that a load gave must be in its table with the load's write time or a later one;
    loads by another version of their app are counted and left out.

    \b
    Examples:
      1. ingest-manager verify
      2. ingest-manager verify --customer customer-2 --json
      3. ingest-manager verify --deep --customer customer-2 --last 10
    """
    if last is not None and not deep:
        raise typer.BadParameter("--last goes with --deep")
    settings = Settings()
    faults = CustomerFaults("verified")
    with cassandra_session.connect(settings) as session:
        report = _report(settings, session, customer, faults, last=LAST if deep and last is None else last)
    if as_json:
        typer.echo(json.dumps(_document(report, faults)))
    else:
        display.print_report(report)
    faults.tell()
    raise typer.Exit(1 if report.differences or faults.by_customer else 0)


def _report(
    settings: Settings,
    session: CassandraSession,
    customer: str | None,
    faults: CustomerFaults,
    *,
    last: int | None,
) -> Report:
    store = connect_store(settings)
    min_age = timedelta(seconds=settings.reconcile_min_age_seconds)
    paused = PauseStore(session).current()
    verification = Verification(store, connect_ledger(settings, session), min_age, paused=paused)
    with_document = open_directory(settings.bucket_policies_dir / "customers").current()
    others = verification.known_customers() - with_document.keys()
    if customer is not None:
        others &= {customer}
    for chosen in [] if customer in others else faults.customers_of(settings, customer):
        with faults.turn_of(chosen.id):
            written = verification.verify(chosen)
            if last is not None:
                with closing(Sandboxes(settings)) as sandboxes:
                    registry, report = Registry(settings.customer_ingestapps_dir), verification.report
                    read_back = ReadBack(Archive(store), registry, session, report, sandboxes.transform_of)
                    _read_back(read_back, chosen, replace(written, loads=written.loads[: last or None]))
    for customer_id in sorted(others - faults.by_customer.keys()):
        with faults.turn_of(customer_id):
            verification.verify_without_document(customer_id)
    return verification.report


def _read_back(read_back: ReadBack, customer: Customer, written: Written) -> None:
    rows = sum(load.table_rows for load in written.loads)
    with display.progress(rows, f"{customer.id}: rows") as advance:
        replace(read_back, on_rows=advance).compare(customer, written.loads, written.cleared_us)


def _document(report: Report, faults: CustomerFaults) -> dict[str, object]:
    waiting = [
        {"customer": customer, "why": why, "count": count}
        for (customer, why), count in report.waiting.items()
    ]
    return {
        "counts": dict(report.counts),
        "differences": [asdict(difference) for difference in report.differences],
        "waiting": waiting,
        "without_document": report.without_document,
        "faults": faults.by_customer,
    }
