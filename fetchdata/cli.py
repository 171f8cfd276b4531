"""The command line: options in, exit code out; `push` runs when no sub-command is named.

Every fault leaves as one line on standard error; standard output holds the table or the JSON document alone.
"""

import io
import os
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bucket_policies.rules import escaped
from fetchdata import __version__, credentials
from fetchdata.answers import plain
from fetchdata.api import MOST_FILES, STATUSES, AuthService, Load, StatusService
from fetchdata.errors import FetchdataError, UsageError
from fetchdata.printing import print_document, print_table
from fetchdata.progress import Watcher
from fetchdata.push import Push
from fetchdata.report import NOT_ALL_WELL, loads_table
from fetchdata.row_commands import rejects, validate
from fetchdata.settings import checked_address, checkout_settings, service_options
from fetchdata.trust import trust_in
from fetchdata.upload import Uploader
from fetchdata.waiting import Waiting

INTERRUPTED = 130
INTERNAL_FAULT = 70  # EX_SOFTWARE of sysexits.h
DEFAULT_FOLDER = Path("client-input-dir")

EXAMPLES = """\b
Examples:
  1. Send the folder client-input-dir; the password is asked for:
       fetchdata -u acme
  2. Send another folder and wait until its rows are in:
       fetchdata -u acme -d exports --wait
  3. See the latest loads:
       fetchdata history -u acme
  4. Use another S3 tool, here the one of AWS:
       eval "$(fetchdata credentials -u acme)"
       aws s3 cp 2026-01-31.csv "s3://$BUCKET/orders/"
"""

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

CREDENTIALS_EXAMPLES = """\b
Exit codes: 0 given, 2 wrong usage, 3 login refused, 4 server unreachable.

\b
Examples:
  1. Send a file with the tool of AWS, or with mc:
       eval "$(fetchdata credentials -u acme --format env)"
       aws s3 cp 2026-01-31.csv "s3://$BUCKET/orders/"
       mc cp 2026-01-31.csv "staging/$BUCKET/orders/"
  2. Let the AWS tools ask by themselves, in ~/.aws/config:
       [profile acme]
       credential_process = fetchdata credentials -u acme --format process
  3. Keep everything for a program:
       fetchdata credentials -u acme --json > credentials.json"""


class _PushByDefault(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in {"--help", "--version"}):
            args = ["push", *args]
        return super().parse_args(ctx, args)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")


@click.group(cls=_PushByDefault, epilog=EXAMPLES)
@click.version_option(__version__, message="fetchdata %(version)s")
def app() -> None:
    """Send files for ingestion and see what became of them. Without a command: push."""


@app.command(epilog=PUSH_EXAMPLES)
@service_options
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder to send.",
)
@click.option("--wait", is_flag=True, help="Return when the rows of every file are in.")
@click.option(
    "--wait-timeout",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    help="Seconds that --wait waits at most.",
)
@_as_json
def push(*, directory: Path, wait: bool, wait_timeout: float, as_json: bool, **access: Any) -> int:
    """Check the files of a folder, send those that may be sent, tell what became of each."""
    services, watcher = _services(**access), Watcher()
    report = Push(services.auth, Uploader(watcher, trust=services.trust), watcher).run(directory)
    if wait:
        report = Waiting(services.status, watcher, wait_timeout).complete(report)
    if as_json:
        print_document(report.document())
    elif report.outcomes:
        print_table(report.table())
    watcher.notice(report.summary())
    return report.exit_code


@app.command(epilog=STATUS_EXAMPLES)
@service_options
@click.argument("upload_id", metavar="UPLOAD_ID")
@_as_json
def status(*, upload_id: str, as_json: bool, **access: Any) -> int:
    """Tell what has become so far of one upload, by the UPLOAD_ID that push printed."""
    loads = _services(**access).status.loads(upload=upload_id, limit=MOST_FILES)
    _print_loads(loads, as_json=as_json)
    if not loads:
        Watcher().notice(f"nothing is known of an upload '{escaped(upload_id)}': ask again, or check the id")
    return int(not loads or any(load.status not in {"loaded", "duplicate"} for load in loads))


