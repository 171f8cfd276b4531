"""Builds and runs a command line with typer: a command's module is imported when it is used.

Wrong usage is one line, too. Shared by the commands of the admin and of ops; what other faults mean is left
to their `cli`.
"""

import sys
from collections import UserDict
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

import typer
from typer._click.exceptions import (
    ClickException,
    NoArgsIsHelpError,
)  # typer's own click, under no other name
from typer.core import TyperGroup
from typer.main import get_group

USAGE = 2
INTERRUPTED = 130
_EXIT_CODES = (
    "Exit codes: 0 done, or no difference; 1 something failed or differs; 2 usage or settings; "
    "4 a server does not answer; 130 interrupted."
)


class _Commands(UserDict[str, Any]):
    """Commands by name, each made from its `module:function` whenever it is asked for."""

    def __getitem__(self, name: str) -> Any:
        found = resolve_name(self.data[name])
        holder = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            holder.command(name)(found)
        return get_group(holder).commands[name]


def build(about: str, commands: Mapping[str, str]) -> typer.Typer:
    """Return a command line of these commands.

    Args:
        about: what its help begins with.
        commands: where the function or the group of each command is, as `module:name`.
    """

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Commands(commands)

    return typer.Typer(
        cls=Group,
        callback=lambda: None,  # without one, typer takes no command for too few
        help=about,
        epilog=_EXIT_CODES,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


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
