"""Compression: a file's blocks as they were before gzip. Content and name must agree; nothing is left unread.

Only the bytes decide: what a store or a client says about an object's encoding plays no part.
"""

import zlib
from collections.abc import Iterable, Iterator

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def expanded(key: str, blocks: Iterable[bytes], block_bytes: int, *, limit: int | None) -> Iterator[bytes]:
    """Give a file's decompressed blocks, none larger than `block_bytes`.

    Raises:
        FileRejected: name and content disagree about gzip; the gzip is cut off, damaged or followed by
            something else; there are more than `limit` bytes.
    """
    total = 0
    for block in _gunzipped(_checked(key, blocks), block_bytes) if _says_gzip(key) else _checked(key, blocks):
        total += len(block)
        if limit is not None and total > limit:
            message = f"the file has more than {limit} bytes after decompression"
            raise FileRejected(Reason.EXPANDED_TOO_LARGE, message)
        yield block


def _says_gzip(key: str) -> bool:
    return key.lower().endswith(".gz")


def _checked(key: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass blocks on if the first agrees with the name; it must have two bytes, if the file has."""
    is_first = True
    for block in blocks:
        if is_first and block.startswith(_GZIP_MAGIC) != _says_gzip(key):
            says, holds = ("is gzip", "is not") if _says_gzip(key) else ("is not gzip", "is")
            raise FileRejected(Reason.WRONG_COMPRESSION, f"by its name the file {says}, its content {holds}")
        is_first = False
        yield block
    if is_first and _says_gzip(key):
        raise FileRejected(Reason.WRONG_COMPRESSION, "by its name the file is gzip, but it is empty")


def _gunzipped(blocks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """Decompress all members, one after the other; zeros between and behind them are padding."""
    member = None
    for block in blocks:
        rest = block if member else _next_member(block)
        while rest:
            member = member or zlib.decompressobj(_GZIP_WINDOW)
            yield _decompressed(member, rest, block_bytes)
            rest = member.unconsumed_tail
            if member.eof:
                rest, member = _next_member(member.unused_data), None
    if member:
        raise FileRejected(Reason.TRUNCATED, "the gzip ends before its end mark: the file is not complete")


def _decompressed(member: "zlib._Decompress", data: bytes, block_bytes: int) -> bytes:
    try:
        return member.decompress(data, block_bytes)
    except zlib.error as error:  # such as "Error -3 while decompressing data: incorrect data check"
        fault = str(error).rpartition(": ")[2]
        raise FileRejected(Reason.DAMAGED, f"the gzip is damaged: {fault}") from error


def _next_member(data: bytes) -> bytes:
    data = data.lstrip(b"\0")
    if data and data[:1] != _GZIP_MAGIC[:1]:
        raise FileRejected(Reason.TRAILING_BYTES, "bytes that are not gzip follow the end of the gzip")
    return data
