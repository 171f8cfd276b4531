"""The rejects file: rows as the customer sent them, with where and why, until they are corrected."""

import json
from pathlib import Path

import pytest
from support import cql_values

from customer_ingestapps.contract import AppContract, Files
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.rejects_file import RejectsFile

HEADER = ("id", "name")


def reject(*fields: str, line: int = 3, column: str | None = "id") -> Reject:
    return Reject(line, column, fields[0], Reason.BAD_VALUE, "is not a whole number", fields)


def written(*rejects: Reject, header: tuple[str, ...] = HEADER, **dialect: str) -> bytes:
    files = Files(keys=("**.csv",), format="csv", **dialect)
    with RejectsFile(files) as file:
        file.add(header, rejects)
        return file.rewound().read()


def app(**files: object) -> IngestApp:
    document = {
        "files": {"keys": ["**.csv"], "format": "csv", "null_words": ["NULL"]} | files,
        "table": {"name": "people", "partition_key": ["id"]},
        "columns": {"id": "int", "name": "text", "age": "int"},
    }
    return IngestApp("acme", "people", "1", Path(), AppContract.model_validate(document))


def read(ingest_app: IngestApp, data: bytes) -> Chunk:
    [chunk] = read_chunks(ingest_app, "people.csv", [data], expanded_limit=None)
    return chunk


def rejects_file(ingest_app: IngestApp, data: bytes) -> bytes:
    chunk = read(ingest_app, data)
    with RejectsFile(ingest_app.contract.files) as file:
        file.add(chunk.header, chunk.rejects)
        return file.rewound().read()


def test_row_has_its_own_columns_and_then_line_column_and_reason() -> None:
    assert written(reject("x", "Bob")) == b"id,name,line,column,reason\nx,Bob,3,id,bad_value\n"


def test_reject_of_a_whole_row_names_no_column() -> None:
    assert written(reject("x", "Bob", column=None)).endswith(b"\nx,Bob,3,,bad_value\n")


def test_file_without_rejects_is_empty() -> None:
    assert written() == b""


def test_header_is_written_once_however_many_chunks_have_rejects() -> None:
    with RejectsFile(Files(keys=("**.csv",), format="csv")) as file:
        for line in (3, 20_003):
            file.add(HEADER, [reject("x", "Bob", line=line)])
        assert file.rewound().read().splitlines() == [
            b"id,name,line,column,reason",
            b"x,Bob,3,id,bad_value",
            b"x,Bob,20003,id,bad_value",
        ]
        assert file.count == 2


@pytest.mark.parametrize("field", ['"a,b"', '"say ""hi"""', '"two\r\nlines"', " spaced ", '""', '"NULL"', ""])
def test_field_keeps_its_own_text(field: str) -> None:
    assert written(reject("x", field)).decode().endswith(f"\nx,{field},3,id,bad_value\n")


