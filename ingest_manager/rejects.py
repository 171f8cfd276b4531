"""The rejects of one load: the rows that were not written, in a file that can be corrected and sent again.

The file has the source's own columns, then `line`, `column` and `reason`, in the source's own dialect.
"""

import codecs
import csv
import io
import tempfile
from collections.abc import Sequence
from typing import IO

from customer_ingestapps.reasons import Reject

ADDED_COLUMNS = ("line", "column", "reason")
_IN_MEMORY_BYTES = 1 << 20


class RejectsFile:
    """Collects rejects, on disk beyond a megabyte. Use as a context manager."""

    def __init__(self, *, delimiter: str, quote: str, encoding: str) -> None:
        # the file owns the buffer: closing it is this class's __exit__
        self._buffer: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._delimiter = delimiter
        self._quote = quote
        # one encoder for the whole file: a byte order mark belongs only at its start
        self._encoder = codecs.getincrementalencoder(encoding)(errors="backslashreplace")
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
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self._delimiter, quotechar=self._quote, lineterminator="\n")
        if self._width is None:
            self._width = len(header)
            writer.writerow((*header, *ADDED_COLUMNS))
        for reject in rejects:
            fields = _fitted(reject.fields, self._width, self._delimiter)
            writer.writerow((*fields, reject.line, reject.column or "", reject.reason.value))
        self._buffer.write(self._encoder.encode(text.getvalue()))
        self.count += len(rejects)

    def rewound(self) -> IO[bytes]:
        """Return the file, at its start."""
        self._buffer.seek(0)
        return self._buffer


def _fitted(fields: Sequence[str | None], width: int, delimiter: str) -> list[str]:
    """Make a row as wide as the header; nothing is cut: what is too much stays in the last cell."""
    cells = ["" if cell is None else cell for cell in fields]
    if len(cells) > width > 0:
        cells[width - 1 :] = [delimiter.join(cells[width - 1 :])]
    return cells + [""] * (width - len(cells))
