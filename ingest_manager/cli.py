"""The `ingest-manager` command: reads the settings once, wires, and turns faults into exit codes.

Exit codes: 0 done / no difference, 1 something failed or differs, 2 usage or settings, 4 unreachable.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import SettingsError
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager import app as manager_app
from ingest_manager import cassandra_session, logs, setup, status_service
from ingest_manager.broker import Publisher, count_waiting
from ingest_manager.errors import IngestError, ServerDown
from ingest_manager.history import LoadQuery, LoadView, find_loads
from ingest_manager.ledger import Ledger
from ingest_manager.loads import Load, LoadStatus
from ingest_manager.reconcile import Reconciler
from ingest_manager.settings import Settings
from ingest_manager.verify import Report, Verification
from ingest_manager.worker import connect_ledger, connect_store

cli = typer.Typer(
    help="Load customers' objects into Cassandra, and see what became of each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_FILE_WIDTH = 200  # columns, where no terminal says how many it has
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
OneCustomer = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]


@cli.command("setup")
def set_up() -> None:
    """Create the broker's topology, the ledger, and the keyspaces, tables and queues of all customers.

    \b
    Can be repeated; `run` does the same at its start.
    Example:  ingest-manager setup
    """
    settings = Settings()
    registry = Registry(settings.customer_ingestapps_dir)
    with cassandra_session.connect(settings) as session:
        setup.ensure_ledger(session, settings)
        setup.ensure_topology(settings)
        for customer in _customers(settings):
            setup.ensure_customer(session, registry, settings, customer)
            typer.echo(f"{customer.id}: ready")


@cli.command()
def run() -> None:
    """Load what arrives, until SIGTERM or Ctrl-C.

    \b
    Examples:
      1. ingest-manager run
      2. INGEST_MANAGER_WORKERS=8 ingest-manager run
    """
    manager_app.run(Settings())


@cli.command("status-service")
def serve_status() -> None:
    """Serve the customers' own history and rejects over HTTP.

    \b
    Example:  INGEST_MANAGER_STATUS_LISTEN=127.0.0.1:8081 ingest-manager status-service
    """
    settings = Settings()
    host, _, port = settings.status_listen.rpartition(":")
    with cassandra_session.connect(settings) as session:
        token_key = settings.token_key.get_secret_value().encode()
        sources = status_service.Sources(
            connect_ledger(settings, session), connect_store(settings), token_key
        )
        service = status_service.create_app(sources)
        uvicorn.run(
            service,
            host=host,
            port=int(port),
            ssl_certfile=settings.status_tls_certificate,
            ssl_keyfile=settings.status_tls_key,
            log_level="warning",
            access_log=False,
        )


@cli.command()
def history(
    customer: OneCustomer = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Objects since then: 90m, 24h, 7d, or an ISO time.")
    ] = None,
    status: Annotated[LoadStatus | None, typer.Option("--status", help="Only this status.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the loads, newest object first.

    \b
    Examples:
      1. ingest-manager history --customer customer-1 --limit 20
      2. ingest-manager history --status failed --since 24h --json
    """
    query = LoadQuery(customer=customer, since=_moment(since), status=status, limit=limit)
    with _ledger(Settings()) as ledger:
        loads = find_loads(ledger, query)
    if as_json:
        for load in loads:
            typer.echo(LoadView.of(load).model_dump_json())
    else:
        width = None if sys.stdout.isatty() else _FILE_WIDTH
        Console(width=width).print(_history_table(loads))


@cli.command()
def reconcile(customer: OneCustomer = None) -> None:
    """Look now for objects whose event was lost, and publish an event for each.

    \b
    Example:  ingest-manager reconcile --customer customer-1
    """
    settings = Settings()
    amqp_url = settings.amqp_url.get_secret_value()
    with _ledger(settings) as ledger:
        publisher = Publisher(amqp_url)
        reconciler = Reconciler(
            connect_store(settings),
            ledger,
            publisher,
            partial(count_waiting, amqp_url),
            timedelta(seconds=settings.reconcile_min_age_seconds),
            settings.retry_pauses_seconds,
        )
        for chosen in _customers(settings, customer):
            typer.echo(f"{chosen.id}: {reconciler.reconcile(chosen)} published")
        publisher.close()


@cli.command()
def verify(customer: OneCustomer = None, as_json: AsJson = False) -> None:
    """Compare buckets, ledger and archive, and print every difference; exit 1 if there is one.

    \b
    Examples:
      1. ingest-manager verify
      2. ingest-manager verify --customer customer-2 --json
    """
    settings = Settings()
    with _ledger(settings) as ledger:
        min_age = timedelta(seconds=settings.reconcile_min_age_seconds)
        verification = Verification(connect_store(settings), ledger, min_age)
        for chosen in _customers(settings, customer):
            verification.verify(chosen)
    _print_report(verification.report, as_json=as_json)
    raise typer.Exit(1 if verification.report.differences else 0)


def main() -> None:
    """Run the command; every fault is one line and an exit code."""
    logs.configure()
    try:
        cli()
    except ValidationError as error:
        first = error.errors()[0]
        name = "INGEST_MANAGER_" + str(first["loc"][0]).upper() if first["loc"] else "settings"
        where = "; set it in the environment, in a secret file, or run where .local/env is"
        _fail(f"{name}: {first['msg']}{where if first['type'] == 'missing' else ''}", 2)
    except SettingsError as error:
        _fail(str(error), 2)
    except ServerDown as error:
        _fail(str(error), 4)
    except (IngestError, ContractError) as error:
        _fail(str(error), 1)


def _fail(message: str, code: int) -> None:
    print(f"ingest-manager: {message}", file=sys.stderr)
    sys.exit(code)


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger]:
    with cassandra_session.connect(settings) as session:
        yield connect_ledger(settings, session)


def _customers(settings: Settings, only: str | None = None) -> list[Customer]:
    customers = CustomerDirectory(settings.bucket_policies_dir / "customers").current()
    if only is None:
        return list(customers.values())
    if only not in customers:
        raise typer.BadParameter(f"{only!r} is no customer; the customers are {', '.join(customers)}")
    return [customers[only]]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1:] in units and text[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither like 90m, 24h or 7d nor an ISO time") from error


def _history_table(loads: list[Load]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("object", overflow="fold")
    table.add_column("status", no_wrap=True)
    for heading in ("read", "written", "rejected"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for load in loads:
        event_at = f"{load.event_at:%m-%d %H:%M:%S}" if load.event_at else ""
        counts = (load.rows_read, load.rows_written, load.rows_rejected)
        attempts = f"{load.attempts} attempts; " if load.attempts > 1 else ""
        why = _one_line(attempts + (load.message or load.reason or ""))
        table.add_row(event_at, _one_line(f"{load.customer}/{load.key}"), load.status, *map(str, counts), why)
    return table


def _one_line(text: str) -> Text:
    """Show a customer's text as text: no control character, no markup."""
    return Text(repr(text)[1:-1])


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        differences = [asdict(difference) for difference in report.differences]
        typer.echo(json.dumps({"counts": dict(report.counts), "differences": differences}))
        return
    for difference in report.differences:
        name = _one_line(difference.key or difference.load_id)
        typer.echo(f"{difference.customer}: {name} {difference.message}")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(report.counts.items())) or "no loads"
    typer.echo(f"{counts}; {len(report.differences)} differences")
