"""The command `ingest-manager reconcile`: look for lost events now."""

from datetime import timedelta
from functools import partial

import typer

from ingest_manager.broker import Publisher, count_waiting
from ingest_manager.commands.options import OneCustomer, customers_of, open_ledger
from ingest_manager.reconcile import Reconciler
from ingest_manager.settings import Settings
from ingest_manager.worker import connect_store


def reconcile(customer: OneCustomer = None) -> None:
    """Look now for objects whose event was lost, and publish an event for each.

    \b
    Example:  ingest-manager reconcile --customer customer-1
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
        )
        for chosen in customers_of(settings, customer):
            typer.echo(f"{chosen.id}: {reconciler.reconcile(chosen)} published")
        publisher.close()
