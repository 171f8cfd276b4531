"""Codecs of tinyint to bigint, float and double: ASCII digits, an optional sign, a point.

No words, no rounding to fit, unless declared. The casts of polars accept exactly that, and the words inf and
nan, refused here; a test holds them to it.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from customer_ingestapps.codecs.codec import FixedWidthCodec, Refusal, shown
from customer_ingestapps.codecs.marks import NUMBER, PLAIN, WHOLE, Marks, round_all
from customer_ingestapps.columns import Rounding
from customer_ingestapps.reasons import Reason

_INTEGERS = {1: pl.Int8, 2: pl.Int16, 4: pl.Int32, 8: pl.Int64}
_NOT_ZERO = "^[^eE]*[1-9]"
_FLOATS = {4: pl.Float32, 8: pl.Float64}


@dataclass(frozen=True)
class IntegerCodec(FixedWidthCodec):
    """tinyint, smallint, int and bigint."""

    width_bytes: int
    marks: Marks = PLAIN
    rounding: Rounding | None = None
    clamps: bool = False

    @property
    def width(self) -> int | None:  # type: ignore[override] # the server knows only these two to be fixed
        """Bytes inside a vector."""
        return self.width_bytes if self.width_bytes >= 4 else None

    @property
    def allowed(self) -> str:
        """Digits and the range."""
        limit = 2 ** (8 * self.width_bytes - 1)
        return (
            f"a whole number from {-limit} to {limit - 1}, digits with an optional sign{self.marks.allowed}"
        )

    def parse(self, text: pl.Series) -> pl.Series:
        """Give integers; out of range is no value."""
        plain = round_all(self.marks.plain(text), self.rounding)
        values = plain.cast(_INTEGERS[self.width_bytes], strict=False)
        return self._clamped(plain, values) if self.clamps else values

    def _clamped(self, plain: pl.Series, values: pl.Series) -> pl.Series:
        limit = 2 ** (8 * self.width_bytes - 1)
        bound = pl.when(plain.str.starts_with("-")).then(-limit).otherwise(limit - 1).cast(values.dtype)
        is_beyond = values.is_null() & plain.str.contains(f"^{WHOLE}$").fill_null(value=False)
        return pl.select(pl.when(is_beyond).then(bound).otherwise(values)).to_series()

    def refusal(self, text: str) -> Refusal:
        """Tell a number out of range, or one with a fraction, from what is no number."""
        plain = self.marks.plain(pl.Series([text]))[0] or ""
        reason = Reason.BAD_VALUE
        if re.fullmatch(WHOLE, plain):
            reason = Reason.OUT_OF_RANGE
        elif re.fullmatch(NUMBER, plain):
            reason = Reason.NOT_WHOLE
        return Refusal(reason, f"{shown(text)} is not {self.allowed}")

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give big-endian two's complements."""
        return values.fill_null(0).to_numpy().astype(f">i{self.width_bytes}")


@dataclass(frozen=True)
class FloatCodec(FixedWidthCodec):
    """float and double."""

    width_bytes: int
    marks: Marks = PLAIN
    takes_not_finite: bool = False

    @property
    def width(self) -> int | None:  # type: ignore[override] # as a field it would have no order before width_bytes
        """Bytes inside a vector."""
        return self.width_bytes

    @property
    def allowed(self) -> str:
        """A finite number."""
        limits = np.finfo(f"f{self.width_bytes}")
        smallest, largest = limits.smallest_subnormal, limits.max
        return (
            f"a number such as -12.5 or 1e-3, from {smallest:.4g} to {largest:.4g}: digits, optional sign, "
            "point and exponent"
            f"{self.marks.allowed}"
        )

    def parse(self, text: pl.Series) -> pl.Series:
        """Give floats; what overflows or would become zero, nan and inf are no values unless declared."""
        plain = self.marks.plain(text)
        values = plain.cast(_FLOATS[self.width_bytes], strict=False)
        finite = values.is_finite()
        if not finite.all():
            values = values.set(~finite, None)
        zeros = (values == 0).arg_true()
        lost = zeros.filter(plain.gather(zeros).str.contains(_NOT_ZERO))
        if lost.len():
            values = values.scatter(lost, None)
        return self._with_words(text, values) if self.takes_not_finite else values

    def _with_words(self, text: pl.Series, values: pl.Series) -> pl.Series:
        """Add the words; an overflow stays refused."""
        word = text.str.to_lowercase().str.extract("^([+-]?)(nan|inf|infinity)$", 2)
        sign = pl.when(text.str.starts_with("-")).then(-1.0).otherwise(1.0)
        number = word.replace_strict(
            {"nan": np.nan, "inf": np.inf, "infinity": np.inf}, return_dtype=pl.Float64
        )
        found = pl.when(word.is_not_null()).then((sign * number).cast(values.dtype)).otherwise(values)
        return pl.select(found).to_series()

    def refusal(self, text: str) -> Refusal:
        """Tell a number that overflows from what is none."""
        plain = self.marks.plain(pl.Series([text]))[0] or ""
        is_number = re.fullmatch(NUMBER, plain) is not None
        reason = Reason.OUT_OF_RANGE if is_number else Reason.BAD_VALUE
        return Refusal(reason, f"{shown(text)} is not {self.allowed}")

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give big-endian IEEE 754."""
        return values.fill_null(0).to_numpy().astype(f">f{self.width_bytes}")
