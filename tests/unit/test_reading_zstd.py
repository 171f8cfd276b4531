"""Zstd: every frame, every check, a limited window; and how files of other kinds are told apart."""

import pytest
import zstandard
from support.cql_values import InMemory, app

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import read_chunks

CSV = app({"id": "int", "name": "text"})
LINES = app({"id": "int", "name": "text"}, format="jsonl")
PARQUET = app({"id": "int", "name": "text"}, format="parquet")
FIRST = zstandard.ZstdCompressor(write_checksum=True).compress(b"id,name\n1,a\n2,")
SECOND = zstandard.ZstdCompressor().compress(b"b\n3,c\n4,d\n")
SKIPPED = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
LARGE = zstandard.ZstdCompressor().compress(
    b"id,name\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(500))
)


def ids(data: bytes, *, key: str = "f.csv.zst", step: int = 1 << 20, limit: int | None = None) -> list[int]:
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    chunks = read_chunks(CSV, key, blocks, expanded_limit=limit, limits=Limits(block_bytes=7))
    return [number for chunk in chunks for number in chunk.frame["id"]]


def refusal(data: bytes, *, key: str = "f.csv.zst", limit: int | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        ids(data, key=key, limit=limit)
    return caught.value


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_all_frames_are_read(step: int) -> None:
    assert ids(FIRST + SECOND, step=step) == [1, 2, 3, 4]
    assert ids(SKIPPED + FIRST + SKIPPED + SECOND + SKIPPED, step=step) == [1, 2, 3, 4]


@pytest.mark.parametrize("missing", [1, 4, 100, len(LARGE) - 4])
def test_a_file_that_is_cut_off_is_refused(missing: int) -> None:
    assert refusal(LARGE[:-missing]).reason == "truncated"


def test_a_second_frame_that_is_cut_off_is_refused() -> None:
    assert refusal(FIRST + SECOND[:-1]).reason == "truncated"


@pytest.mark.parametrize("garbage", [b"garbage", b"\0\0", b"\x28garbage"])
def test_bytes_behind_the_end_are_refused(garbage: bytes) -> None:
    assert refusal(FIRST + SECOND + garbage).reason in {"trailing_bytes", "damaged"}


def test_a_wrong_checksum_is_refused() -> None:
    damaged = bytearray(FIRST)
    damaged[-1] ^= 1
    error = refusal(bytes(damaged) + SECOND)
    assert (error.reason, str(error)) == (
        "damaged",
        "the zstd is damaged: Restored data doesn't match checksum",
    )


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(b"id,name\n" + b"1,a\n" * 100_000) + compressor.flush()
    assert refusal(data).reason == "window_too_large"


def test_a_bomb_is_refused_before_it_expands() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(b"id,name\n" + b"1,a\n" * 50_000_000)
    chunks = read_chunks(CSV, "f.csv.zst", [bomb], expanded_limit=1_000_000)
    with pytest.raises(FileRejected, match="more than 1000000 bytes"):
        list(chunks)


def test_the_expanded_size_is_limited_inclusively() -> None:
    assert ids(FIRST + SECOND, limit=24) == [1, 2, 3, 4]
    assert refusal(FIRST + SECOND, limit=23).reason == "expanded_too_large"


GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
ZIP, XZ, BZIP2 = b"PK\x03\x04\x14\x00", b"\xfd7zXZ\x00", b"BZh91AY&SY"
PARQUET_FILE = b"PAR1\x15\x04\x15\x10"


@pytest.mark.parametrize(
    ("key", "data", "reason"),
    [
        ("f.csv", FIRST, "wrong_compression"),
        ("f.csv", GZIP, "wrong_compression"),
        ("f.csv.zst", b"id,name\n", "wrong_compression"),
        ("f.csv.zst", GZIP, "wrong_compression"),
        ("f.csv.gz", FIRST, "wrong_compression"),
        ("f.CSV.ZST", b"", "wrong_compression"),
        ("f.csv", PARQUET_FILE, "wrong_format"),
        ("f.csv", ZIP, "wrong_format"),
        ("f.csv", XZ, "wrong_format"),
        ("f.csv", BZIP2, "wrong_format"),
    ],
)
def test_name_app_and_content_must_agree(key: str, data: bytes, reason: str) -> None:
    assert refusal(data, key=key).reason == reason


@pytest.mark.parametrize("header", [b"PAR1,PAR2\n", b"BZh,name\n", b"PK,name\n"])
def test_text_that_begins_like_another_kind_is_text(header: bytes) -> None:
    assert refusal(header, key="f.csv").reason == "unknown_columns"


@pytest.mark.parametrize("data", [b"", b"id,name\n", GZIP, b"PAR1", b"PARE\x15\x04"])
def test_an_app_that_takes_parquet_takes_nothing_else(data: bytes) -> None:
    with pytest.raises(FileRejected) as caught:
        list(read_chunks(PARQUET, "f.parquet", InMemory(data), expanded_limit=None))
    assert caught.value.reason in {"wrong_format", "wrong_compression", "damaged"}


def test_json_lines_are_taken_compressed_too() -> None:
    data = zstandard.ZstdCompressor().compress(b'{"id":1,"name":"a"}\n')
    (chunk,) = read_chunks(LINES, "f.jsonl.zst", [data], expanded_limit=None)
    assert chunk.frame.rows() == [(1, "a")]
