"""The rejects file: rows as the customer sent them, with where and why."""

import pytest

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
