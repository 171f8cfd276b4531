"""Codecs of date, time and timestamp: ISO 8601 only, unless declared; years 1 to 9999.

Python's drivers cannot read other years back, and a time without a zone is no point in time.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import polars as pl

from customer_ingestapps.codecs.codec import FixedWidthCodec, Refusal, shown, where
from customer_ingestapps.codecs.iso import iso
from customer_ingestapps.codecs.zones import Zone
from customer_ingestapps.reasons import Reason
from customer_ingestapps.time_layouts import Layout

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_LOCAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?"
_TIMESTAMP = f"{_LOCAL}{_OFFSET}$"
_TIMESTAMP_OR_LOCAL = f"{_LOCAL}{_OFFSET}?$"
_SECONDS_END = len("2026-01-31T12:00:00")
_DAY_ZERO = 2**31  # of the protocol's unsigned day count
_YEARS_MS = (-62_135_596_800_000, 253_402_300_799_999)
_PER_MS = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1_000), "ns": (1, 1_000_000)}


def _formats(layouts: Sequence[Layout], otherwise: str) -> str:
    return " or ".join(layout.text for layout in layouts) or otherwise


@dataclass(frozen=True)
class DateCodec(FixedWidthCodec):
    """date."""

    layouts: tuple[Layout, ...] = ()

    @property
    def allowed(self) -> str:
        """The layout and the years."""
        return f"a date {_formats(self.layouts, 'YYYY-MM-DD')} from 0001-01-01 to 9999-12-31"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give dates."""
        text = iso(text, self.layouts)
        dates = where(text.str.contains(_DATE), text).str.to_date("%Y-%m-%d", strict=False)
        return where(dates >= dt.date.min, dates)

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give days since 1970-01-01, counted from 2³¹."""
        days = values.to_physical().cast(pl.Int64) + _DAY_ZERO
        return days.fill_null(0).to_numpy().astype(">u4")


@dataclass(frozen=True)
class TimeCodec(FixedWidthCodec):
    """time: nanoseconds since midnight; finer digits are cut off."""

    layouts: tuple[Layout, ...] = ()

    @property
    def allowed(self) -> str:
        """The layout."""
        return f"a time of day {_formats(self.layouts, 'HH:MM:SS[.fff]')} up to 23:59:59.999999999"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give nanoseconds."""
        text = iso(text, self.layouts)
        text = where(text.str.contains(_TIME), text)
        hours, minutes, seconds = (text.str.slice(start, 2).cast(pl.Int64) for start in (0, 3, 6))
        fraction = text.str.extract(r"\.([0-9]{1,9})").str.pad_end(9, "0").cast(pl.Int64).fill_null(0)
        return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + fraction

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give the nanoseconds."""
        return values.fill_null(0).to_numpy().astype(">i8")


@dataclass(frozen=True)
class TimestampCodec(FixedWidthCodec):
    """timestamp: milliseconds since 1970; finer digits are cut off."""

    layouts: tuple[Layout, ...] = ()
    zone: Zone | None = None
    width = 8

    @property
    def allowed(self) -> str:
        """The layout and the years."""
        offset = f"in {self.zone.name}, or " if self.zone else ""
        layout = _formats(self.layouts, f"YYYY-MM-DDTHH:MM:SS[.fff] {offset}followed by Z or ±HH:MM")
        return f"a time {layout}, from year 1 to 9999 in UTC"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give times in UTC."""
        times, rest = self._local(text)
        if not (rest == "Z").all():
            times = times + _fractions(rest) - self._offsets(times, rest)
        return _in_years(times)

    def _local(self, text: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Give what the clock shows, and what is written behind the seconds."""
        text = iso(text, self.layouts, midnight="T00:00:00")
        text = where(text.str.contains(_TIMESTAMP_OR_LOCAL if self.zone else _TIMESTAMP), text)
        seconds = text.str.slice(0, _SECONDS_END).str.replace(" ", "T", literal=True)
        times = seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms")
        return _in_years(times), text.str.slice(_SECONDS_END)

    def _offsets(self, times: pl.Series, rest: pl.Series) -> pl.Series:
        written = _written_offsets(rest)
        if self.zone is None:
            return written
        is_local = ~rest.str.contains(f"{_OFFSET}$")
        found = self.zone.offsets(where(is_local, times))
        return pl.select(pl.when(is_local).then(found).otherwise(written)).to_series()

    def refusal(self, text: str) -> Refusal:
        """Tell local times that occur twice or never from what is no time."""
        times, rest = self._local(pl.Series([text]))
        is_local = times[0] is not None and "Z" not in rest[0] and "+" not in rest[0] and "-" not in rest[0]
        fault = self.zone.fault(times[0]) if self.zone and is_local else None
        return fault or Refusal(Reason.BAD_VALUE, f"{shown(text)} is not {self.allowed}")

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give milliseconds since 1970-01-01T00:00:00Z."""
        return values.to_physical().fill_null(0).to_numpy().astype(">i8")


@dataclass(frozen=True)
class EpochCodec(FixedWidthCodec):
    """timestamp, from whole numbers of a declared unit; what is finer than milliseconds is cut off."""

    unit: str
    width = 8

    @property
    def allowed(self) -> str:
        """The unit and the years."""
        return f"a whole number of {self.unit} since 1970, from year 1 to 9999"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give times in UTC."""
        times, per = _PER_MS[self.unit]
        numbers = text.cast(pl.Int64, strict=False)
        least, most = (bound * per // times for bound in _YEARS_MS)
        numbers = where(numbers.is_between(max(least, -(2**63)), min(most + per - 1, 2**63 - 1)), numbers)
        return (numbers * times // per).cast(pl.Datetime("ms"))

    def refusal(self, text: str) -> Refusal:
        """Tell a year out of range from what is no number."""
        is_number = text.isascii() and text.lstrip("+-").isdigit()
        reason = Reason.OUT_OF_RANGE if is_number else Reason.BAD_VALUE
        return Refusal(reason, f"{shown(text)} is not {self.allowed}")

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give milliseconds since 1970-01-01T00:00:00Z."""
        return values.to_physical().fill_null(0).to_numpy().astype(">i8")


def _in_years(times: pl.Series) -> pl.Series:
    """Keep the times that Python has."""
    return where((times >= dt.datetime.min) & (times <= dt.datetime.max), times)  # noqa: DTZ901 - clock or UTC


def _fractions(rest: pl.Series) -> pl.Series:
    digits = rest.str.extract(r"^\.([0-9]{1,3})").str.pad_end(3, "0")
    return _milliseconds(digits.cast(pl.Int64).fill_null(0))


def _written_offsets(rest: pl.Series) -> pl.Series:
    hours = rest.str.extract(r"([+-][0-9]{2}):").cast(pl.Int64)
    minutes = rest.str.extract(r"([+-])").str.replace("+", "", literal=True) + rest.str.extract(
        r":([0-9]{2})"
    )
    return _milliseconds((hours * 3_600_000 + minutes.cast(pl.Int64) * 60_000).fill_null(0))


def _milliseconds(counts: pl.Series) -> pl.Series:
    return counts.cast(pl.Duration("ms"))
