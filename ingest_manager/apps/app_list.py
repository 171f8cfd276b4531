"""The apps that there are, as people and scripts see them, each with what is wrong with it."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from bucket_policies.customers import Customer
from customer_ingestapps.registry import IngestApp, Registry, Survey
from customer_ingestapps.samples import find_sample
from ingest_manager.loading.current_app import label_of


class AppView(BaseModel):
    """One app, sound or not; without a name, a customer that has none."""

    customer: str
    app: str | None = None
    kind: str | None = None
    """`declared`, or whose code makes the rows: `python`, `program`."""
    version: str | None = None
    """As the ledger has it in `app_version`: of the app's folder, and of our readers."""
    keys: tuple[str, ...] = ()
    format: str | None = None
    table: str | None = None
    columns: Mapping[str, str] = {}
    sample: str | None = None
    problem: str | None = None
    """Why it takes no file: every fault, one a line."""


def list_apps(registry: Registry, customers: Iterable[Customer]) -> Iterator[AppView]:
    """Yield every app of some customers, by name."""
    for customer in customers:
        found = registry.survey(customer.id)
        views = {app.name: _view_of(app) for app in whole_apps(found.apps)}
        for name in sorted(views.keys() | found.faults):
            view = views.get(name, AppView(customer=customer.id, app=name))
            yield view.model_copy(update={"problem": _problem(found, name)})
        if not views and not found.faults:
            yield AppView(customer=customer.id, problem="has no app: every object will be rejected")


def _problem(found: Survey, name: str) -> str | None:
    if name in found.faults:
        return "\n".join(found.faults[name])
    if found.faults:
        broken = ", ".join(sorted(found.faults))
        return f"sound, but not taken up: a customer's apps are refused as a whole, until mended: {broken}"
    return None


def whole_apps(apps: Iterable[IngestApp]) -> list[IngestApp]:
    """Return each folder's app once, for its own format; one that takes two stands twice in a registry."""
    first: dict[object, IngestApp] = {}
    for app in apps:
        first.setdefault(app.folder, app)
    return list(first.values())


def _view_of(app: IngestApp) -> AppView:
    label, sample = label_of(app), find_sample(app)
    files, contract = app.contract.files, app.contract
    return AppView(
        customer=app.customer,
        app=app.name,
        kind=contract.transform.kind if contract.transform else "declared",
        version=label and label.version,
        keys=files.keys + files.csv_keys,
        format=files.format,
        table=contract.table.name,
        columns={name: str(cql) for name, cql in contract.cql_types.items()},
        sample=sample and sample.name,
    )
