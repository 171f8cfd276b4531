"""Marks: numbers with a decimal comma or groups of thousands as plain numbers; rounding, where declared."""

import decimal
import re
from dataclasses import dataclass

import polars as pl

from customer_ingestapps.codecs.codec import where
from customer_ingestapps.columns import Rounding

MOST_DIGITS = 4000
MOST_EXPONENT = 1000
WHOLE = r"[+-]?[0-9]+"
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_MODES = {
    "half_even": decimal.ROUND_HALF_EVEN, "half_up": decimal.ROUND_HALF_UP,
    "half_down": decimal.ROUND_HALF_DOWN, "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN, "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}  # fmt: skip
_EXACT = decimal.Context(prec=2 * MOST_DIGITS + 2 * MOST_EXPONENT)


@dataclass(frozen=True, slots=True)
class Marks:
    """How a column writes its numbers."""

    decimal: str = "."
    thousands: str | None = None

    @property
    def allowed(self) -> str:
        """Say what differs from plain numbers."""
        said = f", with decimal mark {self.decimal!r}" if self.decimal != "." else ""
        return said + (f", with {self.thousands!r} between thousands" if self.thousands else "")

    def plain(self, text: pl.Series) -> pl.Series:
        """Give numbers with a point and without groups; none where a text is not written by these marks."""
        if self == PLAIN:
            return text
        text = where(text.str.contains(self._pattern), text)
        if self.thousands:
            text = text.str.replace_all(self.thousands, "", literal=True)
        return text.str.replace(self.decimal, ".", literal=True)

    @property
    def _pattern(self) -> str:
        mark, whole = re.escape(self.decimal), "[0-9]+"
        if self.thousands:
            whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(self.thousands)}[0-9]{{3}})+)"
        return f"^[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


PLAIN = Marks()


def exact(text: str) -> decimal.Decimal | None:
    """Give a plain number as it is written; none if it is no number, or beyond the bounds."""
    if not re.fullmatch(NUMBER, text) or len(text) > MOST_DIGITS + 8:
        return None
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:  # an exponent of twenty digits
        return None
    exponent = int(number.as_tuple().exponent)
    return number if abs(exponent) <= MOST_EXPONENT and len(number.as_tuple().digits) <= MOST_DIGITS else None


def rounded(number: decimal.Decimal, places: int, rounding: Rounding) -> decimal.Decimal:
    """Give a number with at most so many digits behind the point."""
    if places_of(number) <= places:
        return number
    return number.quantize(decimal.Decimal(1).scaleb(-places), rounding=_MODES[rounding], context=_EXACT)


def places_of(number: decimal.Decimal) -> int:
    """Count the digits behind the point."""
    return max(0, -int(number.as_tuple().exponent))


def round_all(text: pl.Series, rounding: Rounding | None) -> pl.Series:
    """Give whole numbers: plain ones with a point or an exponent are rounded, if that is declared."""
    if rounding is None:
        return text
    is_other = ~text.str.contains(f"^{WHOLE}$") & text.is_not_null()
    known = {value: _whole(value, rounding) for value in text.filter(is_other).unique()}
    return pl.Series([known.get(value, value) for value in text], dtype=pl.String) if known else text


def _whole(text: str, rounding: Rounding) -> str | None:
    number = exact(text)
    return None if number is None else f"{rounded(number, 0, rounding):f}"
