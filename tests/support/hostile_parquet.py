"""A Parquet file with a page that becomes far larger than the footer says."""

import io
import random

import pyarrow as pa
import zstandard
from pyarrow import parquet

_MAGIC_BYTES, _LENGTH_BYTES = 4, 8


def bomb(
    page_bytes: int, *, column: str = "id", is_in_footer: bool = False, is_in_group: bool = True
) -> bytes:
    """Return a small file whose only page holds so many zeros; its footer says so, or 160 KB.

    Where it says so, the row group may say 160 KB all the same.

    It is made from a sound file, whose sizes in the page's header and in the footer are replaced.
    """
    sound, chunk = _sound(column)
    plain_bytes = 8 * chunk.num_values
    header_bytes = chunk.total_uncompressed_size - plain_bytes
    packed_bytes = chunk.total_compressed_size - header_bytes
    header_end = _MAGIC_BYTES + header_bytes
    payload = _zeros(page_bytes)
    header = _replaced(sound[_MAGIC_BYTES:header_end], b"\x15", plain_bytes, page_bytes)
    header = _replaced(header, b"\x15", packed_bytes, len(payload))
    footer = sound[header_end + packed_bytes : -_LENGTH_BYTES]
    footer = _replaced(footer, b"\x16", chunk.total_compressed_size, len(header) + len(payload))
    if is_in_footer:
        count = -1 if is_in_group else 1  # the column comes first
        footer = _replaced(footer, b"\x16", chunk.total_uncompressed_size, len(header) + page_bytes, count)
    return b"PAR1" + header + payload + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _sound(column: str) -> tuple[bytes, parquet.ColumnChunkMetaData]:
    """Write twenty thousand random numbers, so that every size has three bytes in the file."""
    randomness = random.Random(1)
    numbers = [randomness.getrandbits(62) for _ in range(20_000)]
    schema = pa.schema([pa.field(column, pa.int64(), nullable=False)])
    output = io.BytesIO()
    parquet.write_table(
        pa.table({column: numbers}, schema=schema),
        output,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
    )
    return output.getvalue(), parquet.ParquetFile(output).metadata.row_group(0).column(0)


def _zeros(size: int) -> bytes:
    packer, megabyte = zstandard.ZstdCompressor().compressobj(), bytes(1 << 20)
    packed = [packer.compress(megabyte) for _ in range(size >> 20)]
    return b"".join([*packed, packer.compress(bytes(size % (1 << 20))), packer.flush()])


def _replaced(thrift: bytes, field: bytes, old: int, new: int, count: int = -1) -> bytes:
    """Put another integer where a field has this one, everywhere or so many times."""
    assert field + _varint(old) in thrift
    return thrift.replace(field + _varint(old), field + _varint(new), count)


def _varint(number: int) -> bytes:
    """Write a positive integer as Thrift's compact protocol does."""
    rest, digits = number << 1, bytearray()
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*digits, rest])
