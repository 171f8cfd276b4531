"""The commands about rows: `validate` before they are sent, `rejects` of those that were not loaded."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, Protocol
from uuid import UUID

import click

from fetchdata import __version__
from fetchdata.api import AuthService, StatusService
from fetchdata.errors import UsageError
from fetchdata.files import write_file
from fetchdata.printing import print_document, print_table
from fetchdata.progress import Watcher
from fetchdata.settings import service_options
from fetchdata.verdicts import SHOWN_FAULTS

_IN_MEMORY_BYTES = 1 << 20

VALIDATE_EXAMPLES = """\b
Exit codes: 0 every row would be in, 1 a file would be refused or has rejects,
2 wrong usage or the extra is missing, 3 login refused, 4 server unreachable.

\b
Examples:
  1. Check the folder client-input-dir before it is sent:
       fetchdata validate -u acme
  2. Check another folder, keep what has to be corrected, then send that too:
       fetchdata validate -u acme -d exports -o to-correct
       fetchdata push -u acme -d to-correct"""

REJECTS_EXAMPLES = """\b
Exit codes: 0 given, 1 there are none, 2 wrong usage, 3 login refused,
4 server unreachable.

\b
Examples:
  1. See which rows of a load were rejected, and why:
       fetchdata rejects -u acme 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10
  2. Correct them, and send them under any name that your app takes:
       fetchdata rejects -u acme 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 -o again/orders.csv
       fetchdata push -u acme -d again"""


class Services(Protocol):
    """Who is asked."""

    @property
    def auth(self) -> AuthService:
        """Who tells constraints and apps."""

    @property
    def status(self) -> StatusService:
        """Who has the rejects."""


Connect = Callable[..., Services]


@click.command(epilog=VALIDATE_EXAMPLES)
@service_options
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("client-input-dir"),
    show_default=True,
    help="Folder to check.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the rows to be corrected, in files named like theirs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.pass_obj
def validate(
    connect: Connect, /, *, directory: Path, output: Path | None, as_json: bool, user: str, **access: Any
) -> int:
    """Check the rows of a folder here, as they would be when loaded; nothing is sent."""
    try:
        from fetchdata.validation import Validation  # noqa: PLC0415 -- heavy, and needs an extra
    except ImportError as error:
        raise UsageError(
            "validate needs an extra of the package, which fetchdata.pyz cannot hold: "
            f"python3 -m pip install 'ingestion_platform-{__version__}-py3-none-any.whl[validate]'"
        ) from error
    watcher = Watcher()
    validation = Validation(connect(user=user, **access).auth, user, watcher)
    found = validation.run(directory, output=output, most_rejects=None if as_json else SHOWN_FAULTS)
    if as_json:
        print_document(found.document())
    elif found.files:
        print_table(found.table())
    watcher.notice(found.summary())
    return found.exit_code


@click.command(epilog=REJECTS_EXAMPLES)
@service_options
@click.argument("load_id", metavar="LOAD", type=click.UUID)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Into this file instead, gzipped if its name ends in .gz.",
)
@click.pass_obj
def rejects(connect: Connect, /, *, load_id: UUID, output: Path | None, **access: Any) -> int:
    """Print the rejected rows of one load, in a file that can be corrected and sent again as it is."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as body:  # all of it first: never half a file
        connect(**access).status.copy_rejects(load_id, body)
        body.seek(0)
        if output:
            write_file(output, body)
        else:
            shutil.copyfileobj(body, sys.stdout.buffer)
    return 0
