"""What became of the objects: questions to the ledger, newest object first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from pydantic import BaseModel

from ingest_manager.ledger import Ledger
from ingest_manager.load_filter import LoadFilter
from ingest_manager.loads import Load, LoadStatus

_BEFORE_ALL_OBJECTS = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SPAN = timedelta(seconds=1)
_SHORTEST_SPAN = timedelta(milliseconds=1)  # as exact as the ledger's times are
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


def find_loads(ledger: Ledger, query: LoadQuery, now: datetime | None = None) -> list[Load]:
    """Return the newest loads that match."""
    if query.upload_id is not None and query.customer is not None:
        found = ledger.find_all(ledger.ids_of_upload(query.customer, query.upload_id))
        return sorted(filter(query.matches, found), key=_newest_first)[: query.limit]
    return list(islice(newest_first(ledger, query, now or datetime.now(UTC)), query.limit))


def newest_first(ledger: Ledger, wanted: LoadFilter, now: datetime) -> Iterator[Load]:
    """Yield the loads that match, newest object first, and read little more than is used.

    An index gives no order, so it is asked for one span of time after the other. Spans become longer where
    little is found, and shorter where one holds more than is read at once.
    """
    if wanted.status is LoadStatus.LOADING:  # few at any time
        yield from sorted(ledger.search(wanted), key=_newest_first)
        return
    oldest = wanted.since or _BEFORE_ALL_OBJECTS
    until, length = wanted.until, _FIRST_SPAN
    newest = min(until or now, now)  # what is newer still, by another clock, is in the first span
    while newest > oldest:
        since = newest - min(length, newest - oldest)
        is_shortest = length <= _SHORTEST_SPAN
        of_span = replace(wanted, since=since, until=until)
        found = list(ledger.search(of_span, at_most=None if is_shortest else _AT_ONCE))
        if len(found) == _AT_ONCE and not is_shortest:
            length /= 8
            continue
        yield from sorted(found, key=_newest_first)
        until = newest = since
        length = 2 * length if len(found) < _AT_ONCE // 4 else length


def _newest_first(load: Load) -> tuple[float, str]:
    return (-load.event_at.timestamp() if load.event_at else 0.0, str(load.load_id))
