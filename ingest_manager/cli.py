"""The `ingest-manager` command: reads the settings once, wires, and turns faults into exit codes.

Exit codes: 0 done / no difference, 1 something failed or differs, 2 usage or settings, 4 unreachable.
"""

import json
import logging
import sys

import typer
import uvicorn
from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableSetting

from bucket_policies import command_line, logs
from bucket_policies.customers import open_directory
from bucket_policies.errors import SettingsError
from bucket_policies.listening import open_listener
from customer_ingestapps.errors import IngestAppError
from customer_ingestapps.registry import Registry
from ingest_manager import app as manager_app
from ingest_manager import setup, status_service
from ingest_manager.cassandra import cassandra_session
from ingest_manager.commands import dead_letters
from ingest_manager.commands.apps import apps
from ingest_manager.commands.check import check
from ingest_manager.commands.drain import drain
from ingest_manager.commands.history import history
from ingest_manager.commands.options import AsJson
from ingest_manager.commands.pause import pause
from ingest_manager.commands.reconcile import reconcile
from ingest_manager.commands.rejects import rejects
from ingest_manager.commands.replay import replay
from ingest_manager.commands.resume import resume
from ingest_manager.commands.stats import stats
from ingest_manager.commands.status import status
from ingest_manager.commands.verify import verify
from ingest_manager.errors import IngestError, ServerDown
from ingest_manager.loading.worker import connect_ledger, connect_store
from ingest_manager.settings import Settings

cli = typer.Typer(
    help="Load customers' objects into Cassandra, and see what became of each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (check, drain, history, pause, reconcile, rejects, replay, resume, stats, status, verify):
    cli.command()(command)
cli.add_typer(apps, name="apps")
cli.add_typer(dead_letters.commands, name="dead-letters")


@cli.command("setup")
def set_up(*, as_json: AsJson = False) -> None:
    """Create the broker's topology, the ledger, and the keyspaces, tables and queues of all customers.

    Can be repeated; `run` does the same at its start.

    \b
    Examples:
      1. ingest-manager setup
      2. ingest-manager setup --json
    """
    settings = Settings()
    registry = Registry(settings.customer_ingestapps_dir)
    with cassandra_session.connect(settings) as session:
        setup.ensure_ledger(session, settings)
        setup.ensure_topology(settings)
        directory = open_directory(settings.bucket_policies_dir / "customers")
        for customer in directory.current().values():
            misfits = setup.ensure_customer(session, registry, settings, customer)
            for app, problem in misfits.items():
                typer.echo(f"{customer.id}/{app}: {problem}", err=True)
            made = {"customer": customer.id, "ready": True, "misfits": dict(misfits)}
            typer.echo(json.dumps(made) if as_json else f"{customer.id}: ready")
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
    settings = Settings()
    _log_as(settings)
    manager_app.run(settings)


@cli.command("status-service")
def serve_status() -> None:
    """Serve the customers' own history and rejects over HTTP.

    \b
    Examples:
      1. ingest-manager status-service
      2. INGEST_MANAGER_STATUS_LISTEN=127.0.0.1:8081 ingest-manager status-service
    """
    settings = Settings()
    _log_as(settings)
    with open_listener(settings.status_listen) as listener, cassandra_session.connect(settings) as session:
        token_key = settings.token_key.get_secret_value().encode()
        sources = status_service.Sources(
            connect_ledger(settings, session), connect_store(settings), token_key
        )
        config = uvicorn.Config(
            status_service.create_app(sources),
            ssl_certfile=settings.status_tls_certificate,
            ssl_keyfile=settings.status_tls_key,
            log_config=None,
            access_log=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _log_as(settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)


def main() -> None:
    """Run the command; every fault is one line and an exit code."""
    logs.configure()
    try:
        sys.exit(command_line.run(cli, "ingest-manager"))
    except ValidationError as error:
        first = error.errors()[0]
        name = "INGEST_MANAGER_" + str(first["loc"][0]).upper() if first["loc"] else "settings"
        where = "; set it in the environment, in a secret file, or run where .local/env is"
        message = first["msg"].removeprefix("Value error, ")
        _fail(f"{name}: {message}{where if first['type'] == 'missing' else ''}", 2)
    except (SettingsError, UnreadableSetting) as error:
        _fail(str(error), 2)
    except UnicodeError:
        _fail("an argument or the output is not UTF-8", 2)
    except ServerDown as error:
        _fail(str(error), 4)
    except (IngestError, IngestAppError) as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename or 'the output'}", 1)


def _fail(message: str, code: int) -> None:
    print(f"ingest-manager: {message}", file=sys.stderr)
    sys.exit(code)
