"""Batches of whole CSV records: the header alone, then as many rows as the limits allow.

Where a batch ends depends on the text only, never on the blocks in which it came. Memory holds one batch and
one block.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.csv_structure import Records, Scanner
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reasons import Reason


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, and the text in which they lie."""

    text: bytes
    records: Records

    def record(self, row: int) -> bytes:
        """Give one record with its line end."""
        return self.text[self.records.starts[row] : self.records.ends[row]]

    def sound_text(self) -> bytes:
        """Give the records' own text, without what lies between them."""
        starts, ends = self.records.starts, self.records.ends
        if (starts[1:] == ends[:-1]).all():
            return self.text[starts[0] : ends[-1]]
        return b"".join(map(self.record, range(len(self.records))))

    @property
    def last_line(self) -> int:
        """The physical line on which the last record ends."""
        return int(self.records.lines[-1]) + self.record(-1).count(b"\n") - 1


def batches(texts: Iterable[bytes], scanner: Scanner, limits: Limits) -> Iterator[Batch]:
    """Cut a text, given in blocks of UTF-8.

    Raises:
        FileRejected: what the scanner finds, an open quote at the end, a record larger than a batch may be.
    """
    pending = _Pending(scanner, limits)
    rows = 1  # the header; blank lines before it do not count
    for text in texts:
        pending.add(text)
        while batch := pending.take(rows):
            yield batch
            rows = limits.chunk_rows
    pending.end()
    while batch := pending.take(rows, final=True):
        yield batch
        rows = limits.chunk_rows


class _Pending:
    """The text that is not handed out yet, and its records so far."""

    def __init__(self, scanner: Scanner, limits: Limits) -> None:
        self._scanner = scanner
        self._limits = limits
        self._text = bytearray()
        self._offset = 0  # of the text's first byte, as the records count
        self._scanned = 0  # bytes of the text that the scanner has seen: whole lines
        self._records = Records.none()

    def add(self, text: bytes) -> None:
        self._text += text
        line_end = self._text.rfind(b"\n", len(self._text) - len(text))
        if line_end >= 0:
            lines = bytes(self._text[self._scanned : line_end + 1])
            self._records += self._scanner.scan(lines)
            self._scanned = line_end + 1
        if self._offset + len(self._text) - self._scanner.record_start > self._limits.chunk_bytes:
            raise self._too_large(self._scanner.record_line)

    def end(self) -> None:
        """Take what is left as the last line."""
        if self._scanned < len(self._text):
            self.add(b"\n")
        if line := self._scanner.quoted_since:
            message = f"the quote opened on line {line} is never closed"
            raise FileRejected(Reason.UNCLOSED_QUOTE, message, line=line)

    def take(self, rows: int, *, final: bool = False) -> Batch | None:
        """Give the next batch; None as long as more records may belong to it."""
        if not len(self._records):
            self._drop(self._scanner.record_start)  # blank lines
            return None
        limit = self._records.starts[0] + self._limits.chunk_bytes
        fitting = min(rows, int(np.searchsorted(self._records.ends, limit, side="right")))
        if fitting == 0:
            raise self._too_large(int(self._records.lines[0]))
        if fitting == len(self._records) < rows and not final:
            return None
        taken, self._records = self._records[:fitting], self._records[fitting:]
        text = bytes(self._text[: int(taken.ends[-1]) - self._offset])
        batch = Batch(text, taken.moved(-self._offset))
        self._drop(int(taken.ends[-1]))
        return batch

    def _drop(self, end: int) -> None:
        del self._text[: end - self._offset]
        self._scanned -= end - self._offset
        self._offset = end

    def _too_large(self, line: int) -> FileRejected:
        quoted = self._scanner.quoted_since
        hint = f"; is the quote that opens on line {quoted} meant to be one?" if quoted else ""
        message = f"the row that starts on line {line} is larger than {self._limits.chunk_bytes} bytes{hint}"
        return FileRejected(Reason.ROW_TOO_LARGE, message, line=line)
