"""The rejects of one load: the rows that were not written, in a file that can be corrected and sent again.

The file has the source's own columns, then `line`, `column` and `reason`, in the source's own dialect.
"""

import codecs
import tempfile
from collections.abc import Sequence
from typing import IO

from customer_ingestapps.contract import Files
from customer_ingestapps.header import ADDED_TO_REJECTS
from customer_ingestapps.reasons import Reject

_IN_MEMORY_BYTES = 1 << 20


class RejectsFile:
    """Collects rejects, on disk beyond a megabyte. Use as a context manager."""

    def __init__(self, dialect: Files) -> None:
        # the file owns the buffer: closing it is this class's __exit__
        self._buffer: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._dialect = dialect
        # one encoder for the whole file: a byte order mark belongs only at its start
        self._encoder = codecs.getincrementalencoder(dialect.encoding)(errors="backslashreplace")
        self._width: int | None = None
        self.count = 0

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._buffer.close()

    def add(self, header: Sequence[str], rejects: Sequence[Reject]) -> None:
        """Append rejects of a chunk."""
        if not rejects:
            return
        if self._width is None:
            self._width = len(header)
            self._write((*header, *ADDED_TO_REJECTS))
        for reject in rejects:
            fields = _fitted(reject.fields, self._width, self._dialect.delimiter)
            self._write((*fields, str(reject.line), reject.column, reject.reason.value))
        self.count += len(rejects)

    def rewound(self) -> IO[bytes]:
        """Return the file, at its start."""
        self._buffer.seek(0)
        return self._buffer

    def _write(self, fields: Sequence[str | None]) -> None:
        line = self._dialect.delimiter.join(map(self._quoted, fields)) + "\n"
        self._buffer.write(self._encoder.encode(line))

    def _quoted(self, field: str | None) -> str:
        """Quote a field where it needs it; an empty text does, as without quotes it would be no value."""
        if field is None:
            return ""
        quote = self._dialect.quote
        if field and not any(mark in field for mark in (self._dialect.delimiter, quote, "\n", "\r")):
            return field
        return quote + field.replace(quote, quote * 2) + quote


def _fitted(fields: Sequence[str | None], width: int, delimiter: str) -> list[str | None]:
    """Make a row as wide as the header; nothing is cut: what is too much stays in the last cell."""
    cells = list(fields)
    if len(cells) > width > 0:
        cells[width - 1 :] = [delimiter.join(cell or "" for cell in cells[width - 1 :])]
    return cells + [None] * (width - len(cells))
