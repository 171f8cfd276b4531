"""The command `bucket-policies passwd`."""

import json
import sys

import typer

from bucket_policies import users
from bucket_policies.commands.options import AsJson, TheCustomer, ask_password, customer_of, read_password
from bucket_policies.settings import DocumentSettings, read_settings


def passwd(customer: TheCustomer, *, as_json: AsJson = False) -> None:
    """Set a customer's password, asked for on the terminal or read from standard input.

    \b
    Examples:
      1. bucket-policies passwd customer-1
      2. pwgen 20 1 | bucket-policies passwd customer-1 --json
    """
    settings = read_settings(DocumentSettings)
    known = customer_of(settings, customer)
    password = ask_password() if sys.stdin.isatty() else read_password()
    users.set_password(settings.users_document, known.id, password)
    if as_json:
        typer.echo(json.dumps({"customer": known.id, "password_set": True}))
    else:
        typer.echo(f"the password of {known.id} is set")
