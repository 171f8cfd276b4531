"""The command `ingest-manager rejects`: the rejected rows of any customer's load."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from customer_ingestapps.registry import Registry
from ingest_manager.commands.ledger import open_ledger
from ingest_manager.commands.options import AsJson
from ingest_manager.loading.current_app import find_app
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.reject_lines import reject_lines
from ingest_manager.operations.rejects import rejects_of
from ingest_manager.settings import Settings


def rejects(
    load: Annotated[UUID, typer.Argument(metavar="LOAD", help="A load's id, as `history --json` shows it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Into this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the rejects of a load: a file that can be corrected and sent again.

    With --json: line, column and reason of each, and its row as the text that was sent. The file is taken
    apart as the app that takes the object now reads it.

    \b
    Examples:
      1. ingest-manager rejects 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10
      2. ingest-manager rejects 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 -o corrected/planes.csv
      3. ingest-manager rejects 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 --json
    """
    settings = Settings()
    with open_ledger(settings) as ledger:
        found = ledger.find(load)
        body: Iterable[bytes] = rejects_of(load, found, connect_store(settings)).blocks
    if as_json and found is not None:
        app = find_app(Registry(settings.customer_ingestapps_dir), found.customer, found.key)
        body = (f"{json.dumps(asdict(one))}\n".encode() for one in reject_lines(body, app))
    if output is None:
        sys.stdout.buffer.writelines(body)
        return
    try:
        with output.open("wb") as target:
            target.writelines(body)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {str(output)!r}: {error.strerror}") from error
