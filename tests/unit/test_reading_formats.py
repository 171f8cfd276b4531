"""One table in every format: equal cells; and nothing but rejects or a refused file out of any bytes."""

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from support.cql_values import MISSING, InMemory, app, read, stored

from customer_ingestapps.cells import encode_rows
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import read_chunks

COLUMNS = {
    "id": "int", "t": "text", "big": "bigint", "v": "varint", "d": "double", "m": "decimal", "b": "boolean",
    "day": "date", "at": "timestamp", "u": "uuid", "raw": "blob", "l": "frozen<list<int>>",
    "k": "map<text, int>",
}  # fmt: skip
ARROW = {
    "id": pa.int32(), "t": pa.string(), "big": pa.int64(), "v": pa.string(), "d": pa.float64(),
    "m": pa.decimal128(20, 3), "b": pa.bool_(), "day": pa.date32(), "at": pa.timestamp("us", "UTC"),
    "u": pa.uuid(), "raw": pa.binary(), "l": pa.list_(pa.int32()), "k": pa.map_(pa.string(), pa.int32()),
}  # fmt: skip
EARLIEST, LATEST = dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis wants naive bounds
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ints = st.integers(-(2**31), 2**31 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "t": st.text(characters, max_size=8),
    "big": st.integers(-(2**63), 2**63 - 1),
    "v": st.integers(-(2**70), 2**70),
    "d": st.floats(allow_nan=False, allow_infinity=False),
    "m": st.decimals(-(10**15), 10**15, places=3),
    "b": st.booleans(),
    "day": st.dates(),
    "at": st.datetimes(EARLIEST, LATEST, timezones=st.just(dt.UTC)),
    "u": st.uuids(),
    "raw": st.binary(max_size=8),
    "l": st.lists(ints, max_size=3),
    "k": st.dictionaries(st.text(characters, max_size=3), ints, max_size=3),
}
Row = Mapping[str, Any]
rows_of_values = st.lists(
    st.fixed_dictionaries({name: st.none() | kind for name, kind in VALUES.items()}), max_size=6
).map(lambda rows: [{"id": number, **row} for number, row in enumerate(rows)])


def text(value: Any) -> str:
    """Write a value as strict text."""
    match value:
        case bool():
            return str(value).lower()
        case bytes():
            return f"0x{value.hex()}"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return str(value)


def as_csv(rows: list[Row]) -> bytes:
    output = io.StringIO()

    csv.writer(output).writerow(COLUMNS)
    for row in rows:
        fields = (
            "" if row[name] is None else f'"{text(row[name]).replace(chr(34), chr(34) * 2)}"'
            for name in COLUMNS
        )
        output.write(",".join(fields) + "\r\n")
    return output.getvalue().encode()


def quoted(field: str) -> str:
    doubled = field.replace('"', '""')
    return f'"{doubled}"'


