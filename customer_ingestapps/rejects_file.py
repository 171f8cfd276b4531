"""The rejects of one file, as a file that can be corrected and sent again.

It has the source's own columns, then `line`, `column` and `reason`, in the source's own format and dialect;
rejects of Parquet are CSV. Rows keep their own text, quotes and all: sent again as it is, each of them is
rejected again.
"""

import codecs
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from customer_ingestapps.contract import Files
from customer_ingestapps.csv_text import csv_text
from customer_ingestapps.header import ADDED_TO_REJECTS, RAW_IN_REJECTS
from customer_ingestapps.media_types import MEDIA_TYPES
from customer_ingestapps.reasons import NO_OBJECTS, Reason, Reject

_IN_MEMORY_BYTES = 1 << 20


class RejectsFile:
    """Collects rejects, on disk beyond a megabyte. Use as a context manager."""

    def __init__(self, dialect: Files) -> None:
        # the file owns the buffer: closing it is this class's __exit__
        self._buffer: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._dialect = dialect
        self._is_json = dialect.format in {"json", "jsonl"}
        # one encoder for the whole file: a byte order mark belongs only at its start
        self._encoder = codecs.getincrementalencoder(dialect.encoding)(errors="backslashreplace")
        self.count = 0

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._buffer.close()

    def add(self, header: Sequence[str], rejects: Sequence[Reject]) -> None:
        """Append rejects of a chunk."""
        lines = self._json(rejects) if self._is_json else self._csv(header, rejects)
        for line in lines:
            self._write(line)
        self.count += len(rejects)

    @property
    def media_type(self) -> str:
        """Say what kind of file it is."""
        return MEDIA_TYPES[self._dialect.format]

    def rewound(self) -> IO[bytes]:
        """Return the file, complete, at its start; nothing can be added afterwards."""
        if self.count and self._is_json:
            self._write("\n]\n" if self._dialect.format == "json" else "\n")
        self._buffer.seek(0)
        return self._buffer

    def _csv(self, header: Sequence[str], rejects: Sequence[Reject]) -> Iterator[str]:
        if rejects and not self.count:
            yield self._line((), (*header, *ADDED_TO_REJECTS))
        for reject in rejects:  # a ragged row stays ragged
            yield self._line(reject.fields, (str(reject.line), reject.column, _reason(reject)))

    def _line(self, own: Iterable[str], added: Iterable[str | None]) -> str:
        written = (csv_text(field, self._dialect) for field in added)
        return self._dialect.delimiter.join((*own, *written)) + "\n"

    def _json(self, rejects: Sequence[Reject]) -> Iterator[str]:
        for number, reject in enumerate(rejects, start=self.count):
            yield self._before(number) + _annotated(reject)

    def _before(self, number: int) -> str:
        """Give what stands in front of an object: an array's brackets and commas, or line ends."""
        if self._dialect.format == "jsonl":
            return "\n" if number else ""
        return ",\n" if number else "[\n"

    def _write(self, text: str) -> None:
        self._buffer.write(self._encoder.encode(text))


def _reason(reject: Reject) -> str:
    """Give the code; of a row that the app rejected also the app's own words, which nobody else has."""
    is_apps = reject.reason is Reason.APP_REJECTED
    return f"{reject.reason.value}: {reject.message}" if is_apps else reject.reason.value


def _annotated(reject: Reject) -> str:
    """Give an object's own text with three keys more; what is no object stands under a key of its own."""
    (text,) = reject.fields
    own = text.strip()
    if reject.reason in NO_OBJECTS:  # text that may not even end
        own = json.dumps({RAW_IN_REJECTS: own}, ensure_ascii=False)
    inside = own[1:-1].strip()
    added = dict(zip(ADDED_TO_REJECTS, (reject.line, reject.column, _reason(reject)), strict=True))
    return f"{{{inside}{', ' if inside else ''}{json.dumps(added, ensure_ascii=False)[1:-1]}}}"
