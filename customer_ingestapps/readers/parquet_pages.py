"""The pages of a Parquet file, before pyarrow sees them: headers may not claim more than the footer does.

pyarrow allocates what a page header says, up to 2 GiB, before it looks at the page; one damaged byte there
would cost a worker its memory. Headers are structs of Thrift's compact protocol; only sizes matter here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyarrow import parquet

_HEADER_BYTES = 256  # usually enough; statistics can make one longer
_MOST_HEADER_BYTES = 16 << 20
_UNCOMPRESSED, _COMPRESSED = 2, 3  # fields of a page header
_INTEGERS = {4, 5, 6}
_MOST_LEVELS = 8

ReadRange = Callable[[int, int], bytes]


def check_pages(read_range: ReadRange, group: parquet.RowGroupMetaData) -> None:
    """Raise ValueError where the pages of a row group do not fit into what the footer says of it."""
    for number in range(group.num_columns):
        chunk = group.column(number)
        offsets = (chunk.dictionary_page_offset if chunk.has_dictionary_page else 0, chunk.data_page_offset)
        at = min(filter(None, offsets), default=0)  # 0: there is no such page
        end, rest = at + chunk.total_compressed_size, chunk.total_uncompressed_size
        while at < end:
            header = _header(read_range, at, end)
            at, rest = at + header.size + header.compressed, rest - header.uncompressed
            if min(header.compressed, header.uncompressed, end - at, rest) < 0:
                raise ValueError(f"a page of {chunk.path_in_schema!r} is larger than its column")


@dataclass(frozen=True, slots=True)
class _Header:
    size: int
    uncompressed: int
    compressed: int


def _header(read_range: ReadRange, at: int, end: int) -> _Header:
    size = _HEADER_BYTES
    while True:
        data = read_range(at, min(size, end - at))
        try:
            struct = _Struct(data)
            found = struct.integers()
            return _Header(struct.at, found[_UNCOMPRESSED], found[_COMPRESSED])
        except (IndexError, KeyError) as error:
            if len(data) < size or size >= _MOST_HEADER_BYTES:
                raise ValueError("a page has no sound header") from error
            size *= 16


class _Struct:
    """Reads a struct; IndexError where it goes on behind the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def integers(self, level: int = 0) -> dict[int, int]:
        """Give its own integers by field, and step over all else."""
        if level > _MOST_LEVELS:
            raise ValueError("a page header is nested too deep")
        found, field = {}, 0
        while kind := self._byte():
            field = field + (kind >> 4) if kind >> 4 else self._integer()
            if kind & 15 in _INTEGERS:
                found[field] = self._integer()
            else:
                self._skip(kind & 15, level)
        return found

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _unsigned(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 128:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _integer(self) -> int:
        number = self._unsigned()
        return number >> 1 ^ -(number & 1)

    def _skip(self, kind: int, level: int) -> None:
        skips: Mapping[int, Callable[[], object]] = {
            1: lambda: None,  # true and false are in the field's own byte
            2: lambda: None,
            3: self._byte,
            7: lambda: self._pass(8),
            8: lambda: self._pass(self._unsigned()),
            12: lambda: self.integers(level + 1),
        }
        if kind not in skips:
            raise ValueError("a page header holds what none may hold")
        skips[kind]()

    def _pass(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError(size)
