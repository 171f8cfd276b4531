"""The search for a key: which columns of a sample, in its order, tell all of its rows apart.

Hashes of the rows' texts are kept for few candidates only, and of a limited number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

MOST_ROWS = 2_000_000
"""How many rows are held against each other."""

_MOST_SINGLE = 8
_LONGEST_PREFIX = 4


@dataclass
class Candidate:
    """Some columns, and the hashes of their values so far."""

    columns: tuple[str, ...]
    is_unique: bool = True
    empty: int = 0
    """Rows that lack one of them: no key at all."""
    rows: int = 0
    hashes: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    next_look: int = 1

    def take(self, columns: pl.DataFrame) -> None:
        """Add rows."""
        texts = columns.select(self.columns)
        lacks = pl.any_horizontal(pl.col(name).is_null() | (pl.col(name) == "") for name in self.columns)
        self.empty += int(texts.select(lacks.sum()).item())
        if self.is_unique and self.rows < MOST_ROWS:
            self.hashes.append(texts.hash_rows(seed=1).to_numpy())
            self.rows += texts.height
            if self.rows >= self.next_look:  # each look sorts all: as rarely as rows double
                self.next_look = 2 * self.rows
                self.look()

    def look(self) -> None:
        """See whether all rows so far differ."""
        if self.is_unique and self.hashes:
            together = np.concatenate(self.hashes)
            self.is_unique = len(np.unique(together)) == len(together)
            self.hashes = [together] if self.is_unique else []


class KeySearch:
    """Takes a sample's rows as texts, by the table's names of the columns."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        self._candidates: list[Candidate] | None = None

    def take(self, columns: pl.DataFrame) -> None:
        """Add rows."""
        if self._candidates is None:
            self._candidates = self._first(columns)
        for candidate in self._candidates:
            candidate.take(columns)
        if not self._wanted:
            self._candidates = [one for one in self._candidates if one.is_unique and not one.empty]

    def found(self) -> list[Candidate]:
        """Give the candidates that tell all rows apart, the shortest first; or the one that was wanted."""
        candidates = self._candidates or []
        for candidate in candidates:
            candidate.look()
        if self._wanted:
            return candidates
        return [one for one in candidates if one.is_unique and not one.empty]

    def _first(self, columns: pl.DataFrame) -> list[Candidate]:
        """Choose by the first rows, as memory is not for everything."""
        if self._wanted:
            return [Candidate(self._wanted)]
        names = columns.columns
        single = [(name,) for name in names if columns[name].n_unique() == columns.height][:_MOST_SINGLE]
        prefixes = [tuple(names[:size]) for size in range(2, min(_LONGEST_PREFIX, len(names)) + 1)]
        return [Candidate(one) for one in (*single, *prefixes)]
