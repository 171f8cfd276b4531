"""What Cassandra lacks of what apps declare, and making it so; `tables` compares and changes one table.

Tables are also made when the manager takes an app up, by the same steps: `plan` tells before a load does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import IngestApp, Registry
from ingest_manager.apps.app_list import whole_apps
from ingest_manager.cassandra import tables
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.tables import Difference, Kind
from ingest_manager.errors import PermanentError
from ingest_manager.settings import Settings


class DifferenceView(BaseModel):
    """A difference as people and scripts see it."""

    customer: str
    app: str | None = None
    kind: Kind
    message: str
    remedy: str = ""
    statement: str = ""


@dataclass(frozen=True, slots=True)
class AppPlan:
    """Compares apps with Cassandra, and applies them to it."""

    session: CassandraSession
    registry: Registry
    settings: Settings

    def plan(self, customers: Iterable[Customer]) -> Iterator[DifferenceView]:
        """Yield what differs; nothing is changed."""
        for customer in customers:
            yield from (_view(customer, None, found) for found in self._of_keyspace(customer))
            yield from self._of_apps(customer, is_to_change=False)

    def apply(self, customers: Iterable[Customer]) -> Iterator[DifferenceView]:
        """Make what is missing, and yield that; of an app of which something is refused nothing is done."""
        for customer in customers:
            for found in self._of_keyspace(customer):
                if found.kind is Kind.CHANGE:
                    self.session.execute(found.statement)
                yield _view(customer, None, found)
            yield from self._of_apps(customer, is_to_change=True)

    def _of_keyspace(self, customer: Customer) -> list[Difference]:
        return tables.keyspace_differences(self.session, customer.keyspace, self.settings.replication)

    def _of_apps(self, customer: Customer, *, is_to_change: bool) -> Iterator[DifferenceView]:
        try:
            apps = whole_apps(self.registry.apps(customer.id))
        except ContractError as error:
            yield DifferenceView(customer=customer.id, kind=Kind.REFUSED, message=str(error))
            return
        for app in apps:
            found = tables.differences(self.session, customer.keyspace, app.contract)
            is_refused = any(one.kind is Kind.REFUSED for one in found)
            if is_to_change and is_refused:
                found = [one for one in found if one.kind is not Kind.CHANGE]
            elif is_to_change:
                yield from self._changed(customer, app)
                found = [one for one in found if one.kind is Kind.NOTE]
            yield from (_view(customer, app, one) for one in found)

    def _changed(self, customer: Customer, app: IngestApp) -> list[DifferenceView]:
        try:
            changes = tables.declare_table(self.session, customer.keyspace, app.contract)
        except PermanentError as error:  # such as an option that this Cassandra does not have
            return [DifferenceView(customer=customer.id, app=app.name, kind=Kind.REFUSED, message=str(error))]
        return [_view(customer, app, change) for change in changes]


def _view(customer: Customer, app: IngestApp | None, found: Difference) -> DifferenceView:
    return DifferenceView(
        customer=customer.id,
        app=app and app.name,
        kind=found.kind,
        message=str(found),
        remedy=found.remedy,
        statement=found.statement,
    )
