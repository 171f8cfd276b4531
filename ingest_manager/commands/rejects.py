"""The command `ingest-manager rejects`: the rejected rows of any customer's load."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from ingest_manager.commands.options import open_ledger
from ingest_manager.rejects import rejects_of
from ingest_manager.settings import Settings
from ingest_manager.worker import connect_store


def rejects(
    load: Annotated[UUID, typer.Argument(metavar="LOAD", help="A load's id, as `history --json` shows it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Into this file.")
    ] = None,
) -> None:
    """Print the rejects of a load: a file that can be corrected and sent again.

    \b
    Examples:
      1. ingest-manager rejects 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10
      2. ingest-manager rejects 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 -o corrected/planes.csv
    """
    settings = Settings()
    with open_ledger(settings) as ledger:
        body = rejects_of(load, ledger.find(load), connect_store(settings)).blocks
    if output is None:
        sys.stdout.buffer.writelines(body)
        return
    try:
        with output.open("wb") as target:
            target.writelines(body)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {str(output)!r}: {error.strerror}") from error
