"""The `ingest-manager` command: reads the settings once, wires, and turns faults into exit codes.

Exit codes: 0 done / no difference, 1 something failed or differs, 2 usage or settings, 4 unreachable.
"""

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError

from bucket_policies.customers import CustomerDirectory
from bucket_policies.errors import SettingsError
from customer_ingestapps.errors import IngestAppError
from customer_ingestapps.registry import Registry
from ingest_manager import app as manager_app
from ingest_manager import cassandra_session, display, logs, setup, status_service
from ingest_manager.broker import Publisher, count_waiting
from ingest_manager.check_command import check
from ingest_manager.command_line import AsJson, OneCustomer, Since, customers_of, moment_of, open_ledger
from ingest_manager.errors import IngestError, ServerDown
from ingest_manager.history import LoadQuery, LoadView, find_loads
from ingest_manager.loads import LoadStatus
from ingest_manager.reconcile import Reconciler
from ingest_manager.rejects_command import rejects
from ingest_manager.replay_command import replay
from ingest_manager.settings import Settings
from ingest_manager.verify import Verification
from ingest_manager.worker import connect_ledger, connect_store

MOST_LOADS = 1_000_000  # of one answer

cli = typer.Typer(
    help="Load customers' objects into Cassandra, and see what became of each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (check, rejects, replay):
    cli.command()(command)


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
        directory = CustomerDirectory(settings.bucket_policies_dir / "customers")
        for customer in directory.current().values():
            setup.ensure_customer(session, registry, settings, customer)
            typer.echo(f"{customer.id}: ready")
        for document, problem in directory.problems.items():  # they stop nobody else
            typer.echo(f"{document}: {problem}", err=True)


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
    since: Since = None,
    status: Annotated[LoadStatus | None, typer.Option("--status", help="Only this status.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_LOADS, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the loads, newest object first.

    \b
    Examples:
      1. ingest-manager history --customer customer-1 --limit 20
      2. ingest-manager history --status failed --since 24h --json
    """
    query = LoadQuery(customer=customer, since=moment_of(since), status=status, limit=limit)
    with open_ledger(Settings()) as ledger:
        loads = find_loads(ledger, query)
    if as_json:
        for load in loads:
            typer.echo(LoadView.of(load).model_dump_json())
    else:
        display.print_loads(loads)


@cli.command()
def reconcile(customer: OneCustomer = None) -> None:
    """Look now for objects whose event was lost, and publish an event for each.

    \b
    Example:  ingest-manager reconcile --customer customer-1
    """
    settings = Settings()
    amqp_url = settings.amqp_url.get_secret_value()
    with open_ledger(settings) as ledger:
        publisher = Publisher(amqp_url)
        reconciler = Reconciler(
            connect_store(settings),
            ledger,
            publisher,
            partial(count_waiting, amqp_url),
            timedelta(seconds=settings.reconcile_min_age_seconds),
            settings.retry_pauses_seconds,
        )
        for chosen in customers_of(settings, customer):
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
    with open_ledger(settings) as ledger:
        min_age = timedelta(seconds=settings.reconcile_min_age_seconds)
        verification = Verification(connect_store(settings), ledger, min_age)
        for chosen in customers_of(settings, customer):
            verification.verify(chosen)
    report = verification.report
    if as_json:
        differences = [asdict(difference) for difference in report.differences]
        typer.echo(json.dumps({"counts": dict(report.counts), "differences": differences}))
    else:
        display.print_report(report)
    raise typer.Exit(1 if report.differences else 0)


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
    except (IngestError, IngestAppError) as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename or 'the output'}", 1)


def _fail(message: str, code: int) -> None:
    print(f"ingest-manager: {message}", file=sys.stderr)
    sys.exit(code)
