"""How a customer stands: what waits, what is under way, what failed, and how much of its quota is used.

Gathered from queue, ledger, grants and staging, never by reading all loads of a customer. `status` shows it,
`drain` waits by it, metrics export it. A server that is away leaves its figures open; the others are told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bucket_policies.arrivals import in_use
from bucket_policies.customers import STAGING_PREFIX, Customer
from bucket_policies.grant_store import GrantStore
from ingest_manager.errors import ObjectGone, ServerDown, ServerName
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import NOT_TAKEN_UP, Load, LoadOutline, LoadStatus
from ingest_manager.ledger.pauses import Pause, PauseStore
from ingest_manager.objects.object_store import ObjectStore
from ingest_manager.objects.versions import ObjectVersion
from ingest_manager.queues import topology
from ingest_manager.queues.broker import QueueState
from ingest_manager.queues.events import event_of_version

T = TypeVar("T")
Figures = dict[str, Any]

LAST_HOUR = timedelta(hours=1)
REFUSED_BY_APP = frozenset({"app_refused", "cassandra_refused"})
"""Reasons of loads that failed because their app or its table is not in order."""

UNDECIDED = (LoadStatus.QUEUED, LoadStatus.WAITING, LoadStatus.LOADING)  # what begins meanwhile is seen last
_AT_ONCE = 8  # customers looked at together


class CustomerState(BaseModel):
    """Figures of one customer; None is what could not be asked for: its server is away."""

    model_config = ConfigDict(frozen=True)

    customer: str
    has_document: bool
    paused: bool | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_note: str | None = None
    queue_depth: int | None = None
    """Messages that wait in its queue: up to two of an object, one by each of MinIO's ways."""
    consumers: int | None = None
    """Managers that consume its queue."""
    without_outcome: int | None = None
    """Objects in staging that the ledger does not know, and loads without an outcome."""
    oldest_waiting_seconds: float | None = None
    """Age of the oldest of these, 0 where there is none."""
    in_flight: int | None = None
    """Loads that a worker holds now."""
    waiting_for_retry: int | None = None
    unplaced: int | None = None
    """Objects in staging that have an outcome and wait for their move."""
    loads_last_hour: int | None = None
    """Loads that ended in the last hour, whatever their outcome."""
    rejects_last_hour: int | None = None
    """Rows that these rejected."""
    dead_letters: int | None = None
    """Loads that failed, and were neither replayed since nor discarded."""
    refused_by_app: int | None = None
    """Of the dead letters and of what waits, those whose app or its table is not in order."""
    quota_declared_bytes: int | None = None
    quota_set_bytes: int | None = None
    """What MinIO enforces; None also where the manager may not ask."""
    used_bytes: int | None = None
    """As the auth service counts: every version in staging, and what is granted and has not arrived."""


@dataclass(frozen=True, slots=True)
class Records:
    """What Cassandra holds."""

    ledger: Ledger
    grants: GrantStore
    pauses: PauseStore


@dataclass(frozen=True, slots=True)
class _Loads:
    """The loads of one customer that its figures are made of."""

    undecided: Mapping[UUID, Load]
    dead: Sequence[LoadOutline]
    ended: Sequence[LoadOutline]
    """In the last hour."""


