"""Ways for a process that judges inputs to end."""

import os
import threading

from benchmarks.reliability.watchdog import Judged


def die(_: int, number: int) -> Judged:
    """Die at the second input."""
    return os._exit(7) if number == 2 else Judged(number, "csv", (), None, "a fault")


def hang(_: int, number: int) -> Judged:
    """Never come back."""
    threading.Event().wait()
    raise AssertionError(number)
