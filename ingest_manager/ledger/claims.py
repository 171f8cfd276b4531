"""What a claim finds in the ledger and what it writes there: lease aside, attempts, write times, replays.

Pure; `ledger` stores it by compare-and-set.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.loads import Finding, Load, LoadStatus, inspect
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.queues.events import ObjectEvent

WRITE_AHEAD = 64
"""Chunks for which a claim raises `write_high` at once; small loads need no further write."""

_LOADS = TypeAdapter(Load)
_OF_RUN = frozenset(
    {
        "ended_at", "placed_at", "placed_in", "retry_at", "reason", "message", "first_error",
        "rows_read", "rows_written", "rows_rejected", "rows_dropped", "table_rows",
        "discarded_at", "discarded_by", "discard_note",
    }
)  # fmt: skip
_OF_OUTCOME = _OF_RUN | {"status", "attempts", "started_at", "worker", "write_base", "app", "app_version"}
_NOTHING = {field.name: field.default for field in fields(Load) if field.name in _OF_RUN}


@dataclass(frozen=True, slots=True)
class AppLabel:
    """Which app, in which version (its folder's and the readers'), makes a load's rows."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a delivery got: the load, and whether it may work on it."""

    finding: Finding
    load: Load


def new_load(event: ObjectEvent, customer: str) -> Load:
    """Return the load of an event that the ledger does not know."""
    return Load(
        load_id=event.load_id,
        customer=customer,
        bucket=event.bucket,
        key=event.key,
        version_id=event.version_id,
        status=LoadStatus.QUEUED,
        event_at=_milliseconds(event.written_at),
        write_base=event.written_us,
        write_high=event.written_us + WRITE_AHEAD,
        size=event.size,
        upload_id=event.upload_id,
    )


def first_claim(assignment: Assignment, app: AppLabel | None, now: datetime) -> Load:
    """Return the load as its first claim enters it, without the lease."""
    marks = _marks(assignment.replay, now) if assignment.replay else {}
    return replace(
        new_load(assignment.event, assignment.customer),
        status=LoadStatus.LOADING,
        attempts=1,
        app=app.name if app else None,
        app_version=app.version if app else None,
        **marks,
    )


def finding_of(existing: Load, assignment: Assignment, app: AppLabel | None, now: datetime) -> Finding:
    """Decide what an assignment may do with a load that the ledger knows."""
    replay, version = assignment.replay, app.version if app else None
    return inspect(
        existing,
        now=now,
        claim=assignment.claim,
        retry_of=assignment.retry_of,
        is_replay_due=replay is not None and replay.is_due(existing, version),
    )


def claim_values(
    existing: Load, assignment: Assignment, app: AppLabel | None, now: datetime
) -> dict[str, Any]:
    """Return what a further claim changes beside the lease.

    The first claim of a replay starts as if there were no outcome, and keeps the earlier one aside.
    """
    replay, event = assignment.replay, assignment.event
    if replay is not None and existing.status.is_outcome:
        kept = {
            "earlier": _LOADS.dump_json(replace(existing, earlier=None)).decode(),
            "first_placed_at": existing.first_placed_at or existing.placed_at,
        }
        times = _write_times(existing, event, app, is_forced=replay.is_forced)
        return _NOTHING | kept | _marks(replay, now) | times | {"attempts": 1}
    is_held = existing.status is LoadStatus.LOADING and existing.claim == assignment.claim
    told = {"message": None} if existing.status is LoadStatus.QUEUED else {}  # why it waited is over
    return {"attempts": existing.attempts + (not is_held)} | told | _write_times(existing, event, app)


def earlier_of(load: Load) -> Load | None:
    """Return what a load was before its last replay."""
    return None if load.earlier is None else _LOADS.validate_json(load.earlier)


def restored_values(load: Load) -> dict[str, Any]:
    """Return what makes a load in replay what it was before; `write_high` stays above what was written."""
    earlier = earlier_of(load)
    return {name: getattr(earlier, name) for name in _OF_OUTCOME}


def _marks(replay: Replay, now: datetime) -> dict[str, Any]:
    return {"replay_id": replay.id, "replays": replay.after + 1, "replayed_at": now}


def _write_times(
    existing: Load, event: ObjectEvent, app: AppLabel | None, *, is_forced: bool = False
) -> dict[str, Any]:
    """Return the write times of a further claim.

    The first claim fixes them for good, so a repeat writes the same cells with the same times. Another
    version of the app may give other cells: it starts above everything that was written, and from then on
    the load knows where its first run began, to clear what earlier runs left. So does force.
    """
    if app is None:
        return {}
    if existing.app_version is None:
        base, first = event.written_us, existing.write_first
    elif existing.app_version == app.version and not is_forced:
        return {}
    else:
        base, first = existing.write_high + 1, existing.write_first or existing.write_base
    high = max(existing.write_high, base + WRITE_AHEAD)
    times = {"write_base": base, "write_high": high, "write_first": first}
    return times | {"app": app.name, "app_version": app.version}


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
