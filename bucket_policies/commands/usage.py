"""The command `bucket-policies usage`: how much of its quota each customer uses."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from bucket_policies import logs
from bucket_policies.arrivals import Sized
from bucket_policies.commands.options import AsJson, customer_of
from bucket_policies.customers import open_directory
from bucket_policies.errors import NotGivenError
from bucket_policies.grant_store import CassandraSession, GrantStore
from bucket_policies.settings import GrantSettings, MirrorSettings, read_settings
from bucket_policies.store import open_administration
from bucket_policies.usage import Usage, measure

_WIDTH = 200  # columns, where no terminal says how many it has
_COLUMNS = ("quota", "on the bucket", "used", "", "staged", "granted", "free", "files", "archived")


def usage(
    customer: Annotated[str | None, typer.Argument(help="Only this customer.", show_default=False)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how much of its quota each customer uses; exit 1 if one uses more than it has.

    Used is what lies in staging, every version, and what is granted and has not arrived.

    \b
    Examples:
      1. bucket-policies usage
      2. bucket-policies usage customer-1 --json
    """
    logs.configure()
    settings = read_settings(MirrorSettings)
    directory = open_directory(settings.customers_folder)
    chosen = [customer_of(settings, customer)] if customer else list(directory.current().values())
    minio = open_administration(settings)
    with _granted() as granted:
        measured = [measure(minio, one, granted(one.id)) for one in chosen]
    if as_json:
        typer.echo(to_json([_document(one) for one in measured]).decode())
    else:
        _show(measured)
    problems = {} if customer else directory.problems
    for document, problem in problems.items():
        typer.echo(f"{document}: refused: {problem}", err=True)
    raise typer.Exit(1 if problems or any(one.is_over for one in measured) else 0)


@contextmanager
def _granted() -> Iterator[Callable[[str], Sequence[Sized] | None]]:
    """Give what tells a customer's grants: nothing where Cassandra's login is not given here."""
    try:
        settings = read_settings(GrantSettings)
    except NotGivenError:
        yield lambda _: None
    else:
        with closing(CassandraSession(settings)) as session:
            yield GrantStore(session).outstanding


def _document(one: Usage) -> dict[str, object]:
    return asdict(one) | {"used_bytes": one.used_bytes, "free_bytes": one.free_bytes}


def _show(measured: Sequence[Usage]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sizes in KiB", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("last arrival (UTC)", no_wrap=True)
    for one in measured:
        table.add_row(*_cells(one))
    Console(width=_WIDTH).print(table)  # a figure that is cut would be another one


def _cells(one: Usage) -> Iterator[str]:
    yield one.customer
    yield _size(one.quota_bytes)
    yield _size(one.bucket_quota_bytes)
    yield _size(one.used_bytes)
    yield f"{100 * one.used_bytes / one.quota_bytes:.0f} %"
    yield _size(one.staged_bytes)
    yield _size(one.granted_bytes)
    yield _size(one.free_bytes)
    yield str(one.staged_files)
    yield _size(one.archived_bytes)
    yield f"{one.last_arrival_at:%Y-%m-%d %H:%M:%S}" if one.last_arrival_at else "-"


def _size(count: int | None) -> str:
    return "-" if count is None else f"{-(-count // 1024):,}"  # as the documents say it, rounded up
