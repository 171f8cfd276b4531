"""What every codec can do, and what several of them share: cells of fixed width, cells of few bytes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from customer_ingestapps.reasons import Reason

Cell = bytes | None
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text is no value."""

    reason: Reason
    message: str


class Codec(ABC):
    """Turns whole columns of one CQL type; a loop over values only for the rarer types."""

    takes_empty = False
    """Whether the empty text is a value of this type."""

    width: int | None = None
    """The bytes of every cell inside a vector, where the server counts on it."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What a value looks like, to end a sentence with."""

    @abstractmethod
    def parse(self, text: pl.Series) -> pl.Series:
        """Give typed values; none where there is no text and where the text is no value of this type."""

    @abstractmethod
    def encode(self, values: pl.Series) -> list[Cell]:
        """Give the native protocol's bytes of every value, None for none."""

    def array(self, values: pl.Series) -> pa.LargeBinaryArray:
        """Give the same as an array, null for none."""
        return pa.array(self.encode(values), pa.large_binary())

    def refusal(self, text: str) -> Refusal:
        """Say why a text is no value; only asked about texts for which `parse` gave none."""
        return Refusal(Reason.BAD_VALUE, f"{shown(text)} is not {self.allowed}")

    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give the bytes of values that stand inside JSON; None where one is no value of this type."""
        texts = pl.Series(list(map(text_of, values)), dtype=pl.String)
        return self.encode(self.parse(texts))

    def fault(self, value: object) -> Refusal:
        """Say why a value inside JSON is none of this type."""
        text = text_of(value)
        if text is None:
            return Refusal(Reason.BAD_VALUE, f"{shown_type(value)} is not {self.allowed}")
        return self.refusal(text)


class BinaryCodec(Codec):
    """One whose typed values are the protocol's bytes already."""

    def encode(self, values: pl.Series) -> list[Cell]:
        """Give the bytes."""
        return values.to_list()

    def array(self, values: pl.Series) -> pa.LargeBinaryArray:
        """Give the bytes."""
        return values.to_arrow()


class FixedWidthCodec(Codec):
    """One whose values are numbers of as many bytes each."""

    @abstractmethod
    def numbers(self, values: pl.Series) -> npt.NDArray[Any]:
        """Give the numbers in the protocol's byte order, whatever where there is none."""

    def matrix(self, values: pl.Series) -> npt.NDArray[np.uint8]:
        """Give the bytes, a row for each value."""
        numbers = self.numbers(values)
        return numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize)

    def encode(self, values: pl.Series) -> list[Cell]:
        """Give the bytes of every number, None for none."""
        numbers = self.numbers(values)
        cells: list[Cell] = numbers.view(f"V{numbers.itemsize}").tolist()
        for row in np.flatnonzero(values.is_null().to_numpy()) if values.null_count() else ():
            cells[row] = None
        return cells


def text_of(value: object) -> str | None:
    """Give a single value of JSON as text: numbers as they are written there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def shown(value: object) -> str:
    """Give a value for a message: as a repr, shortened."""
    text = repr(str(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def shown_type(value: object) -> str:
    """Name a kind of JSON value for a message."""
    return {dict: "an object", list: "an array", type(None): "null"}.get(type(value), "this")


def where(holds: pl.Series, values: pl.Series) -> pl.Series:
    """Keep the values where something holds; elsewhere there is none."""
    if holds.all():
        return values
    return pl.select(pl.when(holds).then(values)).to_series()


def by_value(text: pl.Series, parse: Callable[[str], Cell]) -> pl.Series:
    """Parse one text after the other, equal ones once."""
    known: dict[str | None, Cell] = {None: None}
    for value in text.unique().drop_nulls():
        known[value] = parse(value)
    return pl.Series([known[value] for value in text], dtype=pl.Binary)


def short_cells(numbers: npt.NDArray[np.int64], prefix: npt.NDArray[np.uint8]) -> pl.Series:
    """Give two's complements in as few bytes as each needs, behind fixed bytes: one row of `prefix` each."""
    magnitudes = numbers ^ (numbers >> 63)
    limits = np.array([1 << (8 * size - 1) for size in range(1, 8)])
    widths = 1 + np.searchsorted(limits, magnitudes, side="right")
    body = numbers.astype(">i8").view(np.uint8).reshape(-1, 8)
    is_kept = np.ones((len(numbers), prefix.shape[1] + 8), np.bool_)
    is_kept[:, prefix.shape[1] :] = np.arange(8) >= (8 - widths)[:, np.newaxis]
    content = np.concatenate((prefix, body), axis=1)[is_kept]
    ends = np.concatenate(([0], np.cumsum(widths + prefix.shape[1])))
    buffers = [None, pa.py_buffer(ends.astype(np.int64)), pa.py_buffer(content)]
    return pl.Series(pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(numbers), buffers))
