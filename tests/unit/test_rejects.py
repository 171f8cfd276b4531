"""The rejects file: rows as the customer sent them, with where and why."""

import json

import pytest
from support.cql_values import app, read

from customer_ingestapps.contract import Files
from customer_ingestapps.reasons import Reason, Reject
from ingest_manager.rejects import RejectsFile

HEADER = ("id", "name")


def reject(*fields: str | None, line: int = 3, column: str | None = "id") -> Reject:
    return Reject(line, column, fields[0], Reason.BAD_VALUE, "is not a whole number", fields)


def written(*rejects: Reject, header: tuple[str, ...] = HEADER, **dialect: str) -> bytes:
    files = Files(keys=("**.csv",), format="csv", **dialect)
    with RejectsFile(files) as file:
        file.add(header, rejects)
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


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two\nlines"'),
        ("two\r\nlines", '"two\r\nlines"'),
        (" spaced ", " spaced "),
        ("café 数据", "café 数据"),
    ],
)
def test_field_is_quoted_where_it_must_be(field: str, cell: str) -> None:
    assert written(reject("x", field)).decode().endswith(f"\nx,{cell},3,id,bad_value\n")


def test_empty_text_stays_apart_from_no_value() -> None:
    assert written(reject("x", "")).endswith(b'\nx,"",3,id,bad_value\n')
    assert written(reject("x", None)).endswith(b"\nx,,3,id,bad_value\n")


def test_row_with_too_many_fields_keeps_them_in_its_last_cell() -> None:
    assert written(reject("1", "2", "3", "4")).endswith(b'\n1,"2,3,4",3,id,bad_value\n')


def test_row_with_too_few_fields_is_filled_up() -> None:
    assert written(reject("1")).endswith(b"\n1,,3,id,bad_value\n")


def test_file_is_in_the_dialect_of_its_source() -> None:
    assert written(reject("x", "a;b'c"), delimiter=";", quote="'", encoding="latin-1").endswith(
        b"\nx;'a;b''c';3;id;bad_value\n"
    )


def test_byte_order_mark_stands_at_the_start_only() -> None:
    text = written(reject("x", "Bob"), reject("y", "é"), encoding="utf-16")
    assert text.decode("utf-16").splitlines()[1:] == ["x,Bob,3,id,bad_value", "y,é,3,id,bad_value"]
    assert text.count(b"\xff\xfe") == 1


def test_more_than_a_megabyte_of_rejects_survives_on_disk() -> None:
    rows = [reject("x", "n" * 1000, line=line) for line in range(2_000)]
    assert len(written(*rows).splitlines()) == 2_001


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
    ingest_app = app({"id": "int", "name": "text"}, format=form)
    data = b'{"id":"x","name":"c"}' if form == "jsonl" else b'[{"id":"x","name":"c"}]'
    texts = []
    for _ in range(3):
        chunks = read(ingest_app, data)
        with RejectsFile(ingest_app.contract.files) as file:
            for chunk in chunks:
                file.add(chunk.header, chunk.rejects)
            data = file.rewound().read()
        texts.append([reject.fields for chunk in chunks for reject in chunk.rejects])
    assert texts == [[('{"id":"x","name":"c"}',)]] * 3
