"""The command `ingest-manager check`: from its options to a check, and what it found as text or JSON."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from customer_ingestapps.registry import Registry
from ingest_manager.apps.check import Check, CheckView
from ingest_manager.commands import display
from ingest_manager.commands.options import customers_of
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import FolderSettings

SHOWN_REJECTS = 20
LocalFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="A local file.")
]


def check(
    file: LocalFile,
    customer: Annotated[str, typer.Option("--customer", help="Whose document and apps apply.")],
    key: Annotated[str | None, typer.Option("--key", help="The object's key; else the file's name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    with_rows: Annotated[
        bool, typer.Option("--rows", help="With the rows as they would be stored; implies --json.")
    ] = False,
) -> None:
    """Tell what a load of a local file would do, without a server; exit 1 if not every row would be in.

    \b
    Examples:
      1. ingest-manager check planes.csv --customer customer-1
      2. ingest-manager check broken.csv --customer customer-1 --key in/planes.csv --json --rows
    """
    settings = FolderSettings()
    [chosen] = customers_of(settings, customer)
    most_rejects = None if as_json or with_rows else SHOWN_REJECTS
    registry, sandboxes = Registry(settings.customer_ingestapps_dir), Sandboxes(settings)
    with closing(sandboxes):
        subject = Check(chosen, registry, with_rows, most_rejects, sandboxes.transform_of)
        view = run_check(subject, file, key or file.name)
    if as_json or with_rows:
        typer.echo(view.model_dump_json(exclude=None if with_rows else {"rows"}))
    else:
        display.print_check(view)
    raise typer.Exit(1 if view.file_error or view.rows_rejected else 0)


def run_check(check: Check, file: Path, key: str) -> CheckView:
    """Run a check; a file that cannot be read is wrong usage."""
    try:
        return check.run(file, key)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {str(file)!r}: {error.strerror}") from error
