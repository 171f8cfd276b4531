"""A replay: an operator's order to load an object again, and which loads it may concern.

Pure. The order travels in the headers of an event's message; `replay` gives it, `claims` follows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from ingest_manager.errors import UnusableMessage
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.queues import topology

_PATIENCE = timedelta(minutes=2)  # a message that waits for a worker is not lost


@dataclass(frozen=True, slots=True)
class Replay:
    """The order to load one object again.

    `after` is how many replays the load had when it was chosen. The first message of any run that finds this
    number claims the load and raises it, so a message that comes twice finds its work done.
    """

    id: UUID
    after: int
    is_forced: bool = False

    @classmethod
    def of(cls, headers: Mapping[Any, Any]) -> "Replay | None":
        """Return the order that a message carries, or None.

        Raises:
            UnusableMessage: it is none that we have written.
        """
        if topology.REPLAY_HEADER not in headers:
            return None
        try:
            replay_id = UUID(headers[topology.REPLAY_HEADER])
            return cls(replay_id, int(headers[topology.AFTER_HEADER]), topology.FORCE_HEADER in headers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnusableMessage(f"the headers are no order to replay: {error!r}") from error

    def headers(self) -> dict[str, Any]:
        """Return the headers that carry the order.

        >>> Replay(UUID(int=7), after=0).headers()
        {'ingest-replay': '00000000-0000-0000-0000-000000000007', 'ingest-replay-after': 0}
        """
        headers: dict[str, Any] = {topology.REPLAY_HEADER: str(self.id), topology.AFTER_HEADER: self.after}
        return headers | ({topology.FORCE_HEADER: True} if self.is_forced else {})

    def is_due(self, load: Load, app_version: str | None) -> bool:
        """Tell whether a load with an outcome shall be loaded again; `app_version` is the present app's."""
        return load.replays == self.after and hindrance(load, app_version, is_forced=self.is_forced) is None


class Hindrance(Enum):
    """Why a load is left out of a replay; the value is what people are told."""

    ON_ITS_WAY = "on its way already"
    DUPLICATE = "duplicate of another load"
    GONE = "gone before it was loaded"
    NO_APP = "no app takes it now, its rows stay as they are"
    OTHER_VERSION = "loaded by another version of its app, --force reloads it"
    DISCARDED = "discarded dead letters, --all replays them"
    NO_CUSTOMER = "of a customer without a document"
    NO_OBJECT = "expired or deleted, cannot be replayed"

    @property
    def is_refusal(self) -> bool:
        """Tell whether somebody who asked for the load should look into it."""
        return self in {Hindrance.NO_APP, Hindrance.OTHER_VERSION, Hindrance.NO_OBJECT}


def is_stuck(load: Load, now: datetime) -> bool:
    """Tell whether a load should have gone on long ago: the broker may have lost its message."""
    turns = [moment for moment in (load.lease_until, load.retry_at) if moment is not None]
    return not load.status.is_outcome and bool(turns) and max(turns) < now - _PATIENCE


def hindrance(load: Load, app_version: str | None, *, is_forced: bool) -> Hindrance | None:
    """Tell why an outcome must stay as it is, None where the load may be replayed."""
    if load.status is LoadStatus.DUPLICATE:
        return Hindrance.DUPLICATE
    if load.status is LoadStatus.GONE:
        return Hindrance.GONE
    if load.status not in (LoadStatus.LOADED, LoadStatus.PARTLY_LOADED):
        return None
    if app_version is None:
        return Hindrance.NO_APP
    is_same = load.status is LoadStatus.PARTLY_LOADED or load.app_version == app_version
    return None if is_same or is_forced else Hindrance.OTHER_VERSION
