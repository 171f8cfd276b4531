"""Wait until everything of a customer that has arrived has its outcome and is where that wants it.

What an operator does before a customer, or the whole platform, moves. Nothing is changed here: the running
managers do the work, and `customer_state` tells what is left.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest_manager.monitoring.customer_state import CustomerState

QUIET_SECONDS = 5.0
"""For so long nothing must be left: an event's second copy comes three seconds late."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended; without a hindrance nothing is left."""

    state: CustomerState
    left: Mapping[str, int | None] = field(default_factory=dict)
    hindrance: str | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """Looks at one customer again and again."""

    look: Callable[[], CustomerState]
    on_look: Callable[[Mapping[str, int | None]], None]  # told what is left
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self, timeout_seconds: float) -> Drained:
        """Wait until nothing is left, or until waiting is of no use any more."""
        begun_at = quiet_since = self.clock()
        while True:
            state = self.look()
            left, now = what_is_left(state), self.clock()
            self.on_look(left)
            is_over = now - begun_at >= timeout_seconds
            hindrance = _hindrance(state, is_over=is_over) if left or state.paused else None
            if hindrance is not None:
                return Drained(state, left, hindrance)
            quiet_since = now if left else quiet_since
            if not left and now - quiet_since >= QUIET_SECONDS:
                return Drained(state)
            self.sleep(_LOOK_SECONDS)


def what_is_left(state: CustomerState) -> dict[str, int | None]:
    """Count everything that still has to be done for a customer; None is what its server could not tell."""
    counts = {
        "messages in its queue": state.queue_depth,
        "objects without an outcome": state.without_outcome,
        "objects to be moved": state.unplaced,
    }
    return {what: count for what, count in counts.items() if count != 0}


def _hindrance(state: CustomerState, *, is_over: bool) -> str | None:
    if state.paused:
        return "it is paused, and a paused customer is not loaded: resume it first"
    if not state.has_document:
        return "its document is gone, so no manager loads it: put the document back first"
    if is_over and state.consumers == 0:
        return "the time is over, and no manager consumes its queue: see the managers' logs"
    return "the time is over" if is_over else None
