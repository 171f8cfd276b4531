"""The command `ingest-manager apps shadow`: a new version of an app on archived objects, without writing."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from customer_ingestapps.registry import Registry
from ingest_manager.apps.shadow import Shadow, read_new_version
from ingest_manager.cassandra import cassandra_session, tables
from ingest_manager.cassandra.tables import Kind
from ingest_manager.commands import app_display
from ingest_manager.commands.options import AsJson, customers_of
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.connection import connect_store
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import Settings

_SHOWN = 5  # differences of one object
_SHOWN_IN_JSON = 100


def shadow(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Whose app.")],
    new: Annotated[
        Path,
        typer.Option("--with", metavar="PATH", exists=True, readable=True, help="Folder of the new version."),
    ],
    last: Annotated[int, typer.Option("--last", min=1, help="On so many of the newest objects.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Run a new version of an app on archived objects without writing; exit 1 if it would differ.

    \b
    Examples:
      1. ingest-manager apps shadow customer-1 --with drafts/planes
      2. ingest-manager apps shadow customer-1 --with drafts/planes --last 100 --json
    """
    settings = Settings()
    [chosen] = customers_of(settings, customer)
    present, version = Registry(settings.customer_ingestapps_dir), read_new_version(new, chosen)
    is_different = False
    with ExitStack() as stack:
        session = stack.enter_context(cassandra_session.connect(settings))
        sandboxes = [stack.enter_context(closing(Sandboxes(settings))) for _ in range(2)]
        subject = Shadow(
            chosen,
            present,
            version,
            Archive(connect_store(settings)),
            {"present": sandboxes[0].transform_of, "new": sandboxes[1].transform_of},
        )
        for app in version:
            for found in tables.differences(session, chosen.keyspace, app.contract):
                is_different |= found.kind is not Kind.NOTE
                app_display.print_table_difference(found, as_json=as_json)
        loads = subject.loads(connect_ledger(settings, session), last)
        compared = []
        for one in subject.compare(loads, _SHOWN_IN_JSON if as_json else _SHOWN):
            if as_json:
                typer.echo(one.model_dump_json())
            compared.append(one)
    if not as_json:
        app_display.print_shadows(compared)
    raise typer.Exit(1 if is_different or any(one.is_different for one in compared) else 0)
