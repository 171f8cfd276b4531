"""The structure of a CSV text (RFC 4180): where its records lie, how wide they are, where they start.

One numpy pass over whole lines, without looking at a value; what breaks the rules of quotes and line ends is
found here. The fields themselves are left to `csv`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

_LF, _CR = 10, 13


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a text, one array entry each; blank lines are not among them."""

    starts: Ints
    """Where each begins, counted from the start of the text."""
    ends: Ints
    """Where the next may begin: behind the line end."""
    widths: Ints
    """How many fields it has."""
    lines: Ints
    """On which physical line it starts, from 1."""

    @classmethod
    def none(cls) -> Self:
        """Give no records."""
        return cls(*(np.empty(0, np.int64) for _ in range(4)))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, which: slice | Flags) -> "Records":
        return Records(self.starts[which], self.ends[which], self.widths[which], self.lines[which])

    def moved(self, by: int) -> "Records":
        """Give the same records of a text that begins elsewhere."""
        return replace(self, starts=self.starts + by, ends=self.ends + by)

    def __add__(self, other: "Records") -> "Records":
        return Records(
            np.concatenate((self.starts, other.starts)),
            np.concatenate((self.ends, other.ends)),
            np.concatenate((self.widths, other.widths)),
            np.concatenate((self.lines, other.lines)),
        )


class Scanner:
    """Finds the records of a text that comes in pieces of whole lines."""

    def __init__(self, *, delimiter: str, quote: str) -> None:
        self._delimiter, self._quote = ord(delimiter), ord(quote)
        self._before_opening = _table(self._delimiter, _LF, self._quote)  # two quotes: one, inside a field
        self._after_closing = _table(self._delimiter, _LF, _CR, self._quote)
        self._offset = 0  # of the next piece
        self._line = 1
        self._separators = 0  # of the record that is not complete yet
        self.record_start = 0
        self.record_line = 1
        self.quoted_since: int | None = None  # the line of a quote that is still open

    def scan(self, lines: bytes) -> Records:
        """Give the records that end in the next piece; it ends with a line feed.

        Raises:
            FileRejected: a misplaced quote, or a carriage return outside quotes that ends no line.
        """
        text = np.frombuffer(lines, np.uint8)
        line_ends = np.flatnonzero(text == _LF)
        ends, separators = line_ends, np.flatnonzero(text == self._delimiter)
        returns, misplaced = np.flatnonzero(text == _CR), _NOWHERE
        if self.quoted_since is not None or self._quote in lines:
            inside = self._inside(text)
            ends, separators, returns = (found[~inside[found]] for found in (ends, separators, returns))
            misplaced = self._quotes(text, inside, line_ends)
        bare = returns[text[returns + 1] != _LF]
        self._check(line_ends, {Reason.MISPLACED_QUOTE: misplaced, Reason.BARE_CARRIAGE_RETURN: bare})
        records = self._records(line_ends, ends, separators)
        self._offset += len(text)
        self._line += len(line_ends)
        return records[~_blank(records, text[ends - 1])]

    def _inside(self, text: Bytes) -> Flags:
        """Tell of every byte whether it is inside quotes; an opening quote is, a closing one is not."""
        parity = (np.cumsum(text == self._quote, dtype=np.uint8) & 1).astype(np.bool_)
        return parity if self.quoted_since is None else ~parity

    def _quotes(self, text: Bytes, inside: Flags, line_ends: Ints) -> Ints:
        """Give the misplaced quotes, and keep the line of one that stays open."""
        quotes = np.flatnonzero(text == self._quote)
        opening, closing = quotes[inside[quotes]], quotes[~inside[quotes]]
        before = text[opening - 1]  # of the first byte that is the last: both are line feeds
        if not inside[-1]:
            self.quoted_since = None
        elif len(first := opening[before != self._quote]):
            self.quoted_since = self._line + int(np.searchsorted(line_ends, first[-1]))
        after = text[closing + 1]
        return np.concatenate((opening[~self._before_opening[before]], closing[~self._after_closing[after]]))

    def _check(self, line_ends: Ints, faults: Mapping[Reason, Ints]) -> None:
        found = [(int(where.min()), reason) for reason, where in faults.items() if len(where)]
        if found:
            position, reason = min(found)  # behind the first fault nothing is certain
            line = self._line + int(np.searchsorted(line_ends, position))
            raise FileRejected(reason, f"line {line}: {_RULES[reason]}", line=line)

    def _records(self, line_ends: Ints, ends: Ints, separators: Ints) -> Records:
        counts = np.searchsorted(separators, ends)
        stops, next_lines = ends + 1 + self._offset, np.searchsorted(line_ends, ends) + 1 + self._line
        widths = np.diff(counts, prepend=-self._separators) + 1
        starts = np.concatenate(([self.record_start], stops))
        lines = np.concatenate(([self.record_line], next_lines))
        last = int(counts[-1]) if len(ends) else -self._separators
        self._separators = len(separators) - last
        self.record_start, self.record_line = int(starts[-1]), int(lines[-1])
        return Records(starts[:-1], stops, widths, lines[:-1])


_NOWHERE: Ints = np.empty(0, np.int64)
_RULES = {
    Reason.MISPLACED_QUOTE: "a quote may only stand around a whole field; inside one it is doubled",
    Reason.BARE_CARRIAGE_RETURN: "a carriage return outside quotes must be followed by a line feed",
}


def _table(*allowed: int) -> Flags:
    table = np.zeros(256, np.bool_)
    table[list(allowed)] = True
    return table


def _blank(records: Records, last_bytes: Bytes) -> Flags:
    sizes = records.ends - records.starts
    blank: Flags = (sizes == 1) | ((sizes == 2) & (last_bytes == _CR))
    return blank
