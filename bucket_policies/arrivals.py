"""What is granted beside what has arrived: a grant ends when its object is claimed, so both may show it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Sized: TypeAlias = tuple[str, int]
"""A file's key and its size in bytes."""


def to_come(granted: Iterable[Sized], staged: Iterable[Sized]) -> int:
    """Add up the bytes that are granted and do not lie in staging.

    >>> to_come([("a.csv", 4), ("b.csv", 8), ("b.csv", 8)], [("b.csv", 8), ("c.csv", 1)])
    12
    """
    missing = Counter(granted) - Counter(staged)
    return sum(size * count for (_, size), count in missing.items())


def in_use(granted: Iterable[Sized], staged: Sequence[Sized]) -> int:
    """Add up what counts against a quota: what lies in staging and what is still to come."""
    return to_come(granted, staged) + sum(size for _, size in staged)
