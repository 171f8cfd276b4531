"""The command `ingest-manager apps new`: from a sample to an app, with every proposal shown."""

import re
import zoneinfo
from pathlib import Path
from typing import Annotated, get_args

import typer

from customer_ingestapps.contract import Encoding
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.proposals.proposal import Wishes
from ingest_manager.apps.new_app import NewApp, make_app
from ingest_manager.commands import app_display, display
from ingest_manager.commands.check import SHOWN_REJECTS
from ingest_manager.commands.options import customers_of
from ingest_manager.settings import FolderSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_DELIMITER = re.compile(r"tab|\\t|\t|[ !#-&(-/:-@\[-`{-~]")
_ENCODING = re.compile("|".join(map(re.escape, get_args(Encoding))))
_ALLOWED = {
    "name": "lower-case letters, digits, - and _, at most 48",
    "table": "lower-case letters, digits and _, at most 48, a letter first",
    "delimiter": "one ASCII character that is no letter, digit or quote; or tab",
    "encoding": ", ".join(get_args(Encoding)),
}


def new(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Whose app.")],
    sample: Annotated[
        Path,
        typer.Option("--from", metavar="SAMPLE", exists=True, dir_okay=False, readable=True, help="A file."),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Of the app's folder; else the table's.")] = None,
    table: Annotated[str | None, typer.Option("--table", help="Else from the sample's name.")] = None,
    key: Annotated[str, typer.Option("--key", help="Columns, by commas; else the first unique ones.")] = "",
    keys: Annotated[
        list[str] | None, typer.Option("--keys", metavar="GLOB", help="Objects that it takes.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="Of CSV; else found out.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Else UTF-8.")] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Of times that name none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Propose an app from a whole sample file, check it with that, and write it; nothing is overwritten.

    \b
    Exit code 1: the sample would not be loaded whole, or something has to be told first.

    \b
    Examples:
      1. ingest-manager apps new customer-1 --from orders-2026-01.csv
      2. ingest-manager apps new customer-1 --from export.txt --key shop,day --zone Europe/Berlin
    """
    _check_words(name=name, table=table, delimiter=delimiter, encoding=encoding, zone=zone)
    settings = FolderSettings()
    [chosen] = customers_of(settings, customer)
    wishes = Wishes(
        table=table,
        key=tuple(filter(None, (part.strip() for part in key.split(",")))),
        keys=tuple(keys or ()),
        delimiter="\t" if delimiter in {"\\t", "tab"} else delimiter,
        encoding=encoding,  # type: ignore[arg-type]  # looked at above
        zone=zone,
    )
    try:
        made = make_app(
            settings.customer_ingestapps_dir,
            chosen,
            sample,
            name=name,
            wishes=wishes,
            most_rejects=SHOWN_REJECTS,
        )
    except FileRejected as error:
        message = f"no app can be proposed from {str(sample)!r}: {error}"
        typer.echo(f"ingest-manager: {display.one_line(message)}", err=True)
        raise typer.Exit(1) from error
    _show(made, as_json=as_json)
    raise typer.Exit(1 if made.check.file_error or made.check.rows_rejected else 0)


def _check_words(**words: str | None) -> None:
    """Refuse what could not be declared, before anything is read."""
    patterns = {"name": _NAME, "table": _TABLE, "delimiter": _DELIMITER, "encoding": _ENCODING}
    for option, word in words.items():
        pattern = patterns.get(option)
        if word is not None and pattern is not None and not pattern.fullmatch(word):
            raise typer.BadParameter(f"--{option} {word!r} is not allowed: {_ALLOWED[option]}")
    try:
        zoneinfo.ZoneInfo(words["zone"] or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"--zone {words['zone']!r} is not a time zone such as Europe/Berlin or UTC"
        raise typer.BadParameter(message) from error


def _show(made: NewApp, *, as_json: bool) -> None:
    if as_json:
        typer.echo(app_display.proposal_document(made))
        return
    app_display.print_proposal(made.proposal)
    display.print_check(made.check)
    typer.echo(
        f"written: {made.folder}; look at app.toml, then: ingest-manager apps plan {made.check.customer}"
    )