def _in_utc(_: click.Context, __: click.Parameter, local: datetime | None) -> datetime | None:
    try:
        return local and local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"the year {local and local.year} is out of range") from error


@app.command(epilog=HISTORY_EXAMPLES)
@service_options
@click.option("--key", help="Loads of this object only.")
@click.option(
    "--since", type=click.DateTime(), callback=_in_utc, help="Loads from this time on (local time)."
)
@click.option("--status", "with_status", type=click.Choice(STATUSES), help="Loads with this status only.")
@click.option(
    "--limit", type=click.IntRange(min=1, max=MOST_FILES), default=50, show_default=True, help="How many."
)
@_as_json
def history(
    *,
    key: str | None,
    since: datetime | None,
    with_status: str | None,
    limit: int,
    as_json: bool,
    **access: Any,
) -> int:
    """List loads, the latest first."""
    query = {
        "key": key,
        "since": since and since.isoformat(),
        "status": with_status,
        "limit": limit,
    }
    service = _services(**access).status
    _print_loads(service.loads(**{name: value for name, value in query.items() if value}), as_json=as_json)
    return 0


@app.command("credentials", epilog=CREDENTIALS_EXAMPLES)
@service_options
@click.option(
    "--format",
    "form",
    type=click.Choice(list(credentials.FORMATS)),
    default="env",
    show_default=True,
    help="For a shell, for the AWS tools' credential_process, or everything for a program.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def give_credentials(*, form: str, **access: Any) -> int:
    """Print temporary S3 credentials, with which other tools can put your files."""
    answer = _services(**access).auth.credentials()
    print(credentials.FORMATS[form](answer))
    Watcher().notice(credentials.notice(answer))
    return 0


for command in (validate, rejects):
    app.add_command(command)


def run(arguments: list[str]) -> int:
    """Run the command; whatever happens ends in an exit code and at most one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may hold what the terminal cannot show
    try:
        return _run(arguments)
    except FetchdataError as error:
        return _fail(str(error), error.exit_code)
    except click.ClickException as error:
        return _fail(f"{error.format_message()} (see fetchdata --help)", UsageError.exit_code)
    except click.Abort:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_ALL_WELL
    except Exception as error:  # noqa: BLE001 -- the last resort: a customer never sees a traceback
        return _fail(f"internal fault, please report it: {type(error).__name__}", INTERNAL_FAULT)


def _run(arguments: list[str]) -> int:
    defaults = dict.fromkeys(app.commands, checkout_settings())
    try:
        with app.make_context("fetchdata", arguments, default_map=defaults, obj=_services) as context:
            code = app.invoke(context)
    except click.exceptions.Exit as ended:  # of --help and --version
        code = ended.exit_code
    sys.stdout.flush()
    return int(code)


def _fail(line: str, exit_code: int) -> int:
    print(f"fetchdata: {line}", file=sys.stderr)
    return exit_code


@dataclass(frozen=True)
class _Services:
    auth: AuthService
    trust: ssl.SSLContext

    @property
    def status(self) -> StatusService:
        return StatusService(self.auth, trust=self.trust)


def _services(*, user: str, password: str | None, server: str | None, ca: Path | None) -> _Services:
    address, trust = checked_address(server), trust_in(ca)
    return _Services(AuthService(address, user, password or _asked_password(user), trust=trust), trust)


def _asked_password(user: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("no password: give it with -p or in FETCHDATA_PASSWORD")
    return str(click.prompt(f"Password of {escaped(user)}", hide_input=True, err=True))


def _print_loads(loads: Sequence[Load], *, as_json: bool) -> None:
    if as_json:
        print_document({"loads": plain(loads)})
    else:
        print_table(loads_table(loads))
