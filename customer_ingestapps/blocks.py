"""Blocks: the pieces in which a file's bytes come, cut anew so that nothing behind depends on it."""

from collections.abc import Iterable, Iterator


def blocks_of(size_bytes: int, blocks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Give the same bytes in blocks of one size; the last may be shorter.

    >>> list(blocks_of(4, [b"id,na", b"me", b"", b"\n1"]))
    [b'id,n', b'ame\n', b'1']
    """
    collected = bytearray()
    for block in blocks:
        view = memoryview(block)
        for start in range(0, len(view), size_bytes):  # never more than two blocks at once, whatever comes
            collected += view[start : start + size_bytes]
            if len(collected) >= size_bytes:
                yield bytes(collected[:size_bytes])
                del collected[:size_bytes]
    if collected:
        yield bytes(collected)
