"""The command line: options in, exit code out; `push` runs when no sub-command is named.

Every fault leaves as one line on standard error; standard output holds the table or the JSON document alone.
"""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from bucket_policies.constraints import escaped
from fetchdata.api import MOST_FILES, AuthService, Load, StatusService
from fetchdata.errors import FetchdataError, UsageError
from fetchdata.progress import Watcher
from fetchdata.push import Push
from fetchdata.report import loads_table
from fetchdata.settings import Settings, checked_address
from fetchdata.upload import Uploader
from fetchdata.waiting import Waiting

INTERRUPTED = 130
INTERNAL_FAULT = 70  # EX_SOFTWARE of sysexits.h
DEFAULT_FOLDER = Path("client-input-dir")
WIDE = 10_000  # columns, where no terminal limits a line

EXAMPLES = """\b
Examples:
  1. Send the folder client-input-dir; the password is asked for:
       fetchdata -u acme
  2. Send another folder and wait until its rows are in:
       fetchdata -u acme -d exports --wait
  3. See the latest loads:
       fetchdata history -u acme"""

PUSH_EXAMPLES = """\b
Exit codes: 0 all sent (with --wait: all loaded whole), 1 some refused, failed
or with rejected rows, 2 wrong usage, 3 login refused, 4 server unreachable,
5 --wait took too long.

\b
Examples:
  1. Send the folder client-input-dir:
       fetchdata push -u acme -p PASSWORD
  2. Send another folder, wait for its rows, keep the result:
       fetchdata push -u acme -d exports --wait --json > result.json"""

STATUS_EXAMPLES = """\b
Exit codes: 0 every load of the upload is whole, 1 one is not, or not yet.

\b
Examples:
  1. See what became of an upload:
       fetchdata status -u acme 0f8fad5b-d9cb-469f-a165-70867728950e
  2. The same for a program:
       fetchdata status -u acme --json 0f8fad5b-d9cb-469f-a165-70867728950e"""

HISTORY_EXAMPLES = """\b
Examples:
  1. See the latest loads:
       fetchdata history -u acme
  2. See every version of one file:
       fetchdata history -u acme --key orders/2026-01-31.csv
  3. See what was rejected since the first of February:
       fetchdata history -u acme --since 2026-02-01 --status rejected"""


class _PushByDefault(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # its type differs between typer's versions
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["push", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_PushByDefault, add_completion=False, rich_markup_mode=None)

User = Annotated[str, typer.Option("-u", "--user", help="Your customer id.")]
Password = Annotated[
    str | None,
    typer.Option("-p", "--password", help="Or in FETCHDATA_PASSWORD, or left out to be asked for it."),
]
Server = Annotated[
    str | None, typer.Option("--server", help="Address of the service, or in FETCHDATA_SERVER.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]


@app.callback(epilog=EXAMPLES)
def fetchdata() -> None:
    """Send files for ingestion and see what became of them. Without a command: push."""


@app.command(epilog=PUSH_EXAMPLES)
def push(
    *,
    user: User,
    password: Password = None,
    directory: Annotated[Path, typer.Option("-d", "--directory", help="Folder to send.")] = DEFAULT_FOLDER,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the rows of every file are in.")] = False,
    wait_timeout: Annotated[float, typer.Option(min=0, help="Seconds that --wait waits at most.")] = 600,
    server: Server = None,
    as_json: AsJson = False,
) -> int:
    """Check the files of a folder, send those that may be sent, tell what became of each."""
    auth, watcher = _auth_service(user, password, server), Watcher()
    report = Push(auth, Uploader(watcher), watcher).run(directory)
    if wait:
        report = Waiting(StatusService(auth), watcher, wait_timeout).complete(report)
    if as_json:
        _print_document(report.document())
    elif report.outcomes:
        _print_table(report.table())
    watcher.notice(report.summary())
    return report.exit_code


@app.command(epilog=STATUS_EXAMPLES)
def status(
    *,
    user: User,
    upload_id: Annotated[str, typer.Argument(help="As push printed it.")],
    password: Password = None,
    server: Server = None,
    as_json: AsJson = False,
) -> int:
    """Tell what has become of one upload so far."""
    loads = StatusService(_auth_service(user, password, server)).loads(upload=upload_id, limit=MOST_FILES)
    _print_loads(loads, as_json=as_json)
    return int(not loads or any(load.status not in {"loaded", "duplicate"} for load in loads))


@app.command(epilog=HISTORY_EXAMPLES)
def history(
    *,
    user: User,
    password: Password = None,
    key: Annotated[str | None, typer.Option(help="Loads of this object only.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Loads from this time on (local time).")] = None,
    with_status: Annotated[str | None, typer.Option("--status", help="Loads with this status only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    server: Server = None,
    as_json: AsJson = False,
) -> int:
    """List loads, the latest first."""
    query = {
        "key": key,
        "since": since and since.astimezone(UTC).isoformat(),
        "status": with_status,
        "limit": limit,
    }
    service = StatusService(_auth_service(user, password, server))
    _print_loads(service.loads(**{name: value for name, value in query.items() if value}), as_json=as_json)
    return 0


def main() -> NoReturn:
    """Run the command; whatever happens ends in an exit code and at most one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may hold what the terminal cannot show
    sys.exit(_run())


def _run() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except FetchdataError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(f"{error.format_message()} (see fetchdata --help)", UsageError.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 -- the last resort: a customer never sees a traceback
        return _fail(f"internal fault, please report it: {type(error).__name__}", INTERNAL_FAULT)


def _fail(line: str, exit_code: int) -> int:
    print(f"fetchdata: {line}", file=sys.stderr)
    return exit_code


def _auth_service(user: str, password: str | None, server: str | None) -> AuthService:
    settings = Settings()
    address = checked_address(server or settings.server)
    secret = SecretStr(password) if password else settings.password or _asked_password(user)
    return AuthService(address, user, secret)


def _asked_password(user: str) -> SecretStr:
    if not sys.stdin.isatty():
        raise UsageError("no password: give it with -p or in FETCHDATA_PASSWORD")
    return SecretStr(typer.prompt(f"Password of {escaped(user)}", hide_input=True, err=True))


def _print_loads(loads: Sequence[Load], *, as_json: bool) -> None:
    if as_json:
        _print_document({"loads": [load.model_dump(mode="json") for load in loads]})
    else:
        _print_table(loads_table(loads))


def _print_document(document: Mapping[str, object]) -> None:
    print(json.dumps(document, indent=2))


def _print_table(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
