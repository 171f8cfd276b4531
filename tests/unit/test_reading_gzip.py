"""Gzip: every member, every check, and names that agree with the content."""

import gzip
from pathlib import Path

import pytest

from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp

APP = IngestApp(
    "acme",
    "t",
    "0",
    Path(),
    AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": "csv"},
            "table": {"name": "t", "partition_key": ["id"]},
            "columns": {"id": "int", "name": "text"},
        }
    ),
)
FIRST = gzip.compress(b"id,name\n1,a\n2,", mtime=0)
SECOND = gzip.compress(b"b\n3,c\n4,d\n", mtime=0)
LARGE = gzip.compress(b"id,name\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(500)), mtime=0)


def ids(data: bytes, *, key: str = "f.csv.gz", step: int = 1 << 20, limit: int | None = None) -> list[int]:
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    chunks = read_chunks(APP, key, blocks, expanded_limit=limit, limits=Limits(block_bytes=7))
    return [number for chunk in chunks for number in chunk.frame["id"]]


def refusal(data: bytes, *, key: str = "f.csv.gz", limit: int | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        ids(data, key=key, limit=limit)
    return caught.value


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_all_members_are_read(step: int) -> None:
    assert ids(FIRST + SECOND, step=step) == [1, 2, 3, 4]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_padding_with_zeros_is_legal(step: int) -> None:
    assert ids(FIRST + SECOND + bytes(512), step=step) == [1, 2, 3, 4]
    assert ids(FIRST + bytes(5) + SECOND, step=step) == [1, 2, 3, 4]


def test_an_empty_member_is_legal() -> None:
    assert ids(gzip.compress(b"") + FIRST + SECOND) == [1, 2, 3, 4]


@pytest.mark.parametrize("missing", [1, 8, 9, 100, len(LARGE) - 3])
def test_a_file_that_is_cut_off_is_refused(missing: int) -> None:
    assert refusal(LARGE[:-missing]).reason == "truncated"


def test_a_second_member_that_is_cut_off_is_refused() -> None:
    assert refusal(FIRST + SECOND[:-1]).reason == "truncated"


@pytest.mark.parametrize("padding", [b"", bytes(100)])
def test_bytes_behind_the_end_are_refused(padding: bytes) -> None:
    assert refusal(FIRST + SECOND + padding + b"garbage").reason == "trailing_bytes"


def test_a_wrong_checksum_is_refused() -> None:
    damaged = bytearray(FIRST + SECOND)
    damaged[-8] ^= 1
    error = refusal(bytes(damaged))
    assert (error.reason, str(error)) == ("damaged", "the gzip is damaged: incorrect data check")


def test_a_wrong_length_is_refused() -> None:
    damaged = bytearray(FIRST + SECOND)
    damaged[-1] ^= 1
    assert refusal(bytes(damaged)).reason == "damaged"


@pytest.mark.parametrize(
    ("key", "data"),
    [("f.csv", FIRST + SECOND), ("f.csv.gz", b"id,name\n1,a\n"), ("f.CSV.GZ", b"i"), ("f.csv.gz", b"")],
)
def test_name_and_content_must_agree(key: str, data: bytes) -> None:
    assert refusal(data, key=key).reason == "wrong_compression"


def test_the_expanded_size_is_limited_inclusively() -> None:
    size = len(gzip.decompress(FIRST + SECOND))
    assert ids(FIRST + SECOND, limit=size) == [1, 2, 3, 4]
    assert refusal(FIRST + SECOND, limit=size - 1).reason == "expanded_too_large"
    assert refusal(b"id,name\n1,a\n", key="f.csv", limit=11).reason == "expanded_too_large"


def test_a_bomb_is_refused_before_it_expands() -> None:
    bomb = gzip.compress(b"id,name\n" + b"1,a\n" * 10_000_000, 9)
    chunks = read_chunks(APP, "f.csv.gz", [bomb], expanded_limit=1_000_000)
    with pytest.raises(FileRejected, match="more than 1000000 bytes"):
        list(chunks)
