"""Waiting for what a replay has ordered: until the ledger has an outcome of a later run for every load."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from ingest_manager.errors import TransientError
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus

AS_WISHED = frozenset({LoadStatus.LOADED, LoadStatus.PARTLY_LOADED})
"""The outcomes for which a replay was ordered."""

_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """A load whose next outcome is waited for."""

    load_id: UUID
    after: int  # the replays that it had: an outcome of before is none

    def is_over(self, load: Load) -> bool:
        """Tell whether the load has the outcome."""
        return load.status.is_outcome and load.replays > self.after


def wait_for(
    awaited: Iterable[Awaited],
    ledger: Ledger,
    *,
    timeout_seconds: float,
    on_outcome: Callable[[], None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
) -> dict[UUID, LoadStatus]:
    """Return the outcomes; what has none in time is left out.

    Raises:
        ServerDown: the ledger cannot be reached.
    """
    pending = {one.load_id: one for one in awaited}
    outcomes: dict[UUID, LoadStatus] = {}
    deadline = time.monotonic() + timeout_seconds
    while pending:
        began = time.monotonic()
        with suppress(TransientError):  # the next round asks again
            for load in ledger.find_all(list(pending)):
                if pending[load.load_id].is_over(load):
                    outcomes[load.load_id] = load.status
                    del pending[load.load_id]
                    on_outcome()
        now = time.monotonic()
        if not pending or now >= deadline:
            break
        pause(min(max(_PAUSE_SECONDS, now - began), deadline - now))  # the ledger has other work, too
    return outcomes
