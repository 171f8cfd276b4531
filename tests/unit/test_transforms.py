"""What a transform may answer, and what becomes of each row of the file; the code is a function here."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet
from support.cql_values import InMemory

from customer_ingestapps.accounts import FileAccounts
from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import Chunk, read_chunks, read_untransformed
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.rejects_file import RejectsFile
from ingest_manager.loading.accounts import Accounts

COLUMNS = {"id": "int", "name": "text", "price": "double", "day": "date", "paid": "boolean", "tags": "text"}
FRUIT = b"ID,Name,price\n1,apple,0.5\n2,pear,0.7\n3,plum,1\n"

Code = Callable[[pl.DataFrame], pl.DataFrame | pa.Table]


def app(
    columns: dict[str, Any] = COLUMNS, transform: dict[str, Any] | None = None, **files: Any
) -> IngestApp:
    contract = AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": "csv", **files},
            "table": {"name": "t", "partition_key": ["id"]},
            "columns": columns,
            "transform": {"kind": "python", **(transform or {})},
        }
    )
    return IngestApp("acme", "t", "0", Path(), contract)


def read(
    code: Code, data: bytes = FRUIT, ingest_app: IngestApp | None = None, rows: int = 100
) -> list[Chunk]:
    def transform(batch: pl.DataFrame) -> Callable[[], pa.Table]:
        answer = code(batch)
        return lambda: answer if isinstance(answer, pa.Table) else answer.to_arrow()

    ingest_app = ingest_app or app()
    source = InMemory(data) if ingest_app.contract.files.format == "parquet" else [data]
    limits = Limits(chunk_rows=rows)
    return list(read_chunks(ingest_app, "f", source, expanded_limit=None, transform=transform, limits=limits))


def refusal(code: Code, data: bytes = FRUIT, ingest_app: IngestApp | None = None) -> str:
    with pytest.raises(FileRejected) as caught:
        read(code, data, ingest_app)
    assert caught.value.reason == "app_answer"
    return caught.value.message.removeprefix("the app's answer does not fit: ")


def test_a_batch_has_the_files_columns_as_text_under_folded_names_and_the_rows_numbers() -> None:
    seen: list[pl.DataFrame] = []
    read(lambda frame: seen.append(frame) or frame, b'ID, Name \n1,\n2,""\n')  # type: ignore[func-returns-value]
    [frame] = seen
    assert frame.schema == {"_row": pl.Int64, "id": pl.String, "name": pl.String}
    assert frame.rows() == [(0, "1", None), (1, "2", "")]


def test_values_of_other_types_are_read_as_the_text_that_the_columns_take() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            "_row",
            pl.col("id").cast(pl.Int8),
            price=pl.lit(0.1),
            day=pl.lit("2026-01-31").str.to_date(),
            paid=pl.lit(value=True),
            tags=pl.concat_list(pl.lit("a"), pl.lit("b")).list.join(" "),
        )

    [chunk] = read(code)
    assert chunk.frame["day"].to_list()[0].isoformat() == "2026-01-31"
    assert chunk.frame.select("id", "price", "paid", "tags").rows() == [
        (number, 0.1, True, "a b") for number in (1, 2, 3)
    ]


def test_rows_are_rejected_and_dropped_with_a_reason_and_counted_in_rows_of_the_file() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            _reject=pl.when(pl.col("name") == "pear").then(pl.lit("no pears")),
            _drop=pl.when(pl.col("name") == "plum").then(pl.lit("not in season")),
        )

    [chunk] = read(code)
    [reject] = chunk.rejects
    assert (reject.line, reject.reason, reject.message, reject.fields) == (
        3, "app_rejected", "no pears", ("2", "pear", "0.7"),
    )  # fmt: skip
    assert (chunk.rows_read, chunk.rows_kept, chunk.rows_dropped, chunk.drops) == (
        3,
        1,
        1,
        {"not in season": 1},
    )
    assert chunk.frame["id"].to_list() == [1]


def test_a_value_that_the_app_made_is_rejected_with_the_line_and_the_text_of_the_file() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(price=pl.col("name") + "!").reverse()

    [chunk] = read(code)
    told = [(one.line, one.column, one.value, one.reason, one.fields) for one in chunk.rejects]
    assert told == [
        (2, "price", "apple!", "bad_value", ("1", "apple", "0.5")),
        (3, "price", "pear!", "bad_value", ("2", "pear", "0.7")),
        (4, "price", "plum!", "bad_value", ("3", "plum", "1")),
    ]


def test_a_reject_names_a_column_as_the_file_spells_it() -> None:
    [chunk] = read(lambda frame: frame.with_columns(id=pl.lit("x")))
    assert [reject.column for reject in chunk.rejects] == ["ID"] * 3


def test_one_row_of_the_file_may_become_several_of_the_table() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select("_row", pl.col("id").str.split("+").alias("id")).explode("id")

    accounts = FileAccounts()
    [chunk] = read(code, b"id\n1+2+3\n4\n")
    accounts.add(chunk)
    assert chunk.frame["id"].to_list() == [1, 2, 3, 4]
    assert (accounts.rows_read, accounts.rows_written, accounts.table_rows) == (2, 2, 4)


def test_of_several_rows_with_one_fault_none_is_written_and_the_files_row_is_rejected_once() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select("_row", pl.col("id").str.split("+").alias("id")).explode("id")

    [chunk] = read(code, b"id\n1+x+y\n4\n5+6\n")
    assert [(reject.line, reject.value) for reject in chunk.rejects] == [(2, "x")]
    assert chunk.frame["id"].to_list() == [4, 5, 6]
    assert (chunk.rows_read, chunk.rows_kept) == (3, 2)


def test_a_row_that_is_missing_is_a_fault_of_the_app_unless_it_says_that_it_drops_rows() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("id") != "2")

    assert refusal(code) == "1 of 3 rows are missing in it (line 3 of the file)"
    [chunk] = read(code, ingest_app=app(transform={"missing_rows": "drop"}))
    assert (chunk.rows_dropped, chunk.drops, chunk.frame["id"].to_list()) == (1, {"not answered": 1}, [1, 3])


def test_an_answer_that_does_not_fit_its_batch_or_the_table_says_how() -> None:
    rows = pl.col("_row")
    assert refusal(lambda frame: frame.drop("_row")).startswith("it has no column '_row'")
    assert (
        refusal(lambda frame: frame.with_columns(rows + 1)) == "_row = 3 is no row of the batch, which has 3"
    )
    assert (
        refusal(lambda frame: frame.with_columns(rows - 1)) == "_row = -1 is no row of the batch, which has 3"
    )
    assert refusal(lambda frame: frame.with_columns(rows.cast(pl.String))).startswith("'_row' must hold")
    assert refusal(lambda frame: frame.with_columns(_row=None)).startswith("'_row' must hold")
    assert refusal(lambda frame: frame.with_columns(x=1)).startswith(
        "the table has no use for 'x'; known are"
    )
    assert refusal(lambda frame: frame.drop("id")).startswith("the table's key needs 'id'")
    assert refusal(lambda frame: frame.with_columns(ID=1)).endswith("have the same name: 'ID'")
    assert refusal(lambda frame: frame.with_columns(price=pl.lit(value=True))) == (
        "its column 'price' is of the type bool, which does not fit double"
    )
    assert (
        refusal(lambda frame: frame.with_columns(_reject=pl.lit(1.5)))
        == "'_reject' must be one column of texts"
    )


def test_a_row_has_one_fate_only() -> None:
    both = {"_reject": pl.lit("no"), "_drop": pl.lit("no")}
    twice = pl.col("_row") == 1

    def kept_and_rejected(frame: pl.DataFrame) -> pl.DataFrame:
        kept = frame.with_columns(_reject=pl.lit(None, pl.String))
        return pl.concat([kept, frame.filter(twice).with_columns(_reject=pl.lit("no"))])

    assert refusal(lambda frame: frame.with_columns(**both)).startswith(
        "row 0 of the batch is both rejected and"
    )
    assert refusal(kept_and_rejected) == "row 1 of the batch is both kept and rejected (line 3 of the file)"


def test_a_load_tells_what_was_dropped_the_commonest_reasons_first() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(_drop="name")

    accounts = Accounts()
    for chunk in read(
        code, b"id,name\n" + b"".join(b"1,%c\n" % name for name in b"abcbcc") + b"1,\n", rows=2
    ):
        accounts.add(chunk)
    outcome = accounts.outcome()
    assert (outcome.status, outcome.rows_read, outcome.rows_written, outcome.rows_dropped) == (
        "loaded",
        7,
        1,
        6,
    )
    assert outcome.message == "dropped by the app: 3 c, 2 b, 1 a"


def test_whatever_the_app_does_with_the_order_the_last_line_of_a_key_stays() -> None:
    [chunk] = read(lambda frame: frame.reverse(), b"id,name\n1,first\n1,last\n")
    assert chunk.frame.select("id", "name").rows() == [(1, "last")]


def test_rows_that_cannot_be_read_are_not_shown_to_the_app_and_stay_rejects() -> None:
    seen: list[int] = []

    def code(frame: pl.DataFrame) -> pl.DataFrame:
        seen.append(frame.height)
        return frame

    chunks = read(code, b"id,name\n1\n2,b\n3\n", rows=1)
    assert seen == [1]
    assert [(chunk.rows_read, chunk.rows_kept, len(chunk.rejects)) for chunk in chunks] == [
        (1, 0, 1), (1, 1, 0), (1, 0, 1),
    ]  # fmt: skip


def test_a_fault_further_on_leaves_the_chunks_before_it_whole() -> None:
    def transform(batch: pl.DataFrame) -> Callable[[], pa.Table]:
        return batch.to_arrow

    chunks = read_chunks(
        app(),
        "f",
        [b'id,name\n1,a\n2,b\n3,"c\n'],
        expanded_limit=None,
        transform=transform,
        limits=Limits(chunk_rows=1, block_bytes=8),
    )
    assert [next(chunks).frame["id"].to_list() for _ in range(2)] == [[1], [2]]
    with pytest.raises(FileRejected) as caught:
        next(chunks)
    assert caught.value.reason == "unclosed_quote"


def test_columns_that_are_named_are_all_that_is_read_and_are_always_there() -> None:
    named = app(transform={"columns": ["id", "Name", "colour"]}, extra_columns="ignore")
    seen: list[list[str]] = []
    read(lambda frame: seen.append(frame.columns) or frame.drop("colour"), FRUIT, named)  # type: ignore[func-returns-value]
    assert seen == [["_row", "id", "name", "colour"]]
    strict = app(transform={"columns": ["id", "name"]})
    with pytest.raises(FileRejected, match="the table has no use for 'price'"):
        read(lambda frame: frame, FRUIT, strict)


def test_json_has_the_columns_that_are_named_with_their_digits() -> None:
    lines = b'{"number": 1.10, "Inner": {"a": [1.0]}}\n{"number": 2}\n[]\n'
    ingest_app = app({"id": "int", "name": "text"}, {"columns": ["number", "inner"]}, format="jsonl")
    seen: list[pl.DataFrame] = []

    def code(frame: pl.DataFrame) -> pl.DataFrame:
        seen.append(frame)
        return frame.select("_row", id=pl.col("number").str.slice(0, 1), name="inner")

    [chunk] = read(code, lines, ingest_app)
    assert seen[0].rows() == [(0, "1.10", '{"a":[1.0]}'), (1, "2", None)]
    assert chunk.frame.rows() == [(1, '{"a":[1.0]}'), (2, None)]
    assert [(reject.line, reject.reason) for reject in chunk.rejects] == [(3, "not_an_object")]


def test_parquet_comes_as_text_too_and_a_reject_has_its_row_as_csv() -> None:
    written = io.BytesIO()
    table = pa.table({"id": [1, 2], "at": pa.array([0, 1000], pa.timestamp("ms", "UTC")), "ok": [True, None]})
    parquet.write_table(table, written)
    ingest_app = app({"id": "int", "name": "text"}, format="parquet", csv_keys=["*.csv"])
    seen: list[pl.DataFrame] = []

    def code(frame: pl.DataFrame) -> pl.DataFrame:
        seen.append(frame)
        return frame.select("_row", "id", _reject=pl.when(pl.col("ok").is_null()).then(pl.lit("not ok")))

    [chunk] = read(code, written.getvalue(), ingest_app)
    assert seen[0].rows() == [
        (0, "1", "1970-01-01 00:00:00.000Z", "true"),
        (1, "2", "1970-01-01 00:00:01.000Z", None),
    ]
    assert [(reject.line, reject.fields) for reject in chunk.rejects] == [
        (2, ("2", "1970-01-01 00:00:01.000Z", ""))
    ]


def test_rejects_can_be_sent_again_as_they_are() -> None:
    def code(frame: pl.DataFrame) -> pl.DataFrame:
        assert frame.columns == ["_row", "id", "name", "price"]
        return frame.with_columns(_reject=pl.when(pl.col("name") == "pear").then(pl.lit("no pears")))

    [chunk] = read(code)
    with RejectsFile(app().contract.files) as rejects:
        rejects.add(chunk.header, chunk.rejects)
        again = rejects.rewound().read()
    assert again == b"ID,Name,price,line,column,reason\n2,pear,0.7,3,,app_rejected: no pears\n"
    [chunk] = read(code, again)
    assert chunk.rejects[0].fields == ("2", "pear", "0.7")


def test_rejects_of_json_have_the_apps_words_and_can_be_sent_again() -> None:
    ingest_app = app({"id": "int", "name": "text"}, format="jsonl")

    def code(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(_reject=pl.lit('no: "pears"'))

    text = b'{"id": 1}\n'
    for _ in range(2):
        [chunk] = read(code, text, ingest_app)
        with RejectsFile(ingest_app.contract.files) as rejects:
            rejects.add(chunk.header, chunk.rejects)
            text = rejects.rewound().read()
        added = r'"line": 1, "column": null, "reason": "app_rejected: no: \"pears\""'
        assert text.decode() == f'{{"id": 1, {added}}}\n'


def test_a_file_with_a_column_of_a_batchs_own_names_is_refused() -> None:
    with pytest.raises(FileRejected, match="a column named '_row' cannot be given to the app") as caught:
        read(lambda frame: frame, b"id,_ROW\n1,2\n")
    assert caught.value.reason == "bad_header"


def test_an_app_with_a_transform_is_never_read_without_it_by_mistake() -> None:
    with pytest.raises(ValueError, match="an app with a transform is read with it"):
        list(read_chunks(app(), "f", [FRUIT], expanded_limit=None))


def test_without_the_code_a_file_is_checked_as_far_as_its_rows_can_be_read() -> None:
    [chunk] = read_untransformed(app(), "f", [FRUIT + b"4\n"], expanded_limit=None)
    assert (chunk.rows_read, chunk.rows_kept, chunk.frame.height) == (4, 3, 0)
    assert [(reject.line, reject.reason) for reject in chunk.rejects] == [(5, "wrong_field_count")]
