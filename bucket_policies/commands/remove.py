"""The command `bucket-policies remove`."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bucket_policies import logs, removal
from bucket_policies.commands.options import AsJson, TheCustomer, customer_of
from bucket_policies.customers import Customer
from bucket_policies.errors import UnreachableError
from bucket_policies.mirror import Holding
from bucket_policies.other_systems import other_systems
from bucket_policies.removal import Belongings
from bucket_policies.settings import MirrorSettings, read_settings
from bucket_policies.store import open_administration


def remove(
    customer: TheCustomer,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also with objects that have no outcome yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End a customer's logins and uploads, after showing what it has; nothing is deleted.

    Its document is put aside in customers-removed/, its password is forgotten; what was signed or lent for it
    stops at once. Buckets, rows and history stay, and are there again when the customer is added again.
    Where RabbitMQ or Cassandra is away, it says what is left to look for, and exits with 4.

    \b
    Examples:
      1. bucket-policies remove acme
      2. bucket-policies remove acme --yes --force --json
    """
    if not (yes or sys.stdin.isatty()):
        raise typer.BadParameter("there is no terminal to ask on: add --yes")
    logs.configure()
    settings = read_settings(MirrorSettings)
    known = customer_of(settings, customer)
    minio = open_administration(settings)
    with other_systems() as others:
        belongings = removal.look(minio, others.mirrors, known)
    not_told = [*others.left_out, *(str(error) for _, error in belongings.not_told)]
    if not as_json:
        _show(f"{known.id} has", ((system, holding.what) for system, holding in belongings.holdings))
        for line in not_told:
            typer.echo(line)
    if not force:
        belongings.refuse_unfinished(known.id)
    if not (yes or typer.confirm(f"End the logins and uploads of {known.id}? Nothing is deleted.", err=True)):
        raise typer.Exit(1)
    aside, faults = removal.end(minio, known, settings)
    faults += removal.left_to_do(known, belongings.not_told)
    if as_json:
        typer.echo(json.dumps(_document(known, aside, belongings, not_told=not_told, faults=faults)))
    else:
        _tell(known, aside, belongings)
    raise typer.Exit(_tell_faults(faults, belongings))


def _document(
    customer: Customer,
    aside: Path,
    belongings: Belongings,
    *,
    not_told: Sequence[str],
    faults: Sequence[str],
) -> dict[str, object]:
    return {
        "customer": customer.id,
        "document": f"{aside.parent.name}/{aside.name}",
        "stays": [{"system": system, **asdict(holding)} for system, holding in belongings.holdings],
        "not_told": not_told,
        "faults": faults,
    }


def _tell(customer: Customer, aside: Path, belongings: Belongings) -> None:
    document = f"{aside.parent.name}/{aside.name}"
    typer.echo(f"{customer.id} is removed: no login, no upload; its document is {document}")
    _show("all this stays; by hand, for good:", _deletions(holding for _, holding in belongings.holdings))
    back = f"move the document to customers/{customer.id}.json, bucket-policies passwd {customer.id}"
    typer.echo(f"to have it back: {back}")


def _tell_faults(faults: Iterable[str], belongings: Belongings) -> int:
    """Print what could not be done; return the exit code."""
    code = 0
    for fault in faults:
        typer.echo(f"bucket-policies: {fault}", err=True)
        code = 1
    return 4 if any(isinstance(error, UnreachableError) for _, error in belongings.not_told) else code


def _deletions(holdings: Iterable[Holding]) -> Iterable[tuple[str, str]]:
    return ((holding.what.partition(":")[0], holding.deletion) for holding in holdings)


def _show(heading: str, lines: Iterable[tuple[str, str]]) -> None:
    listed = list(lines)
    width = max(len(first) for first, _ in listed)
    typer.echo(heading)
    for first, second in listed:
        typer.echo(f"  {first:{width}}  {second}")
