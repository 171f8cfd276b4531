"""Codecs of text, ascii and boolean."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import polars as pl
import pyarrow as pa

from customer_ingestapps.codecs.codec import Cell, Codec, FixedWidthCodec


class TextCodec(Codec):
    """text: any characters, also none."""

    allowed = "text"
    takes_empty = True

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the text itself."""
        return text

    def encode(self, values: pl.Series) -> list[Cell]:
        """Give UTF-8."""
        return values.cast(pl.Binary).to_list()

    def array(self, values: pl.Series) -> pa.LargeBinaryArray:
        """Give UTF-8."""
        return values.cast(pl.Binary).to_arrow()


class AsciiCodec(TextCodec):
    """ascii: text of the characters 0 to 127."""

    allowed = "text of ASCII characters"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the text where it is ASCII."""
        return text.set(text.str.contains(r"[^\x00-\x7F]"), None)


@dataclass(frozen=True)
class BooleanCodec(FixedWidthCodec):
    """boolean: true or false, or the words that are declared, in any case."""

    true_words: tuple[str, ...] = ("true",)
    false_words: tuple[str, ...] = ("false",)
    width = 1

    @property
    def allowed(self) -> str:
        """The words."""
        return " or ".join([*self.true_words, *self.false_words])

    def parse(self, text: pl.Series) -> pl.Series:
        """Give booleans."""
        words = dict.fromkeys(map(str.lower, self.true_words), True)
        words |= dict.fromkeys(map(str.lower, self.false_words), False)
        return text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)

    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give one byte, 1 or 0."""
        return values.cast(pl.UInt8).fill_null(0).to_numpy()
