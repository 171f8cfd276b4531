"""The ledger: what became of every object version that ever arrived.

`ingest.loads` is written by compare-and-set only, and every change asks for the claim that the writer
holds, so a worker that lost its lease can change nothing. Each change may be repeated: an answer that
was lost is found again by its claim. Loads are found by their id, by upload, and by indexes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from ingest_manager.cassandra.cassandra_session import CasResult, CassandraSession, Pending, Row
from ingest_manager.errors import LeaseLost, UnknownResult
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import (
    AppLabel,
    Claimed,
    claim_values,
    finding_of,
    first_claim,
    new_load,
    restored_values,
)
from ingest_manager.ledger.kept_messages import BODY_LIMIT, message_id_of
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import (
    BEFORE_ALL_OBJECTS,
    UNDECIDED,
    Finding,
    Load,
    LoadFigures,
    LoadOutline,
    LoadStatus,
    Outcome,
    Place,
)
from ingest_manager.ledger.open_claims import OpenClaims
from ingest_manager.queues.events import ObjectEvent

_COLUMNS = tuple(field.name for field in fields(Load))
_SELECT_ALL = f"SELECT {', '.join(_COLUMNS)} FROM ingest.loads"  # noqa: S608 - our own names
_SELECT = f"{_SELECT_ALL} WHERE load_id = ?"
_SELECT_FIGURES = (
    f"SELECT load_id, {', '.join(LoadFigures._fields)} FROM ingest.loads_by_day"  # noqa: S608 - our own names
    " WHERE customer = ? AND day = ? AND event_at >= ? AND event_at < ?"
)
_SELECT_OUTLINES = "SELECT reason, rows_rejected, discarded_at FROM ingest.loads"
_TIMES_OF_FIGURES = ("event_at", "started_at", "ended_at")
_MESSAGE_LIMIT = 2_000  # characters of an error that a row keeps
_AT_ONCE = 128  # reads under way together


class Ledger:
    """Reads and changes loads."""

    def __init__(
        self,
        session: CassandraSession,
        *,
        lease: timedelta,
        worker: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._lease = lease
        self._worker = worker
        self._clock = clock
        self._open_claims = OpenClaims(session)
        self._customers: set[str] = set()  # that this process has entered
        self._repeat = Retrying(
            retry=retry_if_exception_type(UnknownResult),
            stop=stop_after_attempt(3),
            wait=wait_exponential(0.2, max=2),
            reraise=True,
        )

    def find(self, load_id: UUID) -> Load | None:
        """Return a load, or None where the ledger does not know it."""
        rows = self._session.execute(_SELECT, (load_id,))
        return _load_of(rows[0]) if rows else None

    def claim(self, assignment: Assignment, app: AppLabel | None) -> Claimed:
        """Take the lease of an event's load and count the attempt, or say why not.

        The first claim fixes the load's write times. An assignment that comes again after a server was
        away still holds its claim and is not counted twice.

        Raises:
            TransientError: several workers fought for the row and nobody won in time.
        """
        beside = self._open_claims.enter(assignment.customer, assignment.event.load_id)
        self._enter_customer(assignment.customer)
        claimed = self._claim(assignment, app)
        if claimed.load.status is not LoadStatus.LOADING:
            self._open_claims.leave(claimed.load.load_id)
        beside.result()
        return claimed

    def _claim(self, assignment: Assignment, app: AppLabel | None) -> Claimed:
        lease = self._lease_values(assignment.claim)
        first = replace(first_claim(assignment, app, self._clock()), **lease)
        existing = self._insert(first)
        if existing is None:
            return Claimed(Finding.CLAIMABLE, first)
        finding = finding_of(existing, assignment, app, self._clock())
        if finding is not Finding.CLAIMABLE:
            return Claimed(finding, existing)
        return self._take_over(existing, lease | claim_values(existing, assignment, app, self._clock()))

    def register(self, event: ObjectEvent, customer: str, why: str | None = None) -> bool:
        """Enter an object without a load as `queued`, perhaps with why it waits; tell whether it was new."""
        load = replace(new_load(event, customer), message=_cut(why))
        self.index(load)
        self._enter_customer(customer)
        return self._insert(load) is None

    def explain(self, load: Load, why: str) -> None:
        """Store why a queued load waits, unless somebody has begun it."""
        expected = {"status": LoadStatus.QUEUED, "claim": load.claim}
        self._update(load.load_id, {"message": _cut(why)}, expected)

    def index(self, load: Load) -> None:
        """Make a load findable by its upload, where it belongs to one; harmless to repeat."""
        if load.upload_id is not None:
            self._session.execute(
                "INSERT INTO ingest.loads_by_upload (customer, upload_id, load_id) VALUES (?, ?, ?)",
                (load.customer, load.upload_id, load.load_id),
            )

    def first_of_upload(self, load: Load, upload_id: str) -> UUID:
        """Return the load that was first under this upload and key: this one, or an earlier version's."""
        columns = "customer, upload_id, key, load_id"
        cql = f"INSERT INTO ingest.upload_keys ({columns}) VALUES (?, ?, ?, ?) IF NOT EXISTS"  # noqa: S608
        values = (load.customer, upload_id, load.key, load.load_id)
        answer = self._cas(cql, values)
        return load.load_id if answer.applied else UUID(str(answer.row["load_id"]))

    def renew(self, load: Load, write_high: int) -> Load:
        """Renew the lease and raise the highest write time that this load may use.

        Raises:
            LeaseLost: another worker holds the load.
        """
        return self._change(load, lease_until=self._clock() + self._lease, write_high=write_high)

    def finish(self, load: Load, outcome: Outcome) -> Load:
        """Store the outcome.

        Raises:
            LeaseLost: another worker holds the load.
        """
        found = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        values = {name: value for name, value in found.items() if value is not None}
        values["message"] = _cut(outcome.message)
        return self._end(load, ended_at=self._clock(), **values)

    def restore(self, load: Load) -> Load:
        """Give a load whose replay found no object its earlier outcome and accounts back.

        Raises:
            LeaseLost: another worker holds the load.
        """
        restored = self._end(load, **restored_values(load))
        self.project(restored).result()
        return restored

    def project(self, load: Load) -> Pending:
        """Start to store an outcome's figures for statistics; harmless to repeat.

        A load has one outcome per replay, so their number orders the writes: a late one never wins.
        """
        event_at = load.event_at or self._clock()
        figures = LoadFigures.of(load)
        names = ("day", "load_id", *LoadFigures._fields)
        marks = ", ".join("?" * len(names))
        cql = f"INSERT INTO ingest.loads_by_day ({', '.join(names)}) VALUES ({marks}) USING TIMESTAMP ?"  # noqa: S608
        order = round(event_at.timestamp() * 1_000_000) + load.replays
        return self._session.execute_async(cql, (event_at.date(), load.load_id, *figures, order))

    def mark_placed(self, load: Load, place: Place) -> Load:
        """Store that the object is where its outcome wants it, and where that is."""
        return self._change(load, placed_at=self._clock(), placed_in=place)

    def wait(self, load: Load, *, pause: timedelta, error: str) -> Load:
        """Store that the load's retry is on its way; the retry's copy must be confirmed before."""
        return self._change(
            load,
            status=LoadStatus.WAITING,
            retry_at=self._clock() + pause,
            message=_cut(error),
            first_error=load.first_error or _cut(error),
        )

    def give_back(self, load: Load) -> Load:
        """End a claim without counting its attempt."""
        return self._end(load, status=LoadStatus.QUEUED, attempts=load.attempts - 1)

    def release(self, load_id: UUID, worker: str, error: str) -> None:
        """End the lease of a worker that died; its attempt stays counted."""
        load = self.find(load_id)
        if load is not None and load.status is LoadStatus.LOADING and load.worker == worker:
            self._change(load, lease_until=self._clock(), first_error=load.first_error or _cut(error))

    def discard(self, load: Load, *, by: str, note: str | None) -> Load:
        """Store that nobody wants a failed load any more; a replay takes this back.

        Raises:
            LeaseLost: it was replayed since it was read.
        """
        return self._change(load, discarded_at=self._clock(), discarded_by=by, discard_note=_cut(note))

    def keep_unusable(self, queue: str, reason: str, body: bytes) -> None:
        """Keep a body that is no event, for people; the same body is kept once a day.

        One that comes again is a dead letter again, whatever was done with it before.
        """
        now = self._clock()
        self._session.execute(
            "INSERT INTO ingest.unusable_messages (day, message_id, received_at, queue, reason, body,"
            " replayed_at, discarded_at, discarded_by, discard_note)"
            " VALUES (?, ?, ?, ?, ?, ?, null, null, null, null)",
            (now.date(), message_id_of(body), now, queue, _cut(reason), body[:BODY_LIMIT]),
        )

    def customers(self) -> list[str]:
        """Return every customer that ever had a load."""
        return sorted(
            row["customer"] for row in self._session.execute("SELECT customer FROM ingest.customers")
        )

    def search(self, wanted: LoadFilter, at_most: int | None = None) -> Iterator[Load]:
        """Yield the loads that are asked for, in no order, and read no others."""
        if wanted.status is LoadStatus.LOADING:  # not by the index, see `open_claims`
            claimed = self.find_all(self._open_claims.load_ids(wanted.customer))
            yield from islice(filter(wanted.matches, claimed), at_most)
            return
        limit = "" if at_most is None else f" LIMIT {at_most}"
        yield from map(_load_of, self._rows(_SELECT_ALL, wanted, limit))

    def outlines(self, wanted: LoadFilter) -> Iterator[LoadOutline]:
        """Yield the outlines of the loads that are asked for: of many, far sooner than `search`."""
        for row in self._rows(_SELECT_OUTLINES, wanted):
            yield LoadOutline(row["reason"], row["rows_rejected"] or 0, row["discarded_at"])

    def figures(self, customer: str | None, since: datetime, until: datetime) -> Iterator[LoadFigures]:
        """Yield the figures of a customer's loads, or everybody's, in no order."""
        wanted = LoadFilter(customer=customer, since=since, until=until)
        # First what is on its way: a load that ends meanwhile is in both, and counts as it was.
        on_their_way = {
            load.load_id: load for load in self.loads_in(customer, UNDECIDED) if wanted.matches(load)
        }
        yield from map(LoadFigures.of, on_their_way.values())
        of_customers = self.customers() if customer is None else [customer]
        days = [(name, day, since, until) for name in of_customers for day in _days(since, until)]
        yield from self._outcomes(self._session.stream_each(_SELECT_FIGURES, days), on_their_way)

    def projected(self, customer: str) -> dict[UUID, LoadFigures | None]:
        """Return all that statistics know of a customer, by load; None where an earlier version wrote it."""
        days = self._session.execute("SELECT DISTINCT customer, day FROM ingest.loads_by_day")
        ever = (BEFORE_ALL_OBJECTS, datetime.max.replace(tzinfo=UTC))
        sets = [(customer, row["day"], *ever) for row in days if row["customer"] == customer]
        rows = self._session.stream_each(_SELECT_FIGURES, sets)
        return dict(map(_figures_of, rows))

    def loads_in(self, customer: str | None, statuses: Collection[LoadStatus]) -> Iterator[Load]:
        """Yield the loads in some statuses, of one customer or of all, in no order, and read no others."""
        for status in statuses:
            yield from self.search(LoadFilter(customer=customer, status=status))

    def ids_of_upload(self, customer: str, upload_id: str) -> list[UUID]:
        """Return the load ids of one upload."""
        cql = "SELECT load_id FROM ingest.loads_by_upload WHERE customer = ? AND upload_id = ?"
        return [row["load_id"] for row in self._session.execute(cql, (customer, upload_id))]

    def find_all(self, load_ids: Iterable[UUID]) -> Iterator[Load]:
        """Yield the loads of some ids, in their order; unknown ids are left out."""
        ids = list(load_ids)
        for start in range(0, len(ids), _AT_ONCE):
            pending = [
                self._session.execute_async(_SELECT, (load_id,)) for load_id in ids[start : start + _AT_ONCE]
            ]
            yield from (_load_of(rows[0]) for rows in (answer.result() for answer in pending) if rows)

    def ping(self) -> None:
        """Raise ServerDown unless the ledger answers."""
        self._session.execute("SELECT load_id FROM ingest.loads LIMIT 1")

    def _outcomes(self, rows: Iterable[Row], on_their_way: Collection[UUID]) -> Iterator[LoadFigures]:
        unprojected = []
        for row in rows:
            load_id, figures = _figures_of(row)
            if figures is None:
                unprojected.append(load_id)
            elif load_id not in on_their_way:
                yield figures
        yield from (LoadFigures.of(load) for load in self.find_all(unprojected) if load.status.is_outcome)

    def _rows(self, select: str, wanted: LoadFilter, limit: str = "") -> Iterator[Row]:
        conditions = wanted.conditions()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return self._session.stream(select + where + limit, tuple(conditions.values()))

    def _enter_customer(self, customer: str) -> None:
        if customer not in self._customers:
            self._session.execute("INSERT INTO ingest.customers (customer) VALUES (?)", (customer,))
            self._customers.add(customer)

    def _lease_values(self, claim: UUID) -> dict[str, Any]:
        now = self._clock()
        return {"claim": claim, "worker": self._worker, "started_at": now, "lease_until": now + self._lease}

    def _insert(self, load: Load) -> Load | None:
        values = {name: getattr(load, name) for name in _COLUMNS if getattr(load, name) is not None}
        marks = ", ".join("?" * len(values))
        cql = f"INSERT INTO ingest.loads ({', '.join(values)}) VALUES ({marks}) IF NOT EXISTS"  # noqa: S608
        answer = self._cas(cql, tuple(values.values()))
        return None if answer.applied else _load_of(answer.row)

    def _take_over(self, existing: Load, values: dict[str, Any]) -> Claimed:
        values["status"] = LoadStatus.LOADING
        seen = ("status", "attempts", "claim", "lease_until")  # a lease renewed meanwhile is not taken over
        expected = {name: getattr(existing, name) for name in seen}
        answer = self._update(existing.load_id, values, expected)
        if answer.applied or answer.row.get("claim") == values["claim"]:
            return Claimed(Finding.CLAIMABLE, replace(existing, **values))
        return Claimed(Finding.BUSY, existing)  # somebody else was faster

    def _end(self, load: Load, **values: Any) -> Load:
        ended = self._change(load, **values)
        self._open_claims.leave(load.load_id)
        return ended

    def _change(self, load: Load, **values: Any) -> Load:
        if not self._update(load.load_id, values, {"claim": load.claim}).applied:
            raise LeaseLost(f"load {load.load_id} is held by another worker")
        return replace(load, **values)

    def _update(self, load_id: UUID, values: Mapping[str, Any], expected: Mapping[str, Any]) -> CasResult:
        sets = ", ".join(f"{name} = ?" for name in values)
        conditions = " AND ".join(f"{name} = ?" for name in expected)
        cql = f"UPDATE ingest.loads SET {sets} WHERE load_id = ? IF {conditions}"  # noqa: S608 - our own names
        return self._cas(cql, (*values.values(), load_id, *expected.values()))

    def _cas(self, cql: str, values: Sequence[Any]) -> CasResult:
        """Repeat a compare-and-set whose answer was lost; asked for our own claim, it may be repeated."""
        try:  # nearly always enough, and cheaper than the repeats' own keeping of accounts
            return self._session.execute_cas(cql, values)
        except UnknownResult:
            answer: CasResult = self._repeat(self._session.execute_cas, cql, values)
            return answer


def _load_of(row: Mapping[str, Any]) -> Load:
    values = {name: row[name] for name in _COLUMNS if row.get(name) is not None}
    values["status"] = LoadStatus(values["status"])
    times = {name: value.replace(tzinfo=UTC) for name, value in values.items() if isinstance(value, datetime)}
    return Load(**(values | times))


def _figures_of(row: Row) -> tuple[UUID, LoadFigures | None]:
    load_id = row.pop("load_id")
    for name in _TIMES_OF_FIGURES:
        row[name] = row[name] and row[name].replace(tzinfo=UTC)
    return load_id, LoadFigures(**row) if row["status"] else None


def _days(since: datetime, until: datetime) -> Iterator[date]:
    return (since.date() + timedelta(days=number) for number in range((until.date() - since.date()).days + 1))


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_MESSAGE_LIMIT]