def as_json_value(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    plain = isinstance(value, bool | int | float | list | dict | None)
    return json.dumps(value if plain else text(value), ensure_ascii=False)


def as_object(row: Row, gap: str = "") -> str:
    pairs = (f"{gap}{json.dumps(name)}:{gap}{as_json_value(value)}" for name, value in row.items())
    return "{" + ",".join(pairs) + gap + "}"


def as_lines(rows: list[Row]) -> bytes:
    return "\n".join(map(as_object, rows)).encode()


def as_array(rows: list[Row]) -> bytes:
    return ("[" + ",".join(map(as_object, rows)) + "]").encode()


def as_pretty_array(rows: list[Row]) -> bytes:
    return ("[\n" + "\n,\n".join(as_object(row, "\n  ") for row in rows) + "\n]\n").encode()


def as_parquet(rows: list[Row]) -> bytes:
    def column(name: str) -> pa.Array:
        found = [row[name] for row in rows]
        if name == "u":
            return pa.array([value and value.bytes for value in found], pa.uuid())
        if name == "v":
            found = [None if value is None else str(value) for value in found]
        if name == "k":
            found = [None if value is None else list(value.items()) for value in found]
        return pa.array(found, ARROW[name])

    output = io.BytesIO()
    parquet.write_table(pa.table({name: column(name) for name in COLUMNS}), output, row_group_size=4)
    return output.getvalue()


WRITTEN: dict[str, tuple[str, str, Callable[[list[Row]], bytes]]] = {
    "csv": ("csv", "f.csv", as_csv),
    "gzip": ("csv", "f.csv.gz", lambda rows: gzip.compress(as_csv(rows))),
    "zstd": ("jsonl", "f.jsonl.zst", lambda rows: zstandard.ZstdCompressor().compress(as_lines(rows))),
    "lines": ("jsonl", "f.jsonl", as_lines),
    "array": ("json", "f.json", as_array),
    "pretty": ("json", "f.json", as_pretty_array),
    "parquet": ("parquet", "f.parquet", as_parquet),
}


def expected(row: Row) -> Row:
    """Give a row as it comes back: a set null is no value, a timestamp has milliseconds and no zone."""
    found = {name: value for name, value in row.items() if value is not None}
    if "at" in found:
        moment = found["at"]
        found["at"] = moment.replace(tzinfo=None, fold=0, microsecond=moment.microsecond // 1000 * 1000)
    return {name: str(value) if name == "m" else value for name, value in found.items()}


def plain(row: Row) -> Row:
    found = dict(row)
    for name, make in (("m", str), ("day", lambda day: day.date()), ("k", dict)):
        if name in found:
            found[name] = make(found[name])
    return found


@settings(max_examples=60, deadline=None)
@given(
    rows=rows_of_values,
    chunk_rows=st.integers(1, 7),
    block_bytes=st.integers(4, 64),
    step=st.integers(1, 100),
)
@example(
    rows=[{"id": 0, **dict.fromkeys(VALUES), "m": Decimal("0E-3"), "d": -0.0, "t": "\ufeff"}],
    chunk_rows=1,
    block_bytes=4,
    step=1,
)
def test_a_table_is_the_same_in_every_format(
    rows: list[Row], chunk_rows: int, block_bytes: int, step: int
) -> None:
    limits = Limits(chunk_rows=chunk_rows, block_bytes=block_bytes)
    wanted = [expected(row) for row in rows]
    for form, key, write in WRITTEN.values():
        ingest_app = app(COLUMNS, format=form)
        chunks = read(ingest_app, write(rows), key=key, step=step, limits=limits)
        found = [plain(row) for row in stored(ingest_app, chunks)]
        assert list(map(shown, found)) == list(map(shown, wanted)), key


def shown(row: Row) -> Row:
    """Tell 0.0 from -0.0, and 1.50 from 1.5; the order of a map is not its value."""
    found = {**row, "k": sorted(row["k"].items())} if "k" in row else row
    return {name: repr(value) for name, value in found.items()}


ROWS: list[Row] = [
    {
        "id": number,
        **dict.fromkeys(VALUES),
        "t": f"row\r\n{number}, é",
        "u": UUID(int=number),
        "m": Decimal("1.500"),
    }
    for number in range(5)
]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("chunk_rows", range(1, 7))
def test_chunks_of_every_size_hold_the_same_rows(name: str, chunk_rows: int) -> None:
    form, key, write = WRITTEN[name]
    ingest_app = app(COLUMNS, format=form)
    data = write(ROWS)
    whole = read(ingest_app, data, key=key)
    for chunk_bytes in (400, 700, 5_000):
        limits = Limits(chunk_rows=chunk_rows, chunk_bytes=chunk_bytes, block_bytes=64)
        chunks = read(ingest_app, data, key=key, limits=limits)
        assert stored(ingest_app, chunks) == stored(ingest_app, whole)
        assert max(chunk.rows_read for chunk in chunks) <= chunk_rows
        assert chunks[-1].last_line == whole[-1].last_line


mutations = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["drop", "set", "add"]), st.binary(min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(WRITTEN)), changes=mutations)
def test_nothing_but_rejects_or_a_refused_file_comes_out_of_a_damaged_one(
    name: str, changes: list[tuple[float, str, bytes]]
) -> None:
    form, key, write = WRITTEN[name]
    data = bytearray(write(ROWS))
    for place, change, found in changes:
        start = int(place * len(data))
        data[start : start + (0 if change == "add" else len(found))] = b"" if change == "drop" else found
    assert_only_refusals(form, key, bytes(data))


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(WRITTEN)), data=st.binary(max_size=80), has_start=st.booleans())
def test_nothing_but_a_refused_file_comes_out_of_any_bytes(name: str, data: bytes, has_start: bool) -> None:
    form, key, write = WRITTEN[name]
    assert_only_refusals(form, key, write(ROWS)[:8] + data if has_start else data)


json_pieces = st.lists(
    st.sampled_from(
        ['{"id":', "1", "}", "[", "]", ",", '"', "\\", "\n", ":", "{", "null", "tru", "e", "1e5", '"t":"é"',
         "\\u", "d83d", " ", '{"id":1}', "-", "NaN"]
    )
).map("".join)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(text=json_pieces, form=st.sampled_from(["json", "jsonl"]), is_array=st.booleans())
def test_nothing_but_rejects_or_a_refused_file_comes_out_of_any_json(
    text: str, form: str, is_array: bool
) -> None:
    assert_only_refusals(form, "f", f"[{text}]".encode() if is_array else text.encode())


def assert_only_refusals(form: str, key: str, data: bytes) -> None:
    ingest_app = app(COLUMNS, format=form)
    source = InMemory(data) if form == "parquet" else [data]
    limits = Limits(chunk_rows=2, chunk_bytes=1000, block_bytes=16)
    with suppress(FileRejected):
        for chunk in read_chunks(ingest_app, key, source, expanded_limit=100_000, limits=limits):
            assert chunk.rows_read == chunk.rows_kept + len(chunk.rejects) + chunk.rows_dropped
            assert len(encode_rows(ingest_app.contract, chunk.frame, MISSING)) <= chunk.rows_kept
            assert all(reject.line > 0 and reject.message for reject in chunk.rejects)
