"""The command `ingest-manager drain`: wait until nothing of a customer is left to be done."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from bucket_policies.customers import Customer
from ingest_manager.commands.observing import named_customer, open_observer
from ingest_manager.commands.options import AsJson, NamedCustomer, documents_of
from ingest_manager.commands.pause import Note, store_pause
from ingest_manager.errors import TransientError
from ingest_manager.monitoring.customer_state import CustomerState, Observer
from ingest_manager.operations.drain import Drain, Drained
from ingest_manager.settings import Settings


def drain(
    customer: NamedCustomer,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Wait no longer than this.")
    ] = 600,
    then_pause: Annotated[bool, typer.Option("--pause", help="Pause the customer once it is done.")] = False,
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Wait until all of a customer that has arrived has its outcome and has been moved.

    Its queue is empty then, nothing is under way or waits for a retry, and staging holds nothing without an
    outcome. Exit code 1: something is left, and what. What arrives meanwhile is waited for too.

    \b
    Examples:
      1. ingest-manager drain customer-1
      2. ingest-manager drain customer-1 --timeout 1800 --pause --note "moves on Monday"
    """
    settings = Settings()
    with open_observer(settings) as observer:
        pauses = observer.required_records().pauses
        [chosen] = named_customer(observer, documents_of(settings), customer).items()
        drained = Drain(lambda: _look(observer, *chosen), _printer(customer)).wait(timeout)
        if drained.hindrance is not None:
            observer.require_all()
        if then_pause and drained.hindrance is None:
            store_pause(pauses, customer, note)
    is_paused = then_pause if drained.hindrance is None else bool(drained.state.paused)
    if as_json:
        typer.echo(json.dumps(_summary(customer, drained, is_paused=is_paused)))
    else:
        typer.echo(_told(customer, drained, is_paused=is_paused))
    raise typer.Exit(0 if drained.hindrance is None else 1)


def _look(observer: Observer, name: str, customer: Customer | None) -> CustomerState:
    observer.away.clear()  # a server may have come back
    try:
        [state] = observer.states({name: customer})
    except TransientError:  # the next look may tell
        return CustomerState(customer=name, has_document=customer is not None)
    return state


def _printer(customer: str) -> Callable[[Mapping[str, int | None]], None]:
    """Return what prints how far a drain is, whenever that has changed, beside the result."""
    last = ""

    def print_left(left: Mapping[str, int | None]) -> None:
        nonlocal last
        told = _counts(left) or "nothing left, waiting for stragglers"
        if told != last:
            typer.echo(f"{customer}: {told}", err=True)
        last = told

    return print_left


def _counts(left: Mapping[str, int | None]) -> str:
    return ", ".join(f"{'?' if count is None else count} {what}" for what, count in left.items())


def _told(customer: str, drained: Drained, *, is_paused: bool) -> str:
    if drained.hindrance is not None:
        left = _counts(drained.left) or "nothing"
        return f"{customer} is not drained: {drained.hindrance}; left: {left}"
    failed = drained.state.dead_letters
    remark = f"; {failed} of its loads failed, see `ingest-manager history`" if failed else ""
    return f"{customer} is drained{' and paused' if is_paused else ''}{remark}"


def _summary(customer: str, drained: Drained, *, is_paused: bool) -> dict[str, object]:
    return {
        "customer": customer,
        "drained": drained.hindrance is None,
        "paused": is_paused,
        "hindrance": drained.hindrance,
        "left": dict(drained.left),
        "dead_letters": drained.state.dead_letters,
    }
