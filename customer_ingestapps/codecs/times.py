"""Codecs of date and timestamp: ISO 8601 only, years 1 to 9999, a zone always given.

Python's drivers cannot read other years back, and a time without a zone is no point in time.
"""

import datetime as dt

import polars as pl

from customer_ingestapps.codecs.codec import fixed_width_cells

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TIMESTAMP = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9]"
    r"(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_SECONDS_END = len("2026-01-31T12:00:00")
_DAY_ZERO = 2**31  # of the protocol's unsigned day count


class DateCodec:
    """date."""

    allowed = "a date YYYY-MM-DD from 0001-01-01 to 9999-12-31"
    takes_empty = False

    def parse(self, text: pl.Series) -> pl.Series:
        """Give dates."""
        dates = _where(text.str.contains(_DATE), text).str.to_date("%Y-%m-%d", strict=False)
        return _where(dates >= dt.date.min, dates)

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give days since 1970-01-01, counted from 2³¹."""
        return fixed_width_cells(values.to_physical().cast(pl.Int64) + _DAY_ZERO, ">u4")


class TimestampCodec:
    """timestamp: milliseconds since 1970; finer digits are cut off."""

    allowed = "a time YYYY-MM-DDTHH:MM:SS[.fff] followed by Z or ±HH:MM, from year 1 to 9999 in UTC"
    takes_empty = False

    def parse(self, text: pl.Series) -> pl.Series:
        """Give times in UTC."""
        text = _where(text.str.contains(_TIMESTAMP), text)
        seconds = text.str.slice(0, _SECONDS_END).str.replace(" ", "T", literal=True)
        times = seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms")
        rest = text.str.slice(_SECONDS_END)
        if not (rest == "Z").all():
            times = times + _fractions(rest) - _offsets(rest)
        in_range = (times >= dt.datetime.min) & (times <= dt.datetime.max)  # noqa: DTZ901 - all in UTC here
        return _where(in_range, times)

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give milliseconds since 1970-01-01T00:00:00Z."""
        return fixed_width_cells(values.to_physical(), ">i8")


def _where(holds: pl.Series, values: pl.Series) -> pl.Series:
    return values if holds.all() else values.set(~holds, None)


def _fractions(rest: pl.Series) -> pl.Series:
    digits = rest.str.extract(r"^\.([0-9]{1,3})").str.pad_end(3, "0")
    return _milliseconds(digits.cast(pl.Int64).fill_null(0))


def _offsets(rest: pl.Series) -> pl.Series:
    hours = rest.str.extract(r"([+-][0-9]{2}):").cast(pl.Int64)
    minutes = rest.str.extract(r"([+-])").str.replace("+", "", literal=True) + rest.str.extract(
        r":([0-9]{2})"
    )
    return _milliseconds((hours * 3_600_000 + minutes.cast(pl.Int64) * 60_000).fill_null(0))


def _milliseconds(counts: pl.Series) -> pl.Series:
    return counts.cast(pl.Duration("ms"))