@dataclass(slots=True)
class Observer:
    """Looks at customers; notes in `away` which servers could not be asked, and why."""

    records: Records | None  # None: Cassandra was away from the start
    store: ObjectStore
    quota_bytes: Callable[[str], int | None]  # of a bucket, as the store enforces it
    queue_states: Callable[[Iterable[str]], Mapping[str, QueueState]]
    away: dict[ServerName, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def states(self, customers: Mapping[str, Customer | None]) -> list[CustomerState]:
        """Return the states of customers by id, in their order; one that has no document is None."""
        queues = self.ask(lambda: self.queue_states([topology.queue_of(name) for name in customers]))
        pauses = self.ask_records(lambda records: records.pauses.current())

        def state(name: str) -> CustomerState:
            figures = self._figures(name, customers[name])
            if queues is not None:
                queue = queues.get(topology.queue_of(name), QueueState(0, 0))
                figures |= {"queue_depth": queue.messages, "consumers": queue.consumers}
            if pauses is not None:
                figures |= _pause_figures(pauses.get(name))
            return CustomerState(customer=name, has_document=customers[name] is not None, **figures)

        with ThreadPoolExecutor(_AT_ONCE, "observer") as pool:
            return list(pool.map(state, customers))

    def has_traces(self, name: str) -> bool:
        """Tell whether a customer without a document has left a queue, a pause or loads.

        Raises:
            ServerDown: a server that could tell it is away.
        """
        if topology.queue_of(name) in self.queue_states([topology.queue_of(name)]):
            return True
        records = self.required_records()
        return name in records.pauses.current() or name in records.ledger.customers()

    def required_records(self) -> Records:
        """Return what Cassandra holds.

        Raises:
            ServerDown: Cassandra was away from the start.
        """
        if self.records is None:
            raise ServerDown(self.away["cassandra"], server="cassandra")
        return self.records

    def require_all(self) -> None:
        """Check that every server that was asked has answered.

        Raises:
            ServerDown: one has not.
        """
        if self.away:
            server, told = next(iter(self.away.items()))
            raise ServerDown(told, server=server)

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return an answer, or None where its server is away."""
        try:
            return question()
        except ServerDown as error:
            self.away.setdefault(error.server, error.message)
            return None

    def ask_records(self, question: Callable[[Records], T]) -> T | None:
        """Return an answer of Cassandra's, or None where it is away."""
        records = self.records
        return None if records is None else self.ask(lambda: question(records))

    def _figures(self, name: str, customer: Customer | None) -> Figures:
        figures: Figures = {}
        if customer is not None:
            figures["quota_declared_bytes"] = customer.constraints.quota_kib * 1024
        figures["quota_set_bytes"] = self.ask(lambda: self.quota_bytes(STAGING_PREFIX + name))
        loads = self.ask_records(lambda records: self._loads(records.ledger, name))
        # What is granted before what lies in staging: nothing is missed that arrives between.
        granted = self.ask_records(lambda records: records.grants.outstanding(name))
        staged = self.ask(lambda: self._staged(name))
        if loads is not None:
            figures |= _figures_of(loads, self.clock())
        if staged is not None and granted is not None:
            sizes = [(version.key, version.size or 0) for version in staged.values()]
            figures["used_bytes"] = in_use(granted, sizes)
        if staged is not None and loads is not None:
            found = self.ask_records(lambda records: _decided(records.ledger, loads, staged))
            figures |= {} if found is None else _open_figures(loads, staged, found, self.clock())
        return figures

    def _loads(self, ledger: Ledger, name: str) -> _Loads:
        failed = ledger.outlines(LoadFilter(customer=name, status=LoadStatus.FAILED))
        of_last_hour = LoadFilter(customer=name, ended_since=self.clock() - LAST_HOUR)
        return _Loads(
            {load.load_id: load for load in ledger.loads_in(name, UNDECIDED)},
            [load for load in failed if load.discarded_at is None],
            list(ledger.outlines(of_last_hour)),
        )

    def _staged(self, name: str) -> dict[UUID, ObjectVersion]:
        try:
            versions = list(self.store.versions(STAGING_PREFIX + name))
        except ObjectGone:  # it has no bucket yet
            return {}
        return {event_of_version(version).load_id: version for version in versions}


def _pause_figures(pause: Pause | None) -> Figures:
    if pause is None:
        return {"paused": False}
    return {
        "paused": True,
        "paused_at": pause.paused_at,
        "paused_by": pause.paused_by,
        "pause_note": pause.note,
    }


def _decided(ledger: Ledger, loads: _Loads, staged: Mapping[UUID, ObjectVersion]) -> dict[UUID, Load]:
    """Return the loads of objects in staging that have an outcome."""
    found = ledger.find_all(load_id for load_id in staged if load_id not in loads.undecided)
    return {load.load_id: load for load in found if load.status.is_outcome}


def _figures_of(loads: _Loads, now: datetime) -> Figures:
    undecided = loads.undecided.values()
    return {
        "in_flight": sum(_is_held(load, now) for load in undecided),
        "waiting_for_retry": sum(load.status is LoadStatus.WAITING for load in undecided),
        "dead_letters": len(loads.dead),
        "refused_by_app": sum(load.reason in REFUSED_BY_APP for load in loads.dead)
        + sum((load.message or "").startswith(NOT_TAKEN_UP) for load in undecided),
        "loads_last_hour": len(loads.ended),
        "rejects_last_hour": sum(load.rows_rejected for load in loads.ended),
    }


def _is_held(load: Load, now: datetime) -> bool:
    return load.status is LoadStatus.LOADING and load.lease_until is not None and load.lease_until > now


def _open_figures(
    loads: _Loads, staged: Mapping[UUID, ObjectVersion], decided: Mapping[UUID, Load], now: datetime
) -> Figures:
    arrived = [version.modified_at for load_id, version in staged.items() if load_id not in decided]
    replayed = [
        load.replayed_at or load.event_at
        for load_id, load in loads.undecided.items()
        if load_id not in staged
    ]
    waiting_since = [*arrived, *replayed]
    oldest = min(filter(None, waiting_since), default=now)
    return {
        "without_outcome": len(waiting_since),
        "oldest_waiting_seconds": round(max((now - oldest).total_seconds(), 0), 1),
        "unplaced": sum(load.placed_at is None for load in decided.values()),
    }
