"""A worker's loading over fakes, for the tests of a load's life."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from customer_ingestapps.registry import IngestApp
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.admission import Admission
from ingest_manager.loading.ahead import Ahead
from ingest_manager.loading.archive import Archive
from ingest_manager.loading.loading import Loading
from ingest_manager.loading.settlements import Settled, Settlement
from ingest_manager.loading.staging_quota import StagingQuota
from support import fakes
from support.fakes import (
    SEAL_KEY,
    FakeAllowances,
    FakeGrants,
    FakeLedger,
    FakeRegistry,
    FakeStore,
    FakeWriter,
)

APP = IngestApp("acme", "people", "abc", Path(), fakes.people_contract())
GOOD = b"id,name\n1,Ann\n2,Bob\n"
ONE_BAD = b"id,name\n1,Ann\nx,Bob\n"


class Scene:
    """A loading with fakes that note their effects in one list, and one staged object."""

    def __init__(self, body: bytes = GOOD) -> None:
        self.effects: list[str] = []
        self.attempts = 3
        self.ledger = FakeLedger(self.effects)
        self.store = FakeStore(self.effects)
        self.store.put_version(body)
        self.writer = FakeWriter(self.effects)
        self.grants = FakeGrants()
        self.allowances = FakeAllowances()
        self.registry = FakeRegistry(APP)
        self.should_stop: Callable[[], bool] = lambda: False

    def load(self, assignment: Assignment | None = None, **constraints: Any) -> Settlement:
        fakes_of_admission: Any = (self.ledger, self.grants, self.allowances)
        quota = StagingQuota(self.store, self.grants)  # type: ignore[arg-type]
        archive = Archive(self.store)  # type: ignore[arg-type]  # fakes, all of them
        admission = Admission(*fakes_of_admission, SEAL_KEY, quota)
        loading = Loading(
            ledger=self.ledger,  # type: ignore[arg-type]
            archive=archive,
            registry=self.registry,  # type: ignore[arg-type]
            writer=self.writer,  # type: ignore[arg-type]
            admission=admission,
            ahead=Ahead(archive, admission),
            attempts=self.attempts,
            renew_seconds=60,
            should_stop=self.should_stop,
        )
        return loading.load(assignment or fakes.assignment(), fakes.customer(**constraints))

    def stored(self) -> Load:
        return self.ledger.loads[fakes.event().load_id]


def settled(settlement: Settlement) -> Load:
    """Return the load of a settlement that ended it."""
    assert isinstance(settlement, Settled)
    return settlement.load
