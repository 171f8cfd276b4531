"""What became of the objects: questions to the ledger, newest object first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from heapq import merge
from itertools import islice

from pydantic import BaseModel

from ingest_manager.ledger import Ledger
from ingest_manager.loads import Load, LoadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadQuery:
    """Which loads are asked for; what is None is not asked."""

    customer: str | None = None
    upload_id: str | None = None
    key: str | None = None
    status: LoadStatus | None = None
    since: datetime | None = None
    limit: int = 100

    def matches(self, load: Load) -> bool:
        """Tell whether a load is one of those asked for."""
        is_recent = self.since is None or load.event_at is None or load.event_at >= self.since
        has_key = self.key is None or load.key == self.key
        return is_recent and has_key and (self.status is None or load.status is self.status)


class LoadView(BaseModel):
    """A load as people and scripts see it; times are UTC."""

    load_id: str
    customer: str
    bucket: str
    key: str
    version_id: str
    upload_id: str | None
    status: LoadStatus
    reason: str | None
    message: str | None
    size: int | None
    sha256: str | None
    app: str | None
    app_version: str | None
    attempts: int
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_dropped: int
    table_rows: int
    event_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    placed_at: datetime | None
    replays: int
    replayed_at: datetime | None

    @classmethod
    def of(cls, load: Load) -> "LoadView":
        """Return the view of a load."""
        values = {name: getattr(load, name) for name in cls.model_fields}
        return cls(**(values | {"load_id": str(load.load_id)}))


def find_loads(ledger: Ledger, query: LoadQuery) -> list[Load]:
    """Return the newest loads that match."""
    if query.upload_id is not None and query.customer is not None:
        found = ledger.find_all(ledger.ids_of_upload(query.customer, query.upload_id))
        matching = sorted(filter(query.matches, found), key=_newest_first)
        return matching[: query.limit]
    return list(islice(loads_by_day(ledger, query), query.limit))


def loads_by_day(ledger: Ledger, query: LoadQuery) -> Iterator[Load]:
    """Yield the loads that match, newest object first, without a limit."""
    customers_of: dict[date, list[str]] = {}
    for customer, day in ledger.days():
        is_wanted = query.customer in (None, customer) and (query.since is None or day >= query.since.date())
        if is_wanted:
            customers_of.setdefault(day, []).append(customer)
    for day in sorted(customers_of, reverse=True):
        of_customers = (ledger.find_all(ledger.ids_of_day(customer, day)) for customer in customers_of[day])
        yield from filter(query.matches, merge(*of_customers, key=_newest_first))


def _newest_first(load: Load) -> tuple[float, str]:
    return (-load.event_at.timestamp() if load.event_at else 0.0, str(load.load_id))
