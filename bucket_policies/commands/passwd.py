"""The command `bucket-policies passwd`."""

import sys

import typer

from bucket_policies import users
from bucket_policies.commands.options import TheCustomer, ask_password, customer_of, read_password
from bucket_policies.settings import DocumentSettings, read_settings


def passwd(customer: TheCustomer) -> None:
    """Set a customer's password, asked for on the terminal or read from standard input.

    \b
    Examples:
      1. bucket-policies passwd customer-1
      2. pwgen 20 1 | bucket-policies passwd customer-1
    """
    settings = read_settings(DocumentSettings)
    known = customer_of(settings, customer)
    password = ask_password() if sys.stdin.isatty() else read_password()
    users.set_password(settings.users_document, known.id, password)
    typer.echo(f"the password of {known.id} is set")
