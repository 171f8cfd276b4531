"""A load: one object version on its way into one table, and the states it can be in.

Pure: the record that the ledger keeps, and what a claim may do with the record it finds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Literal, NamedTuple
from uuid import UUID

NOT_TAKEN_UP = "waits until its customer is taken up"  # in a load's message, and why it is not


class LoadStatus(StrEnum):
    """Where a load stands; the last six are outcomes and final."""

    QUEUED = "queued"
    """Known, not begun: found by reconcile, or given back."""
    LOADING = "loading"
    """A worker holds the lease."""
    WAITING = "waiting"
    """An attempt failed for a passing reason; its copy lies in a retry queue."""
    LOADED = "loaded"
    """Every row is in, or was dropped by the app and counted."""
    PARTLY_LOADED = "partly_loaded"
    """Some rows were rejected, the rest is in."""
    REJECTED = "rejected"
    """Breaks a constraint, no app takes it, or it cannot be read."""
    FAILED = "failed"
    """The attempts are spent."""
    DUPLICATE = "duplicate"
    """The same upload and key again."""
    GONE = "gone"
    """Neither in staging nor in the archive."""

    @property
    def is_outcome(self) -> bool:
        """Tell whether a load in this status is over."""
        return self not in UNDECIDED


BEFORE_ALL_OBJECTS = datetime(1970, 1, 1, tzinfo=UTC)
UNDECIDED = frozenset({LoadStatus.QUEUED, LoadStatus.LOADING, LoadStatus.WAITING})
"""Where a load stands that is not over."""
Place = Literal["staging", "archive", "deleted"]
"""Where an object is once its load has an outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One row of `ingest.loads`. Times are aware UTC, `write_*` are microseconds since the epoch."""

    load_id: UUID
    customer: str
    bucket: str
    key: str
    version_id: str
    status: LoadStatus
    attempts: int = 0
    event_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    placed_at: datetime | None = None
    placed_in: Place | None = None  # None beside a `placed_at`: by a manager that did not keep it
    claim: UUID | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    write_base: int = 0
    write_high: int = 0
    write_first: int | None = None  # where the first run began, once another has begun above it
    size: int | None = None
    sha256: str | None = None
    upload_id: str | None = None
    app: str | None = None
    app_version: str | None = None
    reason: str | None = None
    message: str | None = None
    first_error: str | None = None
    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    table_rows: int = 0
    replays: int = 0
    replay_id: UUID | None = None
    replayed_at: datetime | None = None
    first_placed_at: datetime | None = None  # from then on the archive has kept a replayed load's object
    earlier: str | None = None  # the load before its last replay, as JSON
    discarded_at: datetime | None = None
    discarded_by: str | None = None
    discard_note: str | None = None

    @property
    def earlier_writes(self) -> range:
        """Return the write times of the runs above which this one writes; none where it is the first."""
        return range(self.write_base if self.write_first is None else self.write_first, self.write_base)


@dataclass(frozen=True, slots=True)
class LoadOutline:
    """The little of a load that a customer's state is made of."""

    reason: str | None
    rows_rejected: int
    discarded_at: datetime | None


class LoadFigures(NamedTuple):
    """What statistics are made of; a hundred thousand of them must be cheap. Times are aware UTC."""

    customer: str
    status: str
    event_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    replays: int
    size: int | None
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_dropped: int

    @classmethod
    def of(cls, load: Load) -> "LoadFigures":
        """Return the figures of a load."""
        return cls(*(getattr(load, name) for name in cls._fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a load ended, what reading it showed, and its accounts in rows of the file."""

    status: LoadStatus
    reason: str | None = None
    message: str | None = None
    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    table_rows: int = 0
    size: int | None = None
    sha256: str | None = None
    upload_id: str | None = None


class Finding(Enum):
    """What a delivery finds in the ledger."""

    CLAIMABLE = auto()
    """Nobody works on it: take the lease."""
    BUSY = auto()
    """Another worker's lease is live: come back shortly."""
    HANDED_ON = auto()
    """Its retry is on the way by another copy: this one can go."""
    UNPLACED = auto()
    """The outcome is stored, the object's move is not finished."""
    DONE = auto()
    """Nothing is left to do."""


def inspect(
    load: Load, *, now: datetime, claim: UUID, retry_of: int | None, is_replay_due: bool = False
) -> Finding:
    """Decide what a delivery may do with a load that the ledger knows.

    Args:
        load: the ledger's row.
        now: the present, aware.
        claim: the claim that this delivery asks for; it may hold it already.
        retry_of: the attempt whose retry this delivery is, where it is one.
        is_replay_due: an outcome that is placed shall be left for another.
    """
    if load.status.is_outcome and load.placed_at is None:
        return Finding.UNPLACED
    if load.status.is_outcome:
        return Finding.CLAIMABLE if is_replay_due else Finding.DONE
    if load.status is LoadStatus.LOADING:
        is_expired = load.lease_until is None or load.lease_until <= now
        return Finding.CLAIMABLE if is_expired or load.claim == claim else Finding.BUSY
    if load.status is LoadStatus.WAITING and retry_of != load.attempts:
        is_overdue = load.retry_at is None or load.retry_at <= now
        return Finding.CLAIMABLE if is_overdue else Finding.HANDED_ON
    return Finding.CLAIMABLE
