"""Runs a command line that is built with typer, so that wrong usage is one line, too.

Shared by the commands of the admin and of ops; what other faults mean is left to their `cli`.
"""

import sys

import typer
from typer._click.exceptions import (
    ClickException,
    NoArgsIsHelpError,
)  # typer's own click, under no other name

USAGE = 2
INTERRUPTED = 130


def run(app: typer.Typer, name: str) -> int:
    """Run what the command line asks for; return the exit code."""
    try:
        return int(app(prog_name=name, standalone_mode=False) or 0)
    except NoArgsIsHelpError as error:
        error.show()
    except ClickException as error:
        message = " ".join(error.format_message().split())  # a list of choices has lines of its own
        told = message.removeprefix("Invalid value: ").removesuffix(".")
        print(f"{name}: {told}; see --help", file=sys.stderr)
    except typer.Abort:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return USAGE
