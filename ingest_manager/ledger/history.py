"""What became of the objects: questions to the ledger, newest object first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from pydantic import BaseModel

from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import BEFORE_ALL_OBJECTS, Load, LoadStatus

_FIRST_SPAN = timedelta(seconds=1)
_AT_ONCE = 1_000  # loads of one span


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadQuery(LoadFilter):
    """Which loads are asked for, at most how many, and those of which upload."""

    upload_id: str | None = None
    limit: int = 100


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
        return sorted(filter(query.matches, found), key=_newest_first)[: query.limit]
    return list(islice(newest_first(ledger, query), query.limit))


def newest_first(ledger: Ledger, wanted: LoadFilter) -> Iterator[Load]:
    """Yield the loads that match, newest object first, and read little more than is used.

    An index gives no order. So it is asked for one span of time after the other, each about as long as is
    read at once.
    """
    oldest = wanted.since or BEFORE_ALL_OBJECTS
    since, until, length = wanted.since, wanted.until, _FIRST_SPAN
    while True:
        since, found = _newest_of(ledger, replace(wanted, since=since, until=until))
        yield from sorted(found, key=_newest_first)
        if since is None or since <= oldest:
            return
        length = 2 * max((_time_of(load) - since for load in found), default=length) or _FIRST_SPAN
        since, until = since - min(length, since - oldest), since


def _newest_of(ledger: Ledger, wanted: LoadFilter) -> tuple[datetime | None, list[Load]]:
    """Return all loads of a span or, where these are many, the newest; and the time from which on these are.

    An index answers in the order of the ids, which is none in time: the first loads are a fair sample of all.
    """
    while len(found := list(ledger.search(wanted, at_most=_AT_ONCE))) == _AT_ONCE:
        nearer = sorted(map(_time_of, found))[-_AT_ONCE // 20]
        if wanted.since is not None and nearer <= wanted.since:  # many at one moment
            return wanted.since, list(ledger.search(wanted))
        wanted = replace(wanted, since=nearer)
    return wanted.since, found


def _newest_first(load: Load) -> tuple[float, str]:
    return (-_time_of(load).timestamp(), str(load.load_id))


def _time_of(load: Load) -> datetime:
    return load.event_at or BEFORE_ALL_OBJECTS
