"""The command `ingest-manager status`: the servers, and a line for each customer."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import typer

from bucket_policies.customers import Customer, CustomerDirectory, is_customer_id, open_directory
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager.commands.observing import named_customer, open_observer
from ingest_manager.commands.options import AsJson, OneCustomer
from ingest_manager.commands.status_table import print_state
from ingest_manager.monitoring.customer_state import Observer
from ingest_manager.monitoring.platform_state import platform_state
from ingest_manager.settings import Settings

_UNREACHABLE = 4


def status(customer: OneCustomer = None, as_json: AsJson = False) -> None:
    """Show what waits, is under way and failed, and the quota, for each customer, and the servers.

    A figure that is not known is shown as `?`: its server is away, and the exit code is 4.

    \b
    Examples:
      1. ingest-manager status
      2. ingest-manager status --customer customer-1
      3. ingest-manager status --json
    """
    settings = Settings()
    directory = open_directory(settings.bucket_policies_dir / "customers")
    documents = directory.current()
    with open_observer(settings) as observer:
        if customer is None:
            shown = _every_customer(observer, directory)
        else:
            shown = named_customer(observer, documents, customer)
        problems = {**directory.problems, **_refused_apps(settings, shown)}
        state = platform_state(observer, shown, problems)
    if as_json:
        typer.echo(state.model_dump_json())
    else:
        print_state(state)
    raise typer.Exit(0 if state.is_whole else _UNREACHABLE)


def _every_customer(observer: Observer, directory: CustomerDirectory) -> dict[str, Customer | None]:
    """Return the customers with a document, and those that are known by a refused one or a pause only."""
    documents = directory.current()
    refused = {name.removesuffix(".json") for name in directory.problems}
    paused = observer.ask_records(lambda records: records.pauses.current()) or {}
    names = {name for name in refused | set(paused) if is_customer_id(name)} | set(documents)
    return {name: documents.get(name) for name in sorted(names)}


def _refused_apps(settings: Settings, customers: Iterable[str]) -> Mapping[str, str]:
    registry = Registry(settings.customer_ingestapps_dir)
    for customer in customers:
        with suppress(ContractError):
            registry.apps(customer)
    return registry.problems