@pytest.mark.parametrize("name", ["a,b", 'say "hi"', "two\nlines"])
def test_name_of_a_column_is_quoted_where_it_must_be(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    text = written(reject("x", "1", column=name), header=("id", name)).decode()
    assert text == f"id,{quoted},line,column,reason\nx,1,3,{quoted},bad_value\n"


def test_file_is_in_the_dialect_of_its_source() -> None:
    text = written(reject("x", "'a;b''é'"), delimiter=";", quote="'", encoding="latin-1")
    assert text.endswith("\nx;'a;b''é';3;id;bad_value\n".encode("latin-1"))


def test_byte_order_mark_stands_at_the_start_only() -> None:
    text = written(reject("x", "Bob"), reject("y", "é"), encoding="utf-16")
    assert text.decode("utf-16").splitlines()[1:] == ["x,Bob,3,id,bad_value", "y,é,3,id,bad_value"]
    assert text.count(b"\xff\xfe") == 1


def test_more_than_a_megabyte_of_rejects_survives_on_disk() -> None:
    rows = [reject("x", "n" * 1000, line=line) for line in range(2_000)]
    assert len(written(*rows).splitlines()) == 2_001


DAMAGED = b"""id,name,age
1,Ann,30
x,"NULL",31
2,NULL,old
3,Bob
4,Bob,40,extra
5,"a ""b"", c",1e3
,Eve,50
"""


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rejects_file_sent_again_is_rejected_again_row_for_row(delimiter: str) -> None:
    ingest_app = app(delimiter=delimiter)
    data = DAMAGED.replace(b",", delimiter.encode())
    first = read(ingest_app, data)
    again = read(ingest_app, rejects_file(ingest_app, data))
    assert (again.rows_read, again.rows_kept) == (6, 0)
    assert [(one.column, one.reason, one.fields) for one in again.rejects] == [
        (one.column, one.reason, one.fields) for one in first.rejects
    ]
    assert [one.line for one in again.rejects] == [2, 3, 4, 5, 6, 7]


def test_rejects_file_of_a_rejects_file_has_no_further_columns() -> None:
    once = rejects_file(app(), DAMAGED)
    assert once.splitlines()[0] == b"id,name,age,line,column,reason"
    twice = rejects_file(app(), once).splitlines()
    assert [line.split(b",")[:2] for line in twice] == [line.split(b",")[:2] for line in once.splitlines()]
    assert rejects_file(app(), rejects_file(app(), once)) == rejects_file(app(), once)


def test_corrected_rejects_file_is_loaded_whole() -> None:
    corrected = rejects_file(app(), DAMAGED)
    for wrong, right in {
        b"x,": b"6,", b",old,": b",32,", b"3,Bob,": b"3,Bob,33,", b"40,extra,": b"40,",
        b"1e3": b"34", b"\n,Eve": b"\n7,Eve",
    }.items():  # fmt: skip
        corrected = corrected.replace(wrong, right)
    chunk = read(app(), corrected)
    assert chunk.rejects == []
    assert sorted(chunk.frame.rows()) == [
        (2, None, 32), (3, "Bob", 33), (4, "Bob", 40), (5, 'a "b", c', 34), (6, "NULL", 31), (7, "Eve", 50),
    ]  # fmt: skip


def test_ragged_row_whose_added_fields_were_taken_out_keeps_what_is_its_own() -> None:
    [one] = read(app(), b"id,name,age,line,column,reason\n3,Bob\n").rejects
    assert (one.reason, one.fields) == ("wrong_field_count", ("3", "Bob"))


def json_reject(text: str, reason: Reason = Reason.BAD_VALUE, column: str | None = "id") -> Reject:
    return Reject(3, column, None, reason, "is wrong", (text,))


def json_written(form: str, *rejects: Reject) -> list[str]:
    with RejectsFile(Files(keys=("*",), format=form)) as file:
        for reject in rejects:
            file.add(("id",), [reject])
        return file.rewound().read().decode().splitlines()


def test_rejects_of_json_lines_are_objects_with_three_keys_more() -> None:
    assert json_written("jsonl", json_reject('{"id": "x", "m": 1.50 }'), json_reject("{}", column=None)) == [
        '{"id": "x", "m": 1.50, "line": 3, "column": "id", "reason": "bad_value"}',
        '{"line": 3, "column": null, "reason": "bad_value"}',
    ]


def test_rejects_of_a_json_array_are_one() -> None:
    lines = json_written("json", json_reject('{"id":"x"}'), json_reject("5", Reason.NOT_AN_OBJECT, None))
    assert [found["line"] for found in json.loads("\n".join(lines))] == [3, 3]
    assert lines[0] == "["
    assert json_written("json") == []


def test_text_that_is_no_object_stands_under_a_key_of_its_own() -> None:
    (line,) = json_written("jsonl", json_reject('{"id": "é', Reason.BAD_JSON, None))
    assert json.loads(line) == {"raw": '{"id": "é', "line": 3, "column": None, "reason": "bad_json"}
    (scalar,) = json_written("jsonl", json_reject("[1,2]", Reason.NOT_AN_OBJECT, None))
    assert json.loads(scalar)["raw"] == "[1,2]"


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_a_rejects_file_of_json_gives_the_same_rejects_when_it_is_sent_again(form: str) -> None:
    ingest_app = cql_values.app({"id": "int", "name": "text"}, format=form)
    data = b'{"id":"x","name":"c"}' if form == "jsonl" else b'[{"id":"x","name":"c"}]'
    texts = []
    for _ in range(3):
        chunks = cql_values.read(ingest_app, data)
        with RejectsFile(ingest_app.contract.files) as file:
            for chunk in chunks:
                file.add(chunk.header, chunk.rejects)
            data = file.rewound().read()
        texts.append([reject.fields for chunk in chunks for reject in chunk.rejects])
    assert texts == [[('{"id":"x","name":"c"}',)]] * 3


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_what_is_no_object_is_rejected_again_until_it_is_corrected(form: str) -> None:
    ingest_app = cql_values.app({"raw": "text", "n": "int"}, "raw", format=form)
    data = b'[1]\n{"raw":"ok","n":1}' if form == "jsonl" else b'[[1],{"raw":"ok","n":1}]'
    for rows_kept in (1, 0, 0):
        chunks = cql_values.read(ingest_app, data)
        assert sum(chunk.rows_kept for chunk in chunks) == rows_kept
        [found] = [reject for chunk in chunks for reject in chunk.rejects]
        assert (found.reason, found.fields) == ("not_an_object", ("[1]",))
        with RejectsFile(ingest_app.contract.files) as file:
            file.add((), [found])
            data = file.rewound().read()
    assert b'"raw": "[1]"' in data
