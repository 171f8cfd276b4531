"""Faults that really happened elsewhere, as files: what is stored, what is rejected, and why.

Values are those that the Cassandra driver reads back from the encoded cells.
"""

import datetime as dt
import gzip
from typing import Any

import pytest
from support.cql_values import app, read, rejects, stored

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.registry import IngestApp

ID_NAME = {"id": "int", "name": "text"}
LINES = app(ID_NAME, format="jsonl")
ARRAY = app(ID_NAME, format="json")


def outcome(ingest_app: IngestApp, data: bytes, key: str = "f") -> tuple[list[tuple[Any, ...]], list[str]]:
    """Give the stored rows, and the ids of the rejected ones."""
    chunks = read(ingest_app, data, key=key)
    rows = [
        tuple(row.get(name) for name in ingest_app.contract.columns) for row in stored(ingest_app, chunks)
    ]
    return rows, [str(reject.fields[0]) for reject in rejects(chunks)]


def lines(ingest_app: IngestApp, data: bytes) -> list[int]:
    return [reject.line for reject in rejects(read(ingest_app, data))]


def refusal(ingest_app: IngestApp, data: bytes, key: str = "f") -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        read(ingest_app, data, key=key)
    return caught.value


def test_a_byte_order_mark_is_taken_off_once() -> None:
    data = b"\xef\xbb\xbfid,name\r\n1,Alice\r\n2,Bob\xef\xbb\xbf\r\n"
    assert outcome(app(ID_NAME), data) == ([(1, "Alice"), (2, "Bob\ufeff")], [])
    assert outcome(app(ID_NAME), b'\xef\xbb\xbf"id","name"\n1,Alice\n') == ([(1, "Alice")], [])


def test_an_open_quote_is_named_by_its_line() -> None:
    error = refusal(app(ID_NAME), b'id,name\n1,ok\n2,"open\n3,x\n4,y\n5,z\n')
    assert (error.reason, error.line) == ("unclosed_quote", 3)
    error = refusal(app(ID_NAME), b'id,name\n1,ok\n2,"ab"cd\n3,z\n')
    assert (error.reason, error.line) == ("misplaced_quote", 3)


def test_headers_are_never_ambiguous() -> None:
    assert refusal(app(ID_NAME), b"id,id,name\n1,2,Alice\n").reason == "bad_header"
    assert refusal(app(ID_NAME), b"id,Name,name\n1,a,b\n").reason == "bad_header"
    assert refusal(app(ID_NAME), b"id,,name\n1,x,a\n").reason == "bad_header"
    rows, _ = outcome(app({**ID_NAME, "city": "text"}), b"ID , Name,\tCITY\n1,Ann,Rome\n2,Ben,Oslo\n")
    assert rows == [(1, "Ann", "Rome"), (2, "Ben", "Oslo")]
    odd = app({"id": "int", "userId": "text", "select": "text", "My Col": "text"})
    assert outcome(odd, b"id,userId,select,My Col\n1,u1,s1,m1\n")[0] == [(1, "u1", "s1", "m1")]


def test_encodings_are_declared_and_no_byte_is_replaced() -> None:
    wide = b"\xff\xfe" + "id,name\n1,café\n2,über\n".encode("utf-16-le")
    narrow = b"id,name\n1,caf\xe9\n2,\xfcber\n"
    assert refusal(app(ID_NAME), wide).reason == "bad_encoding"
    assert refusal(app(ID_NAME), narrow).offset == 13
    for encoding, data in (("utf-16", wide), ("latin-1", narrow)):
        assert outcome(app(ID_NAME, encoding=encoding), data)[0] == [(1, "café"), (2, "über")]
    error = refusal(app(ID_NAME), b"id,name\n1,ok\n2,b\xe9d\n3,fine\n")
    assert (error.offset, error.line) == (16, 3)


