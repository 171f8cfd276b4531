"""The command `ingest-manager pause`: one customer's queue waits, the others go on."""

import getpass
import json
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from ingest_manager.commands.observing import named_customer, open_observer
from ingest_manager.commands.options import AsJson, NamedCustomer, documents_of
from ingest_manager.ledger.pauses import Pause, PauseStore
from ingest_manager.settings import Settings

Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="Why, for whoever looks at `status`.")
]


def pause(customer: NamedCustomer, note: Note = None, as_json: AsJson = False) -> None:
    """Let a customer's objects wait until it is resumed; the other customers go on.

    Every manager follows within seconds, and after a restart. Loads under way end. Uploads are still taken.

    \b
    Examples:
      1. ingest-manager pause customer-1
      2. ingest-manager pause customer-1 --note "table is rebuilt, ask Ines"
    """
    settings = Settings()
    with open_observer(settings) as observer:
        named_customer(observer, documents_of(settings), customer)
        earlier = store_pause(observer.required_records().pauses, customer, note)
    if as_json:
        typer.echo(json.dumps({"customer": customer, "paused": True, "changed": earlier is None}))
    elif earlier is None:
        typer.echo(f"{customer} is paused")
    else:
        since = f"{earlier.paused_at:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"{customer} was paused already, {since} by {earlier.paused_by}; nothing changed")


def store_pause(pauses: PauseStore, customer: str, note: str | None) -> Pause | None:
    """Pause a customer in the name of whoever runs this; return the pause that was in force already."""
    return pauses.pause(Pause(customer, datetime.now(UTC), _whoever(), note))


def _whoever() -> str:
    user = "unknown"
    with suppress(OSError, KeyError):  # a container's user may have no name
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"
