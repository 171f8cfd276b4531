"""Structs of Thrift's compact protocol as dicts by field number: what Parquet writes its own structure in.

Whoever reads them knows which fields there should be; nothing is believed here but lengths that are there.
"""

from collections.abc import Callable, Mapping

MOST_LEVELS = 10
_MOST_BITS = 64

Struct = dict[int, object]


class ThriftReader:
    """Reads one struct; IndexError where it goes on behind the data, ValueError where it is none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._level = 0
        self.at = 0

    def struct(self) -> Struct:
        """Give the fields; lists and structs in it are read too, maps are not in Parquet's."""
        self._level += 1
        if self._level > MOST_LEVELS:
            raise ValueError("structs are nested too deep")
        found: Struct = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._integer()
            found[field] = head & 15 == 1 if head & 15 in {1, 2} else self._value(head & 15)
        self._level -= 1
        return found

    def _value(self, kind: int) -> object:
        kinds: Mapping[int, Callable[[], object]] = {
            1: self._byte,  # true and false, in a list
            2: self._byte,
            3: self._byte,
            4: self._integer,
            5: self._integer,
            6: self._integer,
            7: lambda: self._bytes(8),
            8: lambda: self._bytes(self._unsigned()),
            9: self._list,
            12: self.struct,
        }
        if kind not in kinds:
            raise ValueError(f"values of the kind {kind} are unknown")
        return kinds[kind]()

    def _list(self) -> list[object]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._unsigned()
        return [self._value(head & 15) for _ in range(size)]

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self._data):
            raise IndexError(size)
        return self._data[self.at - size : self.at]

    def _unsigned(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 128:
            number |= (byte & 127) << shift
            shift += 7
            if shift > _MOST_BITS:
                raise ValueError("a number has no end")
        return number | byte << shift

    def _integer(self) -> int:
        number = self._unsigned()
        return number >> 1 ^ -(number & 1)
