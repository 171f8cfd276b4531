"""What every reader yields: the next rows of a file as columns of text; only the content decides how many."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from customer_ingestapps.reasons import Reject

Fields = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read at once; other figures than these are for tests."""

    chunk_rows: int = 10_000
    """File rows of a chunk, good or bad."""

    chunk_bytes: int = 4 << 20
    """UTF-8 bytes from the start of a chunk's first row to the end of its last."""

    block_bytes: int = 256 << 10
    """How much is decoded and scanned in one step; plays no part in what comes out."""


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows as text, None where there is no value."""

    columns: pl.DataFrame
    lines: npt.NDArray[np.int64]
    """The physical line on which each row starts."""

    fields_of: Callable[[int], Fields]
    """Gives all fields of one row as the file has them, with their quotes."""

    last_line: int
    """The physical line on which the last row ends."""

    unreadable: list[Reject]
    """Rows that are not among the columns."""

    file_rows: npt.NDArray[np.int64] | None = None
    """Of rows that an app made: the row of the file behind each, in order; else each is its own."""
