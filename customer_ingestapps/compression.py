"""Compression: a file's blocks as they were before gzip or zstd. Nothing is left unread, nothing unchecked.

The size after decompression is limited while it is counted, so a bomb stops at the limit.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard

from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.contents import named_compression
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason

MOST_WINDOW_BYTES = 8 << 20
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZSTD_FEED_BYTES = 256  # they may become some 10 MB: what comes out at a time cannot be limited


def expanded(key: str, blocks: Iterable[bytes], block_bytes: int, *, limit: int | None) -> Iterator[bytes]:
    """Give a file's decompressed blocks; how it is compressed is in its name, and was checked.

    Raises:
        FileRejected: the content is cut off, damaged or followed by something else; there are more than
            `limit` bytes.
    """
    kind = named_compression(key)
    total = 0
    for block in _KINDS[kind].expand(blocks, block_bytes) if kind else blocks:
        total += len(block)
        if limit is not None and total > limit:
            message = f"the file has more than {limit} bytes after decompression"
            raise FileRejected(Reason.EXPANDED_TOO_LARGE, message)
        yield block


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one compression is told and undone; members of gzip and frames of zstd stand for themselves."""

    name: str
    first_bytes: bytes
    padding: bytes
    feed_bytes: int
    member: Callable[[], Any]
    step: Callable[[Any, bytes, int], tuple[bytes, bytes]]

    def expand(self, blocks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
        """Decompress all members, one after the other; zeros between and behind those of gzip are padding."""
        member = None
        for block in blocks_of(self.feed_bytes, blocks):
            rest = block if member else self._next(block)
            while rest:
                member = member or self.member()
                content, rest = self.step(member, rest, block_bytes)
                yield content
                if member.eof:
                    rest, member = self._next(member.unused_data), None
        if member:
            message = f"the {self.name} ends before its end mark: the file is not complete"
            raise FileRejected(Reason.TRUNCATED, message)

    def _next(self, data: bytes) -> bytes:
        data = data.lstrip(self.padding) if self.padding else data
        if data and data[0] not in self.first_bytes:
            message = f"bytes that are not {self.name} follow the end of the {self.name}"
            raise FileRejected(Reason.TRAILING_BYTES, message)
        return data


def _gunzip(member: "zlib._Decompress", data: bytes, block_bytes: int) -> tuple[bytes, bytes]:
    try:
        return member.decompress(data, block_bytes), member.unconsumed_tail
    except zlib.error as error:  # such as "Error -3 while decompressing data: incorrect data check"
        fault = str(error).rpartition(": ")[2]
        raise FileRejected(Reason.DAMAGED, f"the gzip is damaged: {fault}") from error


def _unzstd(member: "zstandard.ZstdDecompressionObj", data: bytes, _: int) -> tuple[bytes, bytes]:
    try:
        return member.decompress(data), b""
    except zstandard.ZstdError as error:
        fault = str(error).rpartition(": ")[2]
        if "memory" in fault:
            message = f"the zstd needs a window of more than {MOST_WINDOW_BYTES} bytes to be read"
            raise FileRejected(Reason.WINDOW_TOO_LARGE, message) from error
        raise FileRejected(Reason.DAMAGED, f"the zstd is damaged: {fault}") from error


def _zstd_member() -> "zstandard.ZstdDecompressionObj":
    return zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES).decompressobj()


_KINDS: Mapping[str, _Kind] = {
    "gzip": _Kind("gzip", b"\x1f", b"\0", 1 << 16, lambda: zlib.decompressobj(_GZIP_WINDOW), _gunzip),
    "zstd": _Kind("zstd", bytes([0x28, *range(0x50, 0x60)]), b"", _ZSTD_FEED_BYTES, _zstd_member, _unzstd),
}
