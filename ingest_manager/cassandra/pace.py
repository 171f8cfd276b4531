"""How many batches may be under way: one more while the server keeps up, half as many when it does not.

Shared by the loads of one process, so that each starts at what the last one learnt.
"""

import threading
import time
from collections.abc import Callable

START = 8
MOST = 32
SLOW_SECONDS = 0.5
"""An answer later than this says that the server has begun to queue, well before it times out."""


class Pace:
    """Admits batches to the server; additive increase, multiplicative decrease."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free = threading.Condition()
        self._under_way = 0
        self._halved_at = clock()
        self.limit: float = START

    def enter(self) -> float:
        """Wait for a free place and return the time of entry."""
        with self._free:
            self._free.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1
            return self._clock()

    def leave(self, entered: float, *, failed: bool) -> None:
        """Give the place back and learn from how the batch fared."""
        with self._free:
            self._under_way -= 1
            now = self._clock()
            if not failed and now - entered < SLOW_SECONDS:
                self.limit = min(MOST, self.limit + 1 / self.limit)
            elif entered >= self._halved_at:  # what entered before suffered from the old limit
                self.limit = max(1, self.limit / 2)
                self._halved_at = now
            self._free.notify()
