"""Who asks whom: from the options, else from the environment, else from `.local/env` of a checkout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx
from dotenv import dotenv_values

from fetchdata.errors import UsageError

CHECKOUT = Path(".local/env")  # written where a checkout's system is up

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-u", "--user", required=True, help="Your customer id."),
    click.option(
        "-p",
        "--password",
        envvar="FETCHDATA_PASSWORD",
        help="Or in FETCHDATA_PASSWORD, or left out to be asked for it.",
    ),
    click.option(
        "--server", envvar="FETCHDATA_SERVER", help="Address of the service, or in FETCHDATA_SERVER."
    ),
    click.option(
        "--ca",
        envvar="FETCHDATA_CA",
        type=click.Path(path_type=Path),
        help="PEM file of a private certificate authority, or in FETCHDATA_CA.",
    ),
)


def service_options(command: Command) -> Command:
    """Give a command the options that say who asks whom: user, password, server, ca."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def checkout_settings(file: Path = CHECKOUT) -> dict[str, str]:
    """Read what a checkout's file sets, by option.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        values = dotenv_values(file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read '{file}': {error}") from error
    variables = {name: f"FETCHDATA_{name.upper()}" for name in ("server", "password", "ca")}
    return {name: value for name, variable in variables.items() if (value := values.get(variable))}


def checked_address(server: str | None) -> str:
    """Give the server's address if it is one.

    Raises:
        UsageError: it is missing, has no http(s) scheme or host, or holds a password.
    """
    if not server:
        raise UsageError("no server: give its address with --server or in FETCHDATA_SERVER")
    try:
        url = httpx.URL(server)
    except httpx.InvalidURL as error:
        raise UsageError(f"the server's address cannot be read: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError("the server's address must look like https://ingest.example.com")
    if url.userinfo:
        raise UsageError("the server's address must not hold a password: use -u and -p")
    return server
