"""The commands `ingest-manager apps …`: list, check, plan, apply; `new` and `shadow` are registered here."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bucket_policies.customers import Customer
from customer_ingestapps.registry import Registry
from customer_ingestapps.samples import find_sample, sample_key
from ingest_manager.apps.app_list import list_apps, whole_apps
from ingest_manager.apps.app_plan import AppPlan, DifferenceView
from ingest_manager.apps.check import Check, CheckView
from ingest_manager.cassandra import cassandra_session
from ingest_manager.cassandra.tables import Kind
from ingest_manager.commands import app_display, display
from ingest_manager.commands.apps_new import new
from ingest_manager.commands.apps_shadow import shadow
from ingest_manager.commands.check import SHOWN_REJECTS, run_check
from ingest_manager.commands.options import AsJson, customers_of
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import FolderSettings, Settings

apps = typer.Typer(
    help="Customers' ingest apps: what there is, what it would do, and its tables.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

for command in (new, shadow):
    apps.command()(command)

AnyCustomer = Annotated[
    str | None, typer.Argument(metavar="CUSTOMER", help="Only this customer.", show_default=False)
]
ACustomer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Whose app.")]
AnyFile = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Else each sample."),
]


@apps.command("list")
def list_them(customer: AnyCustomer = None, as_json: AsJson = False) -> None:
    """List the apps with version, keys, table and sample; exit 1 if some are refused.

    \b
    Examples:
      1. ingest-manager apps list
      2. ingest-manager apps list customer-1 --json
    """
    settings = FolderSettings()
    registry = Registry(settings.customer_ingestapps_dir)
    found = list(list_apps(registry, customers_of(settings, customer)))
    if as_json:
        for view in found:
            typer.echo(view.model_dump_json())
    else:
        app_display.print_apps(found)
    raise typer.Exit(1 if any(view.problem for view in found) else 0)


@apps.command("check")
def check_apps(
    customer: ACustomer,
    file: AnyFile = None,
    key: Annotated[str | None, typer.Option("--key", help="The file's key; else its name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a load of each app's sample would do, or of a file; exit 1 if not every row would be in.

    \b
    Examples:
      1. ingest-manager apps check customer-1
      2. ingest-manager apps check customer-1 planes-2026.csv
    """
    settings = FolderSettings()
    [chosen] = customers_of(settings, customer)
    registry = Registry(settings.customer_ingestapps_dir)
    most_rejects = None if as_json else SHOWN_REJECTS
    with closing(Sandboxes(settings)) as sandboxes:
        check = Check(chosen, registry, most_rejects=most_rejects, transform_of=sandboxes.transform_of)
        views = [run_check(check, file, key or file.name)] if file else list(_of_samples(check))
    for view in views:
        if as_json:
            typer.echo(view.model_dump_json(exclude={"rows"}))
        else:
            display.print_check(view)
    is_sound = all(not view.file_error and not view.rows_rejected for view in views)
    raise typer.Exit(0 if views and is_sound else 1)


def _of_samples(check: Check) -> Iterator[CheckView]:
    for app in whole_apps(check.registry.apps(check.customer.id)):
        sample = find_sample(app)
        if sample is None:
            typer.echo(f"{app.customer}/{app.name}: has no sample beside its app.toml", err=True)
        else:
            yield run_check(check, sample, sample_key(app, sample))


@apps.command()
def plan(customer: AnyCustomer = None, as_json: AsJson = False) -> None:
    """Compare Cassandra with the apps and change nothing; exit 1 if something would change or is refused.

    \b
    Examples:
      1. ingest-manager apps plan
      2. ingest-manager apps plan customer-1 --json
    """
    with _planning(customer) as (planning, customers):
        found = list(planning.plan(customers))
    _tell(found, len(customers), as_json=as_json, is_applied=False)
    raise typer.Exit(1 if any(one.kind is not Kind.NOTE for one in found) else 0)


@apps.command("apply")
def apply_apps(customer: AnyCustomer = None, as_json: AsJson = False) -> None:
    """Make keyspaces, types, tables, new columns and options; exit 1 if something is refused.

    What would lose or reinterpret data is refused, with the reason and what to do instead.

    \b
    Examples:
      1. ingest-manager apps apply customer-1
      2. ingest-manager apps apply --json
    """
    with _planning(customer) as (planning, customers):
        found = list(planning.apply(customers))
    _tell(found, len(customers), as_json=as_json, is_applied=True)
    raise typer.Exit(1 if any(one.kind is Kind.REFUSED for one in found) else 0)


@contextmanager
def _planning(customer: str | None) -> Iterator[tuple[AppPlan, list[Customer]]]:
    settings = Settings()
    customers = customers_of(settings, customer)
    with cassandra_session.connect(settings) as session:
        yield AppPlan(session, Registry(settings.customer_ingestapps_dir), settings), customers


def _tell(found: list[DifferenceView], customers: int, *, as_json: bool, is_applied: bool) -> None:
    if as_json:
        for one in found:
            typer.echo(one.model_dump_json())
        return
    app_display.print_differences(found, is_applied=is_applied)
    counts = Counter(one.kind for one in found)
    if not counts[Kind.CHANGE] and not counts[Kind.REFUSED]:
        typer.echo(f"Cassandra equals the apps of {customers} customers")
    else:
        changed = "changed" if is_applied else "to change"
        typer.echo(f"{counts[Kind.CHANGE]} {changed}, {counts[Kind.REFUSED]} refused")
