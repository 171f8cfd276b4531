"""What the commands of `ingest-manager` share: their options, and what these name."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bucket_policies.customers import Customer, open_directory
from bucket_policies.errors import SettingsError
from ingest_manager.settings import FolderSettings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Objects since then: 90m, 24h, 7d, or an ISO time.")
]
OneCustomer = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
NamedCustomer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer's id.")]


def documents_of(settings: FolderSettings) -> Mapping[str, Customer]:
    """Return the customers that have a document, by id.

    Raises:
        SettingsError: the folder of documents cannot be read.
    """
    return open_directory(settings.bucket_policies_dir / "customers").current()


def no_customer(documents: Iterable[str], name: str) -> typer.BadParameter:
    """Return the refusal of a customer that nobody knows."""
    known = ", ".join(documents) or "none"
    return typer.BadParameter(f"{name!r} is no customer; the customers are {known}")


def customers_of(settings: FolderSettings, only: str | None = None) -> list[Customer]:
    """Return the customers that have a document, or the one that is named.

    Raises:
        SettingsError: all were asked for, and not every document can be used, or the folder cannot be read.
    """
    directory = open_directory(settings.bucket_policies_dir / "customers")
    customers = directory.current()
    if only is None and directory.problems:
        problems = "; ".join(f"{document}: {problem}" for document, problem in directory.problems.items())
        raise SettingsError(f"not every customer is known, name one with --customer: {problems}")
    if only is None:
        return list(customers.values())
    if only not in customers:
        raise no_customer(customers, only)
    return [customers[only]]


def moment_of(text: str | None) -> datetime | None:
    """Return the time that an option names, aware."""
    if text is None:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1:] in units and text[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither like 90m, 24h or 7d nor an ISO time") from error


def end_of(until: str | None, since: str | None) -> datetime | None:
    """Return the time at which a period ends, aware."""
    begin, end = moment_of(since), moment_of(until)
    if begin and end and end <= begin:
        raise typer.BadParameter(f"nothing lies between --since {since} and --until {until}")
    return end
