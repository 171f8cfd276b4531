"""A new version of an app in the shadow of the present one: both read archived objects, neither writes.

What they make of each object is compared by `shadow_comparison`; what the new version's table would need is
`tables`' to say.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reason
from customer_ingestapps.registry import DECLARATION, IngestApp, Registry, read_apps
from customer_ingestapps.transforms import Transform
from ingest_manager.apps.shadow_comparison import Comparison, RejectDifference, Side, ValueDifference
from ingest_manager.errors import TransientError
from ingest_manager.ledger.history import newest_first
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import Load, LoadStatus, Outcome
from ingest_manager.loading.accounts import Accounts
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.lease import NoLease
from ingest_manager.loading.transfer import send_rows

_WITH_OBJECT = frozenset(
    {LoadStatus.LOADED, LoadStatus.PARTLY_LOADED, LoadStatus.REJECTED, LoadStatus.FAILED}
)
TransformOf = Callable[[IngestApp], Transform | None]


class Result(BaseModel):
    """What one version makes of an object."""

    app: str | None
    status: LoadStatus
    reason: str | None
    message: str | None
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_dropped: int


class ObjectShadow(BaseModel):
    """One object by both versions, and the difference; lists hold the first differences only."""

    load_id: str
    key: str
    present: Result
    new: Result
    has_same_key: bool
    rows_new: int
    rows_gone: int
    rows_changed: int
    values_changed: int
    rejects_new: int
    rejects_gone: int
    values: list[ValueDifference]
    rejects: list[RejectDifference]

    @property
    def is_different(self) -> bool:
        """Whether the new version would come to something else."""
        counts = (self.rows_new, self.rows_gone, self.rows_changed, self.rejects_new, self.rejects_gone)
        is_alike = self.present == self.new.model_copy(update={"app": self.present.app})
        return any(counts) or not is_alike or not self.has_same_key


def read_new_version(folder: Path, customer: Customer) -> tuple[IngestApp, ...]:
    """Read the new version: a folder with an `app.toml`, or with a folder for each of several apps.

    Raises:
        ContractError: it breaks the contract, or there is none.
    """
    found = read_apps(folder.parent if folder.name == DECLARATION else folder)
    if not found:
        raise ContractError(f"{folder}: has no {DECLARATION}, nor a folder that has one")
    return tuple(replace(app, customer=customer.id) for app in found)


@dataclass(frozen=True)
class Shadow:
    """Compares two versions of one customer's apps."""

    customer: Customer
    present: Registry
    new: tuple[IngestApp, ...]
    archive: Archive
    transforms: dict[Side, TransformOf]
    """Of each version its own: a sandbox never serves two."""

    def loads(self, ledger: Ledger, last: int) -> list[Load]:
        """Choose the newest loads whose objects are there and concern the new version."""
        return list(islice(filter(self._concerns, newest_first(ledger, self._filter())), last))

    def _filter(self) -> LoadFilter:
        return LoadFilter(customer=self.customer.id)

    def _concerns(self, load: Load) -> bool:
        if load.status not in _WITH_OBJECT or self.customer.constraints.violations(load.key, load.size):
            return False
        tables = {app.contract.table.name for app in self.new}
        takers = [app for app in self.present.apps(self.customer.id) if app.takes(load.key)]
        is_ours = any(app.takes(load.key) for app in self.new) or any(
            app.contract.table.name in tables for app in takers
        )
        return is_ours and self.archive.has(load)

    def compare(self, loads: list[Load], most: int) -> Iterator[ObjectShadow]:
        """Run both versions over objects, one after the other.

        Raises:
            ObjectGone, ServerDown: an object cannot be read.
        """
        for load in loads:
            yield self._of_object(load, most)

    def _of_object(self, load: Load, most: int) -> ObjectShadow:
        apps = {"present": self._present_app(load.key), "new": self._new_app(load.key)}
        contracts = {side: app.contract if isinstance(app, IngestApp) else None for side, app in apps.items()}
        with Comparison(contracts["present"], contracts["new"]) as comparison:
            present = self._run(load, apps["present"], "present", comparison)
            new = self._run(load, apps["new"], "new", comparison)
            found = comparison.differences(most)
            return ObjectShadow(
                load_id=str(load.load_id),
                key=load.key,
                present=present,
                new=new,
                has_same_key=comparison.has_same_key,
                **asdict(found) | {"values": found.values, "rejects": found.rejects},
            )

    def _present_app(self, key: str) -> IngestApp | FileRejected:
        try:
            return self.present.pick(self.customer.id, key)
        except FileRejected as error:
            return error

    def _new_app(self, key: str) -> IngestApp | FileRejected:
        taker = next((app for app in self.new if app.takes(key)), None)
        return taker or FileRejected(Reason.NO_APP, f"the new version does not take {key!r}")

    def _run(self, load: Load, app: IngestApp | FileRejected, side: Side, comparison: Comparison) -> Result:
        accounts, sink = Accounts(), comparison.sink(side)
        try:
            if isinstance(app, FileRejected):
                raise app
            send_rows(
                self.archive.open(load),
                app,
                self.customer,
                transform=self.transforms[side](app),
                lease=NoLease(load),
                table=sink,
                rejects=sink,
                accounts=accounts,
            )
            outcome = accounts.outcome()
        except FileRejected as error:
            outcome = accounts.refusal(error)
        except TransientError as error:  # such as code that does not answer
            outcome = Outcome(status=LoadStatus.FAILED, reason=error.reason, message=str(error))
        values = {name: getattr(outcome, name) for name in Result.model_fields if name != "app"}
        return Result(app=app.name if isinstance(app, IngestApp) else None, **values)