MULTIBYTE = 'id,name\r\n1,"数据, €5"\r\n2,naïve 🙂\r\n3,"two\r\nlines"\r\n'.encode()
MULTIBYTE_LINES = (
    '{"id":1,"name":"数据, €5"}\r\n{"id":2,"name":"naïve 🙂"}\n{"id":3,"name":"two\\r\\nlines"}'.encode()
)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_characters_may_be_split_anywhere(form: str) -> None:
    ingest_app = app(ID_NAME, format=form)
    plain = MULTIBYTE if form == "csv" else MULTIBYTE_LINES
    for key, data in (("f", plain), ("f.gz", gzip.compress(plain))):
        for step in range(1, len(data) + 1):
            chunks = read(ingest_app, data, key=key, step=step)
            assert [row["name"] for row in stored(ingest_app, chunks)] == [
                "数据, €5",
                "naïve 🙂",
                "two\r\nlines",
            ]


def test_nothing_is_not_empty_text() -> None:
    columns, data = {**ID_NAME, "note": "text"}, b'id,name,note\n1,,x\n2,"",x\n3,NULL,x\n4,\\N,x\n5, ,x\n'
    assert [row[1] for row in outcome(app(columns), data)[0]] == [None, "", "NULL", "\\N", " "]
    words = app(columns, null_words=["NULL", "\\N"])
    assert [row[1] for row in outcome(words, data)[0]] == [None, "", None, None, " "]


def test_integers_are_exact_or_rejected() -> None:
    data = (
        "id,n\n1,1\n2,2147483647\n3,-2147483648\n4,+5\n5,-0\n6,007\n7,1.5\n8,2147483648\n9,-2147483649\n"
        '10,1_000\n11,١٢\n12,0x1F\n13,NaN\n14,true\n15,12abc\n16,"1,234"\n17,1e400\n18,1.0\n19,1E+3\n'
    )
    rows, rejected = outcome(app({"id": "int", "n": "int"}), data.encode())
    assert rows == [(1, 1), (2, 2147483647), (3, -2147483648), (4, 5), (5, 0), (6, 7)]
    assert rejected == [str(number) for number in range(7, 20)]


def test_json_integers_are_exact_or_rejected() -> None:
    data = (
        b'{"id":1,"n":9007199254740993}\n{"id":2,"n":9223372036854775807}\n{"id":3,"n":9223372036854775808}\n'
        b'{"id":4,"n":-9223372036854775809}\n{"id":5,"n":true}\n{"id":6,"n":7.5}\n'
    )
    ingest_app = app({"id": "int", "n": "bigint"}, format="jsonl")
    assert outcome(ingest_app, data)[0] == [(1, 9007199254740993), (2, 9223372036854775807)]
    assert lines(ingest_app, data) == [3, 4, 5, 6]


def test_json_decimals_never_pass_through_a_float() -> None:
    data = (
        b'{"id":1,"m":0.10}\n{"id":2,"m":12345678901234567890.123456789}\n{"id":3,"m":"95891.74"}\n'
        b'{"id":4,"m":NaN}\n{"id":5,"m":1E+1000000}\n{"id":6,"m":1e-7}\n'
    )
    ingest_app = app({"id": "int", "m": "decimal"}, format="jsonl")
    rows, _ = outcome(ingest_app, data)
    assert [(number, str(value)) for number, value in rows] == [
        (1, "0.10"), (2, "12345678901234567890.123456789"), (3, "95891.74"), (6, "1E-7"),
    ]  # fmt: skip
    assert lines(ingest_app, data) == [4, 5]


def test_doubles_are_finite_unless_declared() -> None:
    data = b"id,d\n1,0.1\n2,1e308\n3,1e400\n4,NaN\n5,Infinity\n6,-0.0\n7,1_0\n"
    rows, rejected = outcome(app({"id": "int", "d": "double"}), data)
    assert [repr(value) for _, value in rows] == ["0.1", "1e+308", "-0.0"]
    assert rejected == ["3", "4", "5", "7"]
    rows, rejected = outcome(app({"id": "int", "d": {"type": "double", "not_finite": "allow"}}), data)
    assert [repr(value) for _, value in rows] == ["0.1", "1e+308", "nan", "inf", "-0.0"]
    assert rejected == ["3", "7"]


