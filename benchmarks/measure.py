"""One thing measured, and what it came to in each round."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """The rounds of one thing measured, in its unit."""

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.rounds)
