"""The command `ingest-manager reconcile`: look for lost events now."""

import json
from dataclasses import asdict
from datetime import timedelta
from functools import partial

import typer

from ingest_manager.commands.customer_faults import CustomerFaults
from ingest_manager.commands.ledger import open_ledger
from ingest_manager.commands.options import AsJson, OneCustomer
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.reconcile import Reconciled, Reconciler
from ingest_manager.queues.broker import Publisher, count_waiting
from ingest_manager.settings import Settings


def reconcile(customer: OneCustomer = None, as_json: AsJson = False) -> None:
    """Look now for objects whose event was lost, and publish an event for each.

    Loads that got stuck are published again. A running manager does the same at its start and every two
    minutes; versions younger than INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS are left to their events.
    Exit code 1: a customer could not be reconciled, or its document is refused; the others are.

    \b
    Examples:
      1. ingest-manager reconcile --customer customer-1
      2. ingest-manager reconcile --json
    """
    settings = Settings()
    amqp_url = settings.amqp_url.get_secret_value()
    with open_ledger(settings) as ledger:
        publisher = Publisher(amqp_url)
        reconciler = Reconciler(
            connect_store(settings),
            ledger,
            publisher,
            partial(count_waiting, amqp_url),
            timedelta(seconds=settings.reconcile_min_age_seconds),
            settings.retry_pauses_seconds,
            settings.token_key.get_secret_value().encode(),
        )
        faults = CustomerFaults("reconciled")
        for chosen in faults.customers_of(settings, customer):
            with faults.turn_of(chosen.id):
                _print(chosen.id, reconciler.reconcile(chosen), as_json=as_json)
        publisher.close()
    if as_json:
        for name, fault in faults.by_customer.items():
            typer.echo(json.dumps({"customer": name, "fault": fault}))
    faults.tell()
    raise typer.Exit(1 if faults.by_customer else 0)


def _print(customer: str, found: Reconciled, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"customer": customer} | asdict(found)))
        return
    typer.echo(
        f"{customer}: {found.looked_at} objects looked at, {found.lost} events were lost, "
        f"{found.again} loads published again"
    )
