"""What every codec can do, and the cells of fixed width that most of them share."""

from typing import Protocol

import numpy as np
import polars as pl


class Codec(Protocol):
    """Turns whole columns of one CQL type; no loop over rows for what is not text."""

    @property
    def allowed(self) -> str:
        """What a value looks like, to end a sentence with."""

    @property
    def takes_empty(self) -> bool:
        """Whether the empty text is a value of this type."""

    def parse(self, text: pl.Series) -> pl.Series:
        """Give typed values; none where there is no text and where the text is no value of this type."""

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give the native protocol's bytes of every value, None for none."""


def fixed_width_cells(values: pl.Series, form: str) -> list[bytes | None]:
    """Give the bytes of numbers in a numpy form such as `>i4`."""
    numbers = values.fill_null(0).to_numpy().astype(form)
    cells: list[bytes | None] = numbers.view(f"V{numbers.itemsize}").tolist()
    for row in np.flatnonzero(values.is_null().to_numpy()) if values.null_count() else ():
        cells[row] = None
    return cells
