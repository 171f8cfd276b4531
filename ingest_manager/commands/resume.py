"""The command `ingest-manager resume`: the end of a pause."""

import json

import typer

from ingest_manager.commands.observing import named_customer, open_observer
from ingest_manager.commands.options import AsJson, NamedCustomer, documents_of
from ingest_manager.settings import Settings


def resume(customer: NamedCustomer, as_json: AsJson = False) -> None:
    """Let a paused customer's objects be loaded again.

    \b
    Examples:
      1. ingest-manager resume customer-1
      2. ingest-manager resume customer-1 --json
    """
    settings = Settings()
    with open_observer(settings) as observer:
        named_customer(observer, documents_of(settings), customer)
        is_changed = observer.required_records().pauses.resume(customer)
    if as_json:
        typer.echo(json.dumps({"customer": customer, "paused": False, "changed": is_changed}))
    else:
        typer.echo(f"{customer} is resumed" if is_changed else f"{customer} was not paused; nothing changed")
