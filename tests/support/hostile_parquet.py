"""A Parquet file whose one page becomes far larger than its footer says."""

import io

import numpy as np
import pyarrow as pa
import zstandard
from pyarrow import parquet

_MAGIC_BYTES = 4
_ROWS = 20_000


def bomb(column: str, page_bytes: int) -> bytes:
    """Return a file of some 100 KB with a page of so many zeros; its footer tells of 160 KB."""
    sound, sizes = _sound(column)
    payload = _zeros(page_bytes)
    header = sound[_MAGIC_BYTES : _MAGIC_BYTES + sizes.header]
    header = header.replace(_i32(sizes.plain), _i32(page_bytes)).replace(
        _i32(sizes.packed), _i32(len(payload))
    )
    footer = sound[_MAGIC_BYTES + sizes.header + sizes.packed : -8]
    footer = footer.replace(_i64(sizes.header + sizes.packed), _i64(len(header) + len(payload)))
    return b"PAR1" + header + payload + footer + len(footer).to_bytes(4, "little") + b"PAR1"
