"""Time zones: what local times are in UTC, by the system's zone rules; for any year, also beyond 2037.

A local time that occurs twice or never is refused, unless the column declares what it means.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from customer_ingestapps.codecs.codec import Refusal
from customer_ingestapps.reasons import Reason


@dataclass(frozen=True)
class Zone:
    """A time zone, and what a column declares about its gaps and folds."""

    name: str
    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
    nonexistent: Literal["refuse", "forward"] = "refuse"

    def offsets(self, times: pl.Series) -> pl.Series:
        """Give how far each local time is ahead of UTC; none where it is refused."""
        zone = ZoneInfo(self.name)
        known = {time: self._offset(zone, time) for time in times.unique().drop_nulls()}
        return pl.Series([known.get(time) for time in times], dtype=pl.Duration("ms"))

    def _offset(self, zone: ZoneInfo, time: dt.datetime) -> dt.timedelta | None:
        first, second = _both(zone, time)
        if first == second:
            return first
        if first > second:  # clocks went back: the time occurs twice, first with the larger offset
            return {"refuse": None, "earlier": first, "later": second}[self.ambiguous]
        return first if self.nonexistent == "forward" else None  # as if clocks had not gone forward yet

    def fault(self, time: dt.datetime) -> Refusal | None:
        """Say why a local time is refused."""
        zone = ZoneInfo(self.name)
        if self._offset(zone, time) is not None:
            return None
        first, second = _both(zone, time)
        if first > second:
            return Refusal(Reason.AMBIGUOUS_TIME, f"{time} occurs twice in {self.name}")
        return Refusal(Reason.NONEXISTENT_TIME, f"{time} does not occur in {self.name}")


def _both(zone: ZoneInfo, time: dt.datetime) -> tuple[dt.timedelta, dt.timedelta]:
    """Give the offsets of a time that occurs for the first and for the second time."""
    first, second = zone.utcoffset(time), zone.utcoffset(time.replace(fold=1))
    assert first is not None  # noqa: S101 - only abstract zones have none
    assert second is not None  # noqa: S101
    return first, second
