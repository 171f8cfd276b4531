"""The pages of a Parquet file, before pyarrow sees them: headers may not claim more than the footer does.

pyarrow allocates what a page header says, up to 2 GiB, before it looks at the page; one damaged byte there
would cost a worker its memory. Its own view of the footer is not asked: it can end the process over one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from customer_ingestapps.readers.thrift import ThriftReader

_TAIL_BYTES = 8  # the footer's length and the magic
_HEADER_BYTES = 256  # usually enough; statistics can make one longer
_MOST_HEADER_BYTES = 16 << 20
_WINDOW_BYTES = 64 << 10  # read at once: pages may be tiny, and each read a request
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3  # fields of the footer, of a row group, of a column
_UNCOMPRESSED, _COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 6, 7, 9, 11  # fields of a column's meta data
_PAGE_UNCOMPRESSED, _PAGE_COMPRESSED = 2, 3  # fields of a page's header

ReadRange = Callable[[int, int], bytes]


class Pages:
    """The pages of one file, whose footer pyarrow could read."""

    def __init__(self, read_range: ReadRange, size: int) -> None:
        self._read_range = read_range
        self._window_at, self._window = 0, b""
        tail = read_range(size - _TAIL_BYTES, _TAIL_BYTES)
        footer_bytes = int.from_bytes(tail[:4], "little")
        with _structure():
            footer: Any = ThriftReader(read_range(size - _TAIL_BYTES - footer_bytes, footer_bytes)).struct()
            groups = footer.get(_ROW_GROUPS, [])
            self._groups = [[column[_META_DATA] for column in group[_COLUMNS]] for group in groups]

    def group_bytes(self) -> list[int]:
        """Add up what the columns of each row group have before compression."""
        with _structure():
            return [sum(column[_UNCOMPRESSED] for column in columns) for columns in self._groups]

    def check(self, group: int) -> None:
        """Raise ValueError where pages of a row group do not fit into what the footer says of it."""
        with _structure():
            for column in self._groups[group]:
                self._check_column(column)

    def _check_column(self, column: Any) -> None:
        offsets = (column.get(_DICTIONARY_PAGE), column[_DATA_PAGE])
        at = min(filter(None, offsets), default=0)  # 0: there is no such page
        end, rest = at + column[_COMPRESSED], column[_UNCOMPRESSED]
        while 0 <= at < end:
            header = self._header(at, end)
            at, rest = at + header.size + header.compressed, rest - header.uncompressed
            if min(header.compressed, header.uncompressed, end - at, rest) < 0:
                raise ValueError("a page is larger than its column")

    def _header(self, at: int, end: int) -> "_Header":
        size = _HEADER_BYTES
        while True:
            data = self._ahead(at, min(size, end - at), end)
            reader = ThriftReader(data)
            try:
                found: Any = reader.struct()
                return _Header(reader.at, found[_PAGE_UNCOMPRESSED], found[_PAGE_COMPRESSED])
            except IndexError as error:
                if len(data) < size or size >= _MOST_HEADER_BYTES:
                    raise ValueError("a page has no sound header") from error
                size *= 16

    def _ahead(self, at: int, size: int, end: int) -> bytes:
        start = at - self._window_at
        if start < 0 or start + size > len(self._window):
            self._window_at, start = at, 0
            self._window = self._read_range(at, min(max(size, _WINDOW_BYTES), end - at))
        return self._window[start : start + size]


@contextmanager
def _structure() -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("a part of its structure is missing, or is something else") from error


@dataclass(frozen=True, slots=True)
class _Header:
    size: int
    uncompressed: int
    compressed: int
