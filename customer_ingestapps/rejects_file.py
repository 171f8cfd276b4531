"""The rejects of one file, as a file that can be corrected and sent again.

It has the source's own columns, then `line`, `column` and `reason`. Rows keep their own text, quotes and all:
sent again as it is, each of them is rejected again.
"""

import codecs
import tempfile
from collections.abc import Iterable, Sequence
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
        self.count = 0

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._buffer.close()

    def add(self, header: Sequence[str], rejects: Sequence[Reject]) -> None:
        """Append rejects of a chunk."""
        if rejects and not self.count:
            self._write(map(self._quoted, (*header, *ADDED_TO_REJECTS)))
        for reject in rejects:
            added = (str(reject.line), reject.column or "", reject.reason.value)
            self._write((*reject.fields, *map(self._quoted, added)))  # a ragged row stays ragged
        self.count += len(rejects)

    def rewound(self) -> IO[bytes]:
        """Return the file, at its start."""
        self._buffer.seek(0)
        return self._buffer

    def _write(self, fields: Iterable[str]) -> None:
        self._buffer.write(self._encoder.encode(self._dialect.delimiter.join(fields) + "\n"))

    def _quoted(self, field: str) -> str:
        quote = self._dialect.quote
        if not any(mark in field for mark in (self._dialect.delimiter, quote, "\n", "\r")):
            return field
        return quote + field.replace(quote, quote * 2) + quote
