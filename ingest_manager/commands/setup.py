"""The command `ingest-manager setup`: all that loads need, made before the first one."""

import json

import typer

from bucket_policies.customers import open_directory
from customer_ingestapps.registry import Registry
from ingest_manager import setup
from ingest_manager.cassandra import cassandra_session
from ingest_manager.commands.options import AsJson
from ingest_manager.settings import Settings


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
