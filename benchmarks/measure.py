"""One thing measured, what it came to in each round, and what it should come to."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """The rounds of one thing measured, in its unit."""

    name: str
    unit: str
    rounds: tuple[float, ...]
    least: float | None = None
    most: float | None = None
    samples: int = 1
    """Of how many samples a figure is a percentile or mean; the samples are not kept."""

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def target(self) -> str:
        """Say what the median should be, empty when nobody promised anything."""
        bounds = (("≥", self.least), ("≤", self.most))
        return " ".join(f"{sign} {bound:,g}" for sign, bound in bounds if bound is not None)

    @property
    def is_met(self) -> bool:
        """Tell whether the median is what it should be."""
        return (self.least is None or self.median >= self.least) and (
            self.most is None or self.median <= self.most
        )


def percentile(samples: Sequence[float], share: int) -> float:
    """Return the least sample that at least so many of a hundred do not exceed (nearest rank)."""
    return sorted(samples)[math.ceil(len(samples) * share / 100) - 1]
