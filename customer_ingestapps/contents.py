"""Contents: what kind of file some first bytes belong to. Only the bytes decide, and the name must agree.

What a store or a client says about an object's encoding plays no part.
"""

import re
from collections.abc import Iterable, Iterator

from customer_ingestapps.contract import Format
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason

_MAGICS = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), "zstd"),
    (re.compile(rb"PAR[1E][^\t\r\n\x20-\x7e]"), "Parquet"),
    (re.compile(rb"PK\x03\x04"), "ZIP or a spreadsheet"),
    (re.compile(rb"BZh[1-9]\x31\x41\x59\x26\x53\x59"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
)
_ENDINGS = {".gz": "gzip", ".zst": "zstd"}
COMPRESSED = frozenset(_ENDINGS.values())
MAGIC_BYTES = 10
"""How many of a file's first bytes decide."""


def named_compression(key: str) -> str | None:
    """Give the compression that a name states."""
    return next((kind for ending, kind in _ENDINGS.items() if key.lower().endswith(ending)), None)


def check_content(key: str, start: bytes, form: Format) -> None:
    """Raise FileRejected where a file's first bytes are not what its name and its app say."""
    found = next((kind for magic, kind in _MAGICS if magic.match(start)), None)
    named = named_compression(key)
    if named != found and (named or found in COMPRESSED):
        says, holds = named or "not compressed", found or f"not {named}"
        raise FileRejected(
            Reason.WRONG_COMPRESSION, f"by its name the file is {says}, its content is {holds}"
        )
    expected = "Parquet" if form == "parquet" else named
    if found != expected:
        message = f"the app takes {form}, the file is {found or 'not ' + str(expected)}"
        raise FileRejected(Reason.WRONG_FORMAT, message)


def checked(key: str, blocks: Iterable[bytes], form: Format) -> Iterator[bytes]:
    """Pass blocks on if the first bytes agree with name and app."""
    rest, start = iter(blocks), b""
    while len(start) < MAGIC_BYTES and (block := next(rest, b"")):
        start += block
    check_content(key, start, form)
    if start:
        yield start
    yield from rest
