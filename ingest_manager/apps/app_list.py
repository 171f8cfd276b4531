"""The apps that there are, as people and scripts see them; a customer's apps that are refused say why."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import IngestApp, Registry
from customer_ingestapps.samples import find_sample
from ingest_manager.loading.current_app import label_of


class AppView(BaseModel):
    """One app, or what is wrong with all of a customer's."""

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


def list_apps(registry: Registry, customers: Iterable[Customer]) -> Iterator[AppView]:
    """Yield every app of some customers, by name."""
    for customer in customers:
        try:
            apps = registry.apps(customer.id)
        except ContractError as error:
            yield AppView(customer=customer.id, problem=str(error))
            continue
        yield from map(_view_of, whole_apps(apps))
        if not apps:
            yield AppView(customer=customer.id, problem="has no app: every object will be rejected")


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
