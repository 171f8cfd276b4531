"""The fast CSV reader against a slow one that is right at a glance: same rows, same lines, same faults."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.reliability.slow_csv import FaultError, Fields, Record, Slow
from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.contract import Files
from customer_ingestapps.encodings import utf8
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.csv import CsvReader
from customer_ingestapps.readers.rows import Limits

FILES = Files(keys=("*.csv",), format="csv")


@dataclass
class Outcome:
    header: Fields = field(default_factory=list)
    rows: list[tuple[int, Fields]] = field(default_factory=list)
    raw: list[list[str]] = field(default_factory=list)
    ragged: list[tuple[int, list[str]]] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    fault: tuple[str, int | None] | None = None


def read_fast(data: bytes, limits: Limits, step: int, files: Files = FILES) -> Outcome:
    outcome = Outcome()
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    try:
        reader = CsvReader(utf8(blocks_of(limits.block_bytes, blocks), "utf-8"), files, limits)
        outcome.header = list(reader.header)
        names = {f"column {position}": position for position in range(len(reader.header))}
        for chunk in reader.rows(names):
            rows = zip(chunk.lines.tolist(), map(list, chunk.columns.rows()), strict=True)
            outcome.rows += rows
            outcome.ragged += [(reject.line, list(reject.fields)) for reject in chunk.unreadable]
            outcome.chunks.append(chunk.columns.height + len(chunk.unreadable))
            outcome.raw += [list(chunk.fields_of(row)) for row in range(chunk.columns.height)]
    except FileRejected as error:
        outcome.fault = (error.reason.value, error.line)
    return outcome


def read_slowly(text: str) -> Outcome:
    slow, outcome = Slow(text), Outcome()
    try:
        slow.read()
    except FaultError as fault:
        outcome.fault = fault.args
    if not slow.records:
        outcome.fault = outcome.fault or ("no_header", 1)
        return outcome
    outcome.header = [name or "" for name in slow.records[0].fields]
    for record in slow.records[1:]:
        if len(record.fields) == len(outcome.header):
            outcome.rows.append((record.line, record.fields))
            outcome.raw.append(record.raw)
        else:
            outcome.ragged.append((record.line, record.raw))
    return outcome


def chunk_rows(text: str, limits: Limits) -> list[int]:
    """Cut greedily; blank lines between two rows count with them."""
    slow = Slow(text)
    slow.read()
    assert all(record.size <= limits.chunk_bytes for record in slow.records)
    return list(cut(spans(slow.text, slow.records), limits))


def spans(text: str, records: list[Record]) -> list[tuple[int, int]]:
    starts = [0]
    for line in text.encode().split(b"\n")[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return [(starts[record.line - 1], starts[record.line - 1] + record.size) for record in records[1:]]


def cut(rows: list[tuple[int, int]], limits: Limits) -> Iterator[int]:
    first, count = 0, 0
    for start, end in rows:
        if count and (count == limits.chunk_rows or end - first > limits.chunk_bytes):
            yield count
            count = 0
        first, count = (first if count else start), count + 1
    if count:
        yield count


pieces = st.sampled_from(
    [
        "a",
        "0",
        ",",
        '"',
        '""',
        "\r",
        "\n",
        "\r\n",
        "é",
        "\ufeff",
        '"a"',
        '",',
        ',"',
        "a,0\n",
        '"\n"',
        ",\n",
        "🙂",
    ]
)
texts = st.lists(pieces, max_size=40).map("".join)
cells = st.sampled_from(
    ["a", "", '""', '"0"', '"é\r\n"', '"a""b"', '"\n\n"', '","', "\ufeff", '"\r"', '""""']
)
line_ends = st.sampled_from(["\n", "\r\n", "\n\n", "\n\r\n"])
sound_texts = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.tuples(st.lists(cells, min_size=width, max_size=width).map(",".join), line_ends).map("".join),
        max_size=12,
    ).map("".join)
)
ragged_texts = st.lists(
    st.tuples(st.lists(cells, min_size=1, max_size=3).map(",".join), line_ends).map("".join), max_size=12
).map("".join)
steps = st.integers(1, 70)
limits_of_size = st.builds(
    Limits, chunk_rows=st.integers(1, 5), chunk_bytes=st.integers(60, 90), block_bytes=st.integers(3, 40)
)


@settings(max_examples=500, deadline=None)
@given(text=st.one_of(texts, sound_texts, ragged_texts), limits=limits_of_size, step=steps)
@example(text="a\n\ufeff\n\ufeff0\n", limits=Limits(1, 60, 3), step=1)
@example(text='a,"0\n\n""\n"\r\n\r\nb,c', limits=Limits(1, 60, 3), step=1)
def test_fast_and_slow_reader_agree(text: str, limits: Limits, step: int) -> None:
    mark = "\ufeff" * text.startswith("\ufeff")  # the reader takes one off
    fast, slow = read_fast((mark + text).encode(), limits, step), read_slowly(text)
    if fast.fault and fast.fault[0] == "row_too_large":
        assert_a_row_is_too_large(text, fast.fault[1], limits)
    else:
        assert fast.fault == slow.fault
    if fast.fault is None:
        assert fast == replace(slow, chunks=chunk_rows(text, limits))
    else:
        assert fast.rows == slow.rows[: len(fast.rows)]
        assert fast.ragged == slow.ragged[: len(fast.ragged)]


def assert_a_row_is_too_large(text: str, line: int | None, limits: Limits) -> None:
    assert line is not None
    start = sum(len(part) + 1 for part in text.encode().split(b"\n")[: line - 1])
    rest = text.encode()[start : start + limits.chunk_bytes + 1]
    slow = Slow(rest.decode(errors="ignore"))
    assert len(rest) + (not text.endswith("\n")) > limits.chunk_bytes
    try:
        slow.read()
    except FaultError:
        return
    assert len(slow.records) == 1


@settings(max_examples=100, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=60), texts.map(str.encode)),
    position=st.integers(0, 60),
    bad=st.sampled_from([b"\xff", b"\0", b"\xc3"]),
)
@pytest.mark.parametrize("block_bytes", [3, 16, 1000])
def test_the_same_bytes_give_the_same_outcome_however_they_come(
    block_bytes: int, data: bytes, position: int, bad: bytes
) -> None:
    damaged = data[:position] + bad + data[position:]
    limits = Limits(chunk_rows=2, chunk_bytes=64, block_bytes=block_bytes)
    whole = read_fast(damaged, limits, len(damaged))
    assert [read_fast(damaged, limits, step) for step in (1, 2, 7)] == [whole] * 3
    assert whole.fault is not None or bad == b"\xc3"


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(texts, sound_texts), limits=limits_of_size)
def test_another_dialect_reads_as_the_usual_one(text: str, limits: Limits) -> None:
    other = str.maketrans(',"', ";'")
    usual = read_fast(text.encode(), limits, 1000)
    files = Files(keys=("*.csv",), format="csv", delimiter=";", quote="'")
    there = read_fast(text.translate(other).encode(), limits, 1000, files)
    assert (there.fault, there.chunks) == (usual.fault, usual.chunks)
    assert there.rows == [
        (line, [cell and cell.translate(other) for cell in fields]) for line, fields in usual.rows
    ]
