"""Which app takes an object at present, or why none does, and how the ledger names it."""

from customer_ingestapps.cells import READER_VERSION
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.registry import IngestApp, Registry, app_among
from ingest_manager.ledger.claims import AppLabel

App = IngestApp | FileRejected | ContractError  # an app, or why there is none


def find_app(registry: Registry, customer: str, key: str) -> App:
    """Return the app for a customer's object, or why there is none."""
    try:
        return registry.pick(customer, key)
    except (FileRejected, ContractError) as error:
        return error


class CurrentApps:
    """The apps as they are when they are first asked for: for many objects at once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._apps: dict[str, tuple[IngestApp, ...] | ContractError] = {}

    def find(self, customer: str, key: str) -> App:
        """Return the app for a customer's object, or why there is none."""
        if customer not in self._apps:
            self._apps[customer] = self._read(customer)
        apps = self._apps[customer]
        try:
            return apps if isinstance(apps, ContractError) else app_among(apps, key)
        except FileRejected as error:
            return error

    def _read(self, customer: str) -> tuple[IngestApp, ...] | ContractError:
        try:
            return self._registry.apps(customer)
        except ContractError as error:
            return error


def label_of(app: App) -> AppLabel | None:
    """Return an app's label; its version covers its folder and our readers."""
    if not isinstance(app, IngestApp):
        return None
    return AppLabel(app.name, f"{app.version}-r{READER_VERSION}")
