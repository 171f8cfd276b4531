"""Codecs of numbers: ASCII digits, an optional sign, a point. No separators, no words, no rounding to fit.

The casts of polars accept exactly that, and the words inf and nan, refused here; a test holds them to it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from customer_ingestapps.codecs.codec import fixed_width_cells

_INTEGERS = {1: pl.Int8, 2: pl.Int16, 4: pl.Int32, 8: pl.Int64}
_FLOATS = {4: pl.Float32, 8: pl.Float64}


@dataclass(frozen=True)
class IntegerCodec:
    """tinyint, smallint, int and bigint."""

    width_bytes: int
    takes_empty = False

    @property
    def allowed(self) -> str:
        """Digits and the range."""
        limit = 2 ** (8 * self.width_bytes - 1)
        return f"a whole number from {-limit} to {limit - 1}, digits with an optional sign"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give integers; out of range is no value."""
        return text.cast(_INTEGERS[self.width_bytes], strict=False)

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give big-endian two's complements."""
        return fixed_width_cells(values, f">i{self.width_bytes}")


@dataclass(frozen=True)
class FloatCodec:
    """float and double."""

    width_bytes: int
    takes_empty = False

    @property
    def allowed(self) -> str:
        """A finite number."""
        largest = np.finfo(f"f{self.width_bytes}").max
        return (
            f"a number such as -12.5 or 1e-3, up to {largest:.4g}: digits, optional sign, point and exponent"
        )

    def parse(self, text: pl.Series) -> pl.Series:
        """Give floats; what overflows, nan and inf are no values."""
        values = text.cast(_FLOATS[self.width_bytes], strict=False)
        finite = values.is_finite()
        return values if finite.all() else values.set(~finite, None)

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give big-endian IEEE 754."""
        return fixed_width_cells(values, f">f{self.width_bytes}")
