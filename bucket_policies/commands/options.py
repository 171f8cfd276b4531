"""What the commands of `bucket-policies` share: options, the customer that is named, its new password."""

import getpass
import sys
from typing import Annotated

import typer

from bucket_policies.customers import Customer, check_customer_id, open_directory
from bucket_policies.errors import DocumentError
from bucket_policies.rules import escaped
from bucket_policies.settings import DocumentSettings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
TheCustomer = Annotated[str, typer.Argument(help="The customer's id.", show_default=False)]


def customer_of(settings: DocumentSettings, customer_id: str) -> Customer:
    """Return a customer that has a document.

    Raises:
        DocumentError: it has none, or one that is refused.
        SettingsError: the folder of documents cannot be read.
    """
    directory = open_directory(settings.customers_folder)
    if customer := directory.current().get(customer_id):
        return customer
    if problem := directory.problems.get(f"{customer_id}.json"):
        raise DocumentError(f"{escaped(customer_id)}.json: refused: {problem}")
    check_customer_id(customer_id)
    raise DocumentError(f"there is no customer {customer_id!r}: bucket-policies add {customer_id}")


def ask_password(question: str = "New password: ") -> str:
    """Ask for a new password on the terminal, twice; an empty one is asked for once."""
    password = getpass.getpass(question)
    if password and getpass.getpass("Once more: ") != password:
        raise DocumentError("the two differ, nothing is changed")
    return password


def read_password() -> str:
    """Read a new password from standard input: its first line."""
    return sys.stdin.readline().rstrip("\r\n")
