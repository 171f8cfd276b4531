"""Sources: where a file's bytes come from: blocks, front to back, or ranges, for formats that need them."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class RandomAccess(Protocol):
    """A file, or a version of an object, that can be read from anywhere."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def read_range(self, start: int, size: int) -> bytes:
        """Give the bytes from `start` on; fewer than `size` only at the end."""
