"""Codecs of varint and decimal: numbers of any size, digit by digit; no float has a part in it.

Numbers of up to 18 digits are turned whole columns at a time, longer ones one by one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from customer_ingestapps.codecs.codec import BinaryCodec, Cell, Refusal, short_cells, shown, where
from customer_ingestapps.codecs.marks import (
    MOST_DIGITS,
    MOST_EXPONENT,
    NUMBER,
    PLAIN,
    WHOLE,
    Marks,
    exact,
    places_of,
    round_all,
    rounded,
)
from customer_ingestapps.columns import Rounding
from customer_ingestapps.reasons import Reason

_SHORT_WHOLE = r"^[+-]?[0-9]{1,18}$"
_SHORT = r"^[+-]?(?:[0-9]{1,9}\.?[0-9]{0,9}|\.[0-9]{1,9})$"


@dataclass(frozen=True)
class VarintCodec(BinaryCodec):
    """varint: a two's complement in as few bytes as it needs."""

    marks: Marks = PLAIN
    rounding: Rounding | None = None

    @property
    def allowed(self) -> str:
        """Digits."""
        return f"a whole number of up to {MOST_DIGITS} digits with an optional sign{self.marks.allowed}"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the bytes."""
        plain = round_all(self.marks.plain(text), self.rounding)
        is_short = plain.str.contains(_SHORT_WHOLE).fill_null(value=False)
        numbers = plain.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
        cells = short_cells(numbers, np.empty((len(plain), 0), np.uint8))
        return _with_long(plain, cells, is_short, _varint_cell)

    def refusal(self, text: str) -> Refusal:
        """Tell a number with a fraction, or with too many digits, from what is none."""
        plain = self.marks.plain(pl.Series([text]))[0] or ""
        reason = Reason.NOT_WHOLE if re.fullmatch(NUMBER, plain) else Reason.BAD_VALUE
        if re.fullmatch(WHOLE, plain):
            reason = Reason.OUT_OF_RANGE
        return Refusal(reason, f"{shown(text)} is not {self.allowed}")


@dataclass(frozen=True)
class DecimalCodec(BinaryCodec):
    """decimal: the count of digits behind the point, then all digits as a varint; 0.10 stays 0.10."""

    marks: Marks = PLAIN
    places: int | None = None
    rounding: Rounding | None = None

    @property
    def allowed(self) -> str:
        """Digits, point and exponent within bounds."""
        places = "" if self.places is None else f", at most {self.places} digits behind the point"
        return (
            f"a number such as -12.50 or 1e-3 of up to {MOST_DIGITS} digits, with an exponent up to "
            f"{MOST_EXPONENT}{places}{self.marks.allowed}"
        )

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the bytes."""
        plain = self.marks.plain(text)
        fraction = plain.str.extract(r"\.([0-9]*)$").str.len_bytes().fill_null(0)
        is_short = plain.str.contains(_SHORT).fill_null(value=False)
        if self.places is not None:
            is_short &= fraction <= self.places
        numbers = (
            plain.str.replace(".", "", literal=True).cast(pl.Int64, strict=False).fill_null(0).to_numpy()
        )
        scales = fraction.to_numpy().astype(">i4").view(np.uint8).reshape(-1, 4)
        return _with_long(plain, short_cells(numbers, scales), is_short, self._cell)

    def _cell(self, plain: str) -> Cell:
        number = exact(plain)
        if number is not None and self.places is not None and self.rounding is not None:
            number = rounded(number, self.places, self.rounding)
        if number is None or (self.places is not None and places_of(number) > self.places):
            return None
        sign, digits, exponent = number.as_tuple()
        unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
        return (-int(exponent)).to_bytes(4, "big", signed=True) + _varint(unscaled)

    def refusal(self, text: str) -> Refusal:
        """Tell what is out of bounds, or would have to be rounded, from what is no number."""
        plain = self.marks.plain(pl.Series([text]))[0] or ""
        reason = Reason.BAD_VALUE
        if re.fullmatch(NUMBER, plain):
            reason = Reason.TOO_PRECISE if exact(plain) is not None else Reason.OUT_OF_RANGE
        return Refusal(reason, f"{shown(text)} is not {self.allowed}")


def _with_long(
    plain: pl.Series, cells: pl.Series, is_short: pl.Series, parse: Callable[[str], Cell]
) -> pl.Series:
    """Keep the cells of short numbers, and add those of the others one by one."""
    others = plain.is_not_null() & ~is_short
    if not others.any():
        return where(is_short, cells)
    long = [parse(text) if other else None for text, other in zip(plain, others, strict=True)]
    chosen = pl.when(is_short).then(cells).otherwise(pl.Series(long, dtype=pl.Binary))
    return pl.select(chosen).to_series()


def _varint_cell(plain: str) -> Cell:
    digits = plain.lstrip("+-").lstrip("0") or "0"
    if not re.fullmatch(WHOLE, plain) or len(digits) > MOST_DIGITS:
        return None
    return _varint(-int(digits) if plain.startswith("-") else int(digits))


def _varint(number: int) -> bytes:
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def same_decimal(cell: bytes) -> bytes:
    """Give the same bytes for equal decimals, as Cassandra's order does not tell 1.0 from 1.00."""
    scale, unscaled = (
        int.from_bytes(cell[:4], "big", signed=True),
        int.from_bytes(cell[4:], "big", signed=True),
    )
    while unscaled and unscaled % 10 == 0:
        scale, unscaled = scale - 1, unscaled // 10
    return (scale if unscaled else 0).to_bytes(4, "big", signed=True) + _varint(unscaled)
