"""Whether a manager does its work: its threads live, its servers answer, its housekeeping turns.

A manager without anything to do is healthy, as is one whose customers are paused.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ingest_manager.errors import ServerName

_TURN_SECONDS = 300  # what one turn of housekeeping may take, with the tables of all customers


@dataclass(frozen=True, slots=True)
class Health:
    """What is asked when somebody wants to know."""

    threads: Sequence[threading.Thread]
    is_consuming: Callable[[], bool]
    servers_away: Callable[[], Collection[ServerName]]
    turned_at: Callable[[], float]
    reconcile_seconds: float
    clock: Callable[[], float] = time.time

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by part; nothing where all is well."""
        problems: dict[str, str] = {
            thread.name: "this thread has ended" for thread in self.threads if not thread.is_alive()
        }
        problems |= dict.fromkeys(sorted(self.servers_away()), "does not answer")
        if not self.is_consuming():
            problems["rabbitmq"] = "no connection to take deliveries by"
        ago = self.clock() - self.turned_at()
        if ago > self.reconcile_seconds + _TURN_SECONDS:
            problems["housekeeping"] = f"its last turn was {ago:.0f} s ago"
        return problems
