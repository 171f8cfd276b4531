"""What a worker measures of a load's run: where the time went, and why rows were rejected.

The ledger does not keep it: it goes to the manager with the settlement and is counted there, after `event`
and `wait` were added.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

T = TypeVar("T")
Stage = Literal["event", "wait", "claim", "read", "write", "finish", "place"]
"""In the order of a load: the object's time to the delivery, to a free worker, then the worker's own."""

STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(slots=True)
class Measures:
    """One run of one load."""

    seconds: dict[Stage, float] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows by reason code."""

    @contextmanager
    def stage(self, name: Stage, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        begin = clock()
        try:
            yield
        finally:
            self.add(name, clock() - begin)

    def add(self, name: Stage, seconds: float) -> None:
        """Add to a stage; clocks that disagree add nothing."""
        self.seconds[name] = self.seconds.get(name, 0.0) + max(seconds, 0.0)

    def each(
        self, name: Stage, items: Iterator[T], clock: Callable[[], float] = time.monotonic
    ) -> Iterator[T]:
        """Give the items, and add the time spent waiting for each to a stage."""
        while True:
            with self.stage(name, clock):
                item = next(items, None)
            if item is None:
                return
            yield item

    def milliseconds(self) -> dict[Stage, int]:
        """Show the stages in their order."""
        return {name: round(self.seconds[name] * 1000) for name in STAGES if name in self.seconds}