NOON = dt.datetime(2024, 3, 10, 12)  # noqa: DTZ001 - the driver's are naive, in UTC


@pytest.mark.parametrize(
    ("unit", "stands", "rejected"),
    [("s", {1: NOON}, "2345"), ("ms", {2: NOON}, "345"), ("us", {3: NOON}, ""), (None, {}, "12345")],
)
def test_epochs_have_a_declared_unit(unit: str | None, stands: dict[int, dt.datetime], rejected: str) -> None:
    data = b"id,ts\n1,1710072000\n2,1710072000000\n3,1710072000000000\n4,-62135596800001\n5,253402300800000\n"
    found = outcome(app({"id": "int", "ts": {"type": "timestamp", "epoch": unit}}), data)
    assert {number: dict(found[0])[number] for number in stands} == stands
    assert found[1] == list(rejected)


def test_every_member_of_a_gzip_is_read_and_checked() -> None:
    first, second = gzip.compress(b"id,name\n1,a\n2,b\n", mtime=0), gzip.compress(b"3,c\n4,d\n", mtime=0)
    whole = first + second
    for data in (whole, whole + bytes(512)):
        assert [row[0] for row in outcome(app(ID_NAME), data, "f.csv.gz")[0]] == [1, 2, 3, 4]
    damaged = bytearray(whole)
    damaged[-8] ^= 1
    for data, key, reason in (
        (whole[:-9], "f.csv.gz", "truncated"),
        (whole + b"garbage", "f.csv.gz", "trailing_bytes"),
        (bytes(damaged), "f.csv.gz", "damaged"),
        (whole, "f.csv", "wrong_compression"),
        (b"id,name\n1,a\n", "f.csv.gz", "wrong_compression"),
    ):
        assert refusal(app(ID_NAME), data, key).reason == reason


def test_json_lines_and_arrays() -> None:
    two = [(1, "a"), (2, "b")]
    assert outcome(LINES, b'{"id":1,"name":"a"}\n{"id":2,"name":"b"}\n')[0] == two
    assert outcome(ARRAY, b'[{"id":1,"name":"a"},{"id":2,"name":"b"}]')[0] == two
    pretty = b'[\n  {\n    "id": 1,\n    "name": "a"\n  },\n  {\n    "id": 2,\n    "name": "b"\n  }\n]\n'
    assert outcome(ARRAY, pretty)[0] == two
    broken = b'{"id":1,"name":"a"}\n{"id":2,"name":\n{"id":3,"name":"c"}\n\n{"id":4,"name":"d"}'
    assert [row[0] for row in outcome(LINES, broken)[0]] == [1, 3, 4]
    assert lines(LINES, broken) == [2]
    twice = b'{"id":1,"id":2,"name":"a"}\n{"id":3,"name":"b"}\n'
    assert outcome(LINES, twice)[0] == [(3, "b")]
    assert lines(LINES, twice) == [1]
    assert lines(LINES, b'1\n"x"\nnull\n[1,2]\n{"id":1,"name":"a"}\n') == [1, 2, 3, 4]
    assert lines(LINES, b'[{"id":1,"name":"a"},{"id":2,"name":"b"}]\n') == [1]
    assert outcome(LINES, b'\xef\xbb\xbf{"id":1,"name":"a"}\n')[0] == [(1, "a")]
    assert refusal(ARRAY, b'[{"id":1,"name":"a"},{"id":2,"name":"b"},{"id":3').reason == "unclosed_array"


def test_wide_rows_of_many_partitions() -> None:
    data = b"a,b\n" + b"".join(b"%0100d,%01000d\n" % (number, number) for number in range(100))
    rows, rejected = outcome(app({"a": "text", "b": "text"}, "a"), data)
    assert (len(rows), len(rows[0][0]), len(rows[0][1]), rejected) == (100, 100, 1000, [])
