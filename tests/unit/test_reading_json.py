"""JSON lines and arrays: which objects are rows, which lines they are said to stand on, what ends a file."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.cql_values import app, read, rejects, stored

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp

LINES = app({"id": "int", "name": "text"}, format="jsonl")
ARRAY = app({"id": "int", "name": "text"}, format="json")


def found(ingest_app: IngestApp, data: bytes, limits: Limits | None = None) -> list[tuple[Any, ...]]:
    return [row for chunk in read(ingest_app, data, limits=limits) for row in chunk.frame.rows()]


def refusal(ingest_app: IngestApp, data: bytes, limits: Limits | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        read(ingest_app, data, limits=limits)
    return caught.value


def faults(ingest_app: IngestApp, data: bytes) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason.value) for reject in rejects(read(ingest_app, data))]


class TestLines:
    def test_blank_lines_do_not_count_as_rows_but_as_lines(self) -> None:
        data = b'\xef\xbb\xbf\n{"id":1}\r\n \t\n{"id":"x"}\n\n{"id":3}'
        (chunk,) = read(LINES, data)
        assert (chunk.rows_read, chunk.rows_kept, chunk.last_line) == (3, 2, 6)
        assert [reject.line for reject in chunk.rejects] == [4]

    def test_a_line_that_is_no_object_is_rejected_alone(self) -> None:
        data = b'{"id":1}\n{"id":\n1\n"x"\nnull\n[1]\ntrue\n{"id":2} {"id":3}\n{"id":4}'
        assert [row[0] for row in found(LINES, data)] == [1, 4]
        assert faults(LINES, data) == [
            (2, "bad_json"), (3, "not_an_object"), (4, "not_an_object"), (5, "not_an_object"),
            (6, "not_an_object"), (7, "not_an_object"), (8, "bad_json"),
        ]  # fmt: skip

    def test_a_reject_has_the_lines_own_text(self) -> None:
        (reject,) = rejects(read(LINES, b' {"id": "x", "name": 1.50} \n'))
        assert reject.fields == ('{"id": "x", "name": 1.50}',)
        assert (reject.column, reject.value) == ("id", "x")

    def test_an_endless_line_is_found_within_the_limit(self) -> None:
        limits = Limits(chunk_bytes=5_000, block_bytes=1000)
        blocks = (b"a" * 1000 if number < 8 else pytest.fail("read on") for number in range(100))
        with pytest.raises(FileRejected, match="line 1 is larger than 5000 bytes") as caught:
            list(read_chunks(LINES, "f", blocks, expanded_limit=None, limits=limits))
        assert caught.value.reason == "row_too_large"

    def test_an_array_in_a_lines_file_is_no_row(self) -> None:
        assert faults(LINES, b'[{"id":1},{"id":2}]\n') == [(1, "not_an_object")]

    def test_chunks_end_by_rows_or_bytes(self) -> None:
        data = b'{"id":1}\n{"id":2}\n\n{"id":3}\n'
        assert [chunk.last_line for chunk in read(LINES, data, limits=Limits(chunk_rows=2))] == [2, 4]
        assert [chunk.rows_read for chunk in read(LINES, data, limits=Limits(chunk_bytes=16))] == [2, 1]
        assert [chunk.rows_read for chunk in read(LINES, data, limits=Limits(chunk_bytes=15))] == [1, 1, 1]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "latin-1"])
    def test_the_encoding_is_the_declared_one(self, encoding: str) -> None:
        ingest_app = app({"id": "int", "name": "text"}, format="jsonl", encoding=encoding)
        assert found(ingest_app, '{"id":1,"name":"é"}\n'.encode(encoding)) == [(1, "é")]


class TestKeys:
    def test_they_are_matched_trimmed_and_without_regard_to_case(self) -> None:
        assert found(LINES, b'{" ID ":1,"Name":"a"}\n{"NAME":"b","id":2}') == [(1, "a"), (2, "b")]

    def test_one_that_is_not_there_is_no_value(self) -> None:
        chunks = read(LINES, b'{"id":1}\n{"id":2,"name":null}\n{"id":3,"name":""}')
        assert stored(LINES, chunks) == [{"id": 1}, {"id": 2}, {"id": 3, "name": ""}]

    def test_one_that_stands_twice_rejects_the_row(self) -> None:
        data = b'{"id":1,"id":2}\n{"id":3,"ID":4}\n{"id":5,"name":{"a":1,"a":2}}\n{"id":6}'
        assert faults(LINES, data) == [(1, "duplicate_key"), (2, "duplicate_key"), (3, "duplicate_key")]

    def test_one_that_the_table_has_no_use_for_rejects_the_row_unless_declared(self) -> None:
        data = b'{"id":1,"city":"x"}\n{"id":2,"":3}\n{"id":3}'
        assert faults(LINES, data) == [(1, "unknown_key"), (2, "unknown_key")]
        lenient = app({"id": "int", "name": "text"}, format="jsonl", extra_columns="ignore")
        assert [row[0] for row in found(lenient, data)] == [1, 2, 3]

    def test_a_row_without_its_key_is_rejected(self) -> None:
        assert faults(LINES, b'{"name":"a"}\n{}\n{"id":null}\n{"id":""}') == [
            (line, "missing_key") for line in (1, 2, 3, 4)
        ]

    def test_too_many_reject_the_row(self) -> None:
        data = json.dumps({str(number): 1 for number in range(2001)}).encode()
        assert faults(LINES, data) == [(1, "too_many_columns")]

    def test_those_of_a_rejects_file_are_left_out(self) -> None:
        data = b'{"id":1,"name":"a", "line": 3, "column": "i:\\"d", "reason": "bad_value"}\n'
        data += b'{"id":"x", "line": 4, "column": null, "reason": "bad_json"}\n'
        data += b'{"line": 5, "column": null, "reason": "x"}'
        (chunk,) = read(LINES, data)
        assert chunk.frame.rows() == [(1, "a")]
        assert [reject.fields for reject in chunk.rejects] == [('{"id":"x"}',), ("{}",)]

    def test_a_table_may_have_columns_named_like_those(self) -> None:
        ingest_app = app({"id": "int", "line": "int", "column": "text", "reason": "text"}, format="jsonl")
        data = b'{"id":1,"line":2,"column":"c","reason":"r"}\n{"id":"x","line":2,"column":"c","reason":"r"}'
        (chunk,) = read(ingest_app, data)
        assert chunk.frame.rows() == [(1, 2, "c", "r")]
        assert chunk.rejects[0].fields == ('{"id":"x","line":2,"column":"c","reason":"r"}',)


class TestValues:
    def test_numbers_keep_every_digit(self) -> None:
        ingest_app = app({"id": "bigint", "d": "decimal", "t": "text"}, format="jsonl")
        data = b'{"id":9007199254740993,"d":12345678901234567890.10,"t":1.50}\n{"id":1,"d":1E-7,"t":1e5}\n'
        rows = stored(ingest_app, read(ingest_app, data))
        assert [[str(value) for value in row.values()] for row in rows] == [
            ["9007199254740993", "12345678901234567890.10", "1.50"],
            ["1", "1E-7", "1e5"],
        ]

    def test_text_takes_what_is_nested_as_json(self) -> None:
        data = '{"id":1,"name":{"a":[1.50,"é\\n",null,true]}}\n'.encode()
        data += b'{"id":2,"name":[]}\n{"id":3,"name":false}'
        assert found(LINES, data) == [(1, '{"a":[1.50,"é\\n",null,true]}'), (2, "[]"), (3, "false")]

    def test_collections_are_read_from_json_or_from_a_text_of_it(self) -> None:
        ingest_app = app({"id": "int", "v": "frozen<list<int>>", "m": "map<text, int>"}, format="jsonl")
        data = (
            b'{"id":1,"v":[1,2],"m":{"a":1}}\n{"id":2,"v":"[3]","m":"{}"}\n{"id":3,"v":[1.5]}\n{"id":4,"v":5}'
        )
        rows = stored(ingest_app, read(ingest_app, data))
        assert [(row["v"], dict(row["m"])) for row in rows] == [([1, 2], {"a": 1}), ([3], {})]
        assert faults(ingest_app, data) == [(3, "not_whole"), (4, "bad_value")]

    def test_what_is_not_jsons_is_refused(self) -> None:
        data = b'{"id":NaN}\n{"id":-Infinity}\n{"id":01}\n{"id":+1}\n{"id":.5}\n'
        data += b"{'id':1}\n" + b'{"id":1,}\n{"name":"a\tb"}'
        assert faults(LINES, data) == [(line, "bad_json") for line in range(1, 9)]

    def test_characters_are_whole_ones(self) -> None:
        data = b'{"id":1,"name":"\\ud83d\\ude42"}\n{"id":2,"name":"\\ud83d"}\n{"\\udc00":3}'
        assert found(LINES, data) == [(1, "🙂")]
        assert faults(LINES, data) == [(2, "bad_character"), (3, "bad_character")]

    @pytest.mark.parametrize("levels", [33, 100_000])
    def test_depth_is_limited(self, levels: int) -> None:
        data = b'{"id":1,"name":' + b"[" * levels + b"]" * levels + b"}\n" + b'{"id":2}\n'
        assert faults(LINES, data) == [(1, "too_deep")]
        assert (
            found(LINES, data.replace(b"[" * levels, b"[" * 32).replace(b"]" * levels, b"]" * 32))[0][0] == 1
        )

    def test_null_words_are_as_in_quotes(self) -> None:
        ingest_app = app({"id": "int", "n": "int", "t": "text"}, format="jsonl", null_words=["NA"])
        rows = stored(ingest_app, read(ingest_app, b'{"id":1,"n":"NA","t":"NA"}\n{"id":2,"n":""}'))
        assert rows == [{"id": 1, "t": "NA"}, {"id": 2}]


class TestArray:
    PRETTY = (
        b'[\n  {\n    "id": 1,\n    "name": "a"\n  },\n\n  {"id": "x"},\n'
        b'  {\n    "id": 3,\n    "id": 4\n  }\n]\n'
    )

    def test_a_row_stands_on_the_line_where_its_object_starts(self) -> None:
        (chunk,) = read(ARRAY, self.PRETTY)
        assert chunk.frame.rows() == [(1, "a")]
        assert [(reject.line, reject.reason) for reject in chunk.rejects] == [
            (7, "bad_value"),
            (8, "duplicate_key"),
        ]
        assert chunk.last_line == 11

    @pytest.mark.parametrize("block_bytes", [3, 4, 5, 7, 16, 1000])
    @pytest.mark.parametrize("step", [1, 5, 1000])
    def test_it_reads_the_same_however_it_comes(self, block_bytes: int, step: int) -> None:
        limits = Limits(block_bytes=block_bytes, chunk_rows=2)
        chunks = read(ARRAY, self.PRETTY, step=step, limits=limits)
        assert [(chunk.rows_read, chunk.last_line) for chunk in chunks] == [(2, 7), (1, 11)]
        assert [reject.line for reject in rejects(chunks)] == [7, 8]

    @pytest.mark.parametrize("data", [b"[]", b" [ ] ", b"\xef\xbb\xbf[\n]\n"])
    def test_it_may_be_empty(self, data: bytes) -> None:
        assert read(ARRAY, data) == []

    def test_what_is_no_object_is_rejected_alone(self) -> None:
        data = b'[1,{"id":1},"x",null,\n[2],12.5e3,true,NaN,{"id":2}]'
        assert [row[0] for row in found(ARRAY, data)] == [1, 2]
        assert faults(ARRAY, data) == [
            (1, "not_an_object"), (1, "not_an_object"), (1, "not_an_object"),
            (2, "not_an_object"), (2, "not_an_object"), (2, "not_an_object"), (2, "bad_json"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("data", "reason", "line"),
        [
            (b"", "not_an_array", 1),
            (b'\n{"id":1}', "not_an_array", 2),
            (b"id,name\n1,a\n", "not_an_array", 1),
            (b'[{"id":1},{"id":2},{"id":3', "unclosed_array", 1),
            (b'[{"id":1},\n{"id":2}', "unclosed_array", 2),
            (b'[{"id":1},\n', "unclosed_array", 2),
            (b'[{"id":1},\n{"name":"ab', "unclosed_array", 2),
            (b"[", "unclosed_array", 1),
            (b'[{"id":1}]\n]', "bad_json", 2),
            (b'[{"id":1}]{"id":2}', "bad_json", 1),
            (b'[{"id":1}\n{"id":2}]', "bad_json", 2),
            (b'[{"id":1},\n,{"id":2}]', "bad_json", 2),
            (b'[{"id":1},\n{"id":\n\nx}]', "bad_json", 4),
            (b'[{"id":1},]', "bad_json", 1),
            (b"[" + b"[" * 100_000, "too_deep", 1),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("block_bytes", [5, 1 << 18])
    def test_what_ends_the_file(self, data: bytes, reason: str, line: int, block_bytes: int) -> None:
        error = refusal(ARRAY, data, Limits(block_bytes=block_bytes))
        assert (error.reason, error.line) == (reason, line)

    def test_rows_before_a_fault_come_out(self) -> None:
        chunks = read_chunks(
            ARRAY, "f", [b'[{"id":1},{"id":2},x]'], expanded_limit=None, limits=Limits(chunk_rows=1)
        )
        assert next(chunks).frame["id"].to_list() == [1]

    def test_an_endless_value_is_found_within_the_limit(self) -> None:
        def blocks() -> Iterator[bytes]:
            yield b'[\n{"id":1,"name":"'
            for _ in range(10):
                yield b"a" * 1000
            raise AssertionError("read on")

        limits = Limits(chunk_bytes=5_000, block_bytes=1000)
        with pytest.raises(FileRejected, match="line 2 is larger than 5000 bytes") as caught:
            list(read_chunks(ARRAY, "f", blocks(), expanded_limit=None, limits=limits))
        assert caught.value.reason == "row_too_large"

    def test_an_early_fault_is_found_at_once(self) -> None:
        def blocks() -> Iterator[bytes]:
            yield b'[{"id":1 x' + b" " * 1000
            raise AssertionError("read on")

        with pytest.raises(FileRejected, match="line 1: not JSON"):
            list(read_chunks(ARRAY, "f", blocks(), expanded_limit=None, limits=Limits(block_bytes=1000)))
