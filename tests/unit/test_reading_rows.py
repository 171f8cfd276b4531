"""Rows: which are rejected and what is said of them, how chunks are cut, how rows of one key are folded."""

from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.folding import fold_rows
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.registry import IngestApp


def app(columns: dict[str, Any], *key: str, **files: Any) -> IngestApp:
    contract = AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": "csv", **files},
            "table": {"name": "t", "partition_key": key[:1], "clustering_key": key[1:]},
            "columns": columns,
        }
    )
    return IngestApp("acme", "t", "0", Path(), contract)


def read(ingest_app: IngestApp, data: bytes, limits: Limits = Limits()) -> list[Chunk]:  # noqa: B008 - frozen
    return list(read_chunks(ingest_app, "f.csv", [data], expanded_limit=None, limits=limits))


def one_chunk(ingest_app: IngestApp, data: bytes) -> Chunk:
    (chunk,) = read(ingest_app, data)
    return chunk


class TestRejects:
    def test_integers_are_exact_or_rejected(self) -> None:
        data = (
            "id,n\n1,1\n2,2147483647\n3,-2147483648\n4,+5\n5,-0\n6,007\n7,1.5\n8,2147483648\n9,-2147483649\n"
            '10,1_000\n11,١٢\n12,0x1F\n13,NaN\n14,true\n15,12abc\n16,"1,234"\n17,1e400\n18,1.0\n19,1E+3\n'
        )
        chunk = one_chunk(app({"id": "int", "n": "int"}, "id"), data.encode())
        assert chunk.rows_read == 19
        assert chunk.frame.rows() == [(1, 1), (2, 2147483647), (3, -2147483648), (4, 5), (5, 0), (6, 7)]
        assert [reject.fields[0] for reject in chunk.rejects] == [str(number) for number in range(7, 20)]

    def test_doubles_are_finite_and_keep_their_sign(self) -> None:
        data = b"id,d\n1,0.1\n2,1e308\n3,1e400\n4,NaN\n5,Infinity\n6,-0.0\n7,1_0\n"
        chunk = one_chunk(app({"id": "int", "d": "double"}, "id"), data)
        assert [repr(value) for value in chunk.frame["d"]] == ["0.1", "1e+308", "-0.0"]
        assert [reject.fields[0] for reject in chunk.rejects] == ["3", "4", "5", "7"]

    def test_one_names_line_column_value_and_what_is_allowed(self) -> None:
        chunk = one_chunk(app({"id": "int", "n": "tinyint"}, "id"), b'ID, N \n1,"\n2"\n2,200\n')
        assert chunk.rejects == [
            Reject(
                2,
                "N",
                "\n2",
                Reason.BAD_VALUE,
                r"N: '\n2' is not a whole number from -128 to 127, digits with an optional sign",
                ("1", '"\n2"'),
            ),
            Reject(
                4,
                "N",
                "200",
                Reason.OUT_OF_RANGE,
                "N: '200' is not a whole number from -128 to 127, digits with an optional sign",
                ("2", "200"),
            ),
        ]

    def test_a_long_value_is_shown_shortened_and_kept_whole(self) -> None:
        (reject,) = one_chunk(app({"id": "int"}, "id"), b"id\n" + b"x" * 1000 + b"\n").rejects
        assert reject.value == "x" * 1000
        assert len(reject.message) < 200

    def test_a_row_with_several_faults_is_one_reject_for_the_first_column(self) -> None:
        columns = {"id": "int", "a": "int", "b": "date"}
        (reject,) = one_chunk(app(columns, "id"), b"b,a,id\nx,y,1\n").rejects
        assert (reject.column, reject.value) == ("a", "y")

    def test_a_ragged_row_is_rejected_with_all_its_fields(self) -> None:
        chunk = one_chunk(app({"id": "int", "name": "text"}, "id"), b'id,name\n1,a,"x,""y"""\n2,b\n3\n4,c,\n')
        assert chunk.frame.rows() == [(2, "b")]
        assert [(reject.line, reject.fields) for reject in chunk.rejects] == [
            (2, ("1", "a", '"x,""y"""')),
            (4, ("3",)),
            (5, ("4", "c", "")),
        ]
        assert {reject.reason for reject in chunk.rejects} == {"wrong_field_count"}
        assert chunk.rejects[0].message == "3 fields, the header has 2"

    def test_all_kinds_are_in_line_order(self) -> None:
        data = b"id,name\nx,a\n1\n,b\n2,c,d\ny,e\n"
        rejects = one_chunk(app({"id": "int", "name": "text"}, "id"), data).rejects
        assert [reject.line for reject in rejects] == [2, 3, 4, 5, 6]

    def test_a_chunk_may_have_nothing_but_rejects(self) -> None:
        chunk = one_chunk(app({"id": "int", "name": "text"}, "id"), b"id,name\n1\n2,a,b\n")
        assert (chunk.rows_read, chunk.rows_kept, len(chunk.rejects)) == (2, 0, 2)

    def test_a_rejects_fields_keep_their_quotes(self) -> None:
        (reject,) = one_chunk(app({"id": "int", "a": "text", "b": "text"}, "id"), b'id,a,b\nx,"",\n').rejects
        assert reject.fields == ("x", '""', "")


class TestDeclarations:
    def test_values_are_trimmed_where_the_column_says_so(self) -> None:
        columns = {"id": {"type": "int", "trim": True}, "a": {"type": "text", "trim": True}, "b": "text"}
        chunk = one_chunk(app(columns, "id"), b'id,a,b\n 1 ," x\t", y \n 2,  ,\n')
        assert chunk.frame.rows() == [(1, "x", " y "), (2, "", None)]

    def test_a_columns_own_null_words_count_in_quotes_too(self) -> None:
        columns = {"id": "int", "a": {"type": "text", "null_words": ["-", "n/a"]}, "b": "text"}
        chunk = one_chunk(app(columns, "id"), b'id,a,b\n1,-,-\n2,"n/a",\n3,N/A,\n')
        assert chunk.frame["a"].to_list() == [None, None, "N/A"]
        assert chunk.frame["b"].to_list() == ["-", None, None]

    def test_a_key_that_is_a_null_word_is_missing(self) -> None:
        columns = {"id": {"type": "text", "null_words": ["-"], "trim": True}}
        (reject,) = one_chunk(app(columns, "id"), b"id\n - \n").rejects
        assert reject.reason == "missing_key"

    def test_a_value_is_limited_as_it_is_stored(self) -> None:
        fits, is_longer = b"a" * (1 << 20), b"a" * ((1 << 20) + 1)
        data = b"id,t,b\n1,%b,0x%b\n2,%b,\n3,,0x%b\n" % (fits, fits[1:] + b"a", is_longer, is_longer * 2)
        chunks = read(app({"id": "int", "t": "text", "b": "blob"}, "id"), data, Limits(chunk_bytes=8 << 20))
        assert [row[0] for chunk in chunks for row in chunk.frame.rows()] == [1]
        assert [(reject.column, reject.reason) for chunk in chunks for reject in chunk.rejects] == [
            ("t", "value_too_long"),
            ("b", "value_too_long"),
        ]

    def test_a_header_is_limited(self) -> None:
        names = ",".join(f"c{number}" for number in range(2001))
        with pytest.raises(FileRejected, match="2001 columns, allowed are 2000") as caught:
            read(app({"c0": "int"}, "c0", extra_columns="ignore"), names.encode())
        assert caught.value.reason == "too_many_columns"


class TestKeys:
    def test_a_row_without_a_value_for_its_key_is_rejected(self) -> None:
        columns = {"p": "text", "c": "int", "v": "text"}
        chunk = one_chunk(
            app(columns, "p", "c", null_words=["NA"]), b'p,c,v\na,,1\nNA,2,2\n"",3,3\na,"",4\na,5,5\n'
        )
        assert chunk.frame.rows() == [("a", 5, "5")]
        assert [(reject.line, reject.column, reject.reason) for reject in chunk.rejects] == [
            (2, "c", "missing_key"),
            (3, "p", "missing_key"),
            (4, "p", "missing_key"),
            (5, "c", "missing_key"),
        ]

    def test_empty_text_is_a_value_of_a_key_with_several_parts(self) -> None:
        contract = {"name": "t", "partition_key": ["p", "q"], "clustering_key": ["c"]}
        ingest_app = app({"p": "text", "q": "int", "c": "text"}, "p")
        several = AppContract.model_validate(
            {**ingest_app.contract.model_dump(exclude={"table"}), "table": contract}
        )
        ingest_app = IngestApp("acme", "t", "0", Path(), several)
        assert one_chunk(ingest_app, b'p,q,c\n"",1,""\n').frame.rows() == [("", 1, "")]

    def test_a_key_longer_than_cassandra_takes_is_rejected(self) -> None:
        columns = {"p": "text", "c": "text"}
        fits, is_longer = b"a" * 65_535, b"a" * 65_536
        data = b"p,c\n%b,%b\n%b,x\nx,%b\n" % (fits, fits, is_longer, is_longer)
        chunk = one_chunk(app(columns, "p", "c"), data)
        assert chunk.frame.height == 1
        assert [(reject.line, reject.column, reject.reason) for reject in chunk.rejects] == [
            (3, "p", "key_too_long"),
            (4, "c", "key_too_long"),
        ]

    def test_the_parts_of_a_composite_partition_key_count_with_three_bytes_each(self) -> None:
        columns = {"p": "text", "q": "int", "v": "int"}
        table = {"name": "t", "partition_key": ["p", "q"]}
        contract = AppContract(files={"keys": ["*"], "format": "csv"}, table=table, columns=columns)
        data = b"p,q,v\n%b,1,1\n%b,1,2\n" % (b"a" * (65_535 - 10), b"a" * (65_535 - 9))
        chunk = one_chunk(IngestApp("acme", "t", "0", Path(), contract), data)
        assert [(reject.line, reject.reason) for reject in chunk.rejects] == [(3, "key_too_long")]

    def test_a_blob_without_bytes_is_no_partition_key(self) -> None:
        chunk = one_chunk(app({"p": "blob"}, "p"), b"p\n0x\n0x00\n")
        assert [(reject.line, reject.reason) for reject in chunk.rejects] == [(2, "missing_key")]

    def test_a_column_can_be_built_from_others(self) -> None:
        columns = {
            "day": {"type": "date", "template": "{Year}-{month:02}-{d:02}"},
            "n": "int",
            "month": "int",
        }
        data = b"year,month,d,n\n2013,1,9,1\n2013,13,1,2\n2013,,1,3\n2013,12,31,4\n"
        chunk = one_chunk(app(columns, "day", "n"), data)
        assert [(str(day), n, month) for day, n, month in chunk.frame.rows()] == [
            ("2013-01-09", 1, 1),
            ("2013-12-31", 4, 12),
        ]
        assert [(reject.column, reject.value, reject.reason) for reject in chunk.rejects] == [
            ("day", "2013-13-01", "bad_value"),
            ("day", None, "missing_key"),
        ]


class TestChunks:
    def test_they_end_at_a_number_of_file_rows_good_or_bad(self) -> None:
        data = b"id\n1\nx\n3\n4,4\n\n5\n"
        chunks = read(app({"id": "int"}, "id"), data, Limits(chunk_rows=2))
        assert [(chunk.number, chunk.rows_read, chunk.rows_kept, chunk.last_line) for chunk in chunks] == [
            (0, 2, 1, 3),
            (1, 2, 1, 5),
            (2, 1, 1, 7),
        ]

    def test_they_end_before_the_row_that_makes_them_too_large(self) -> None:
        data = b"id,v\n1,aaaa\n2,bbbb\n3,c\n"
        columns = {"id": "int", "v": "text"}
        assert [chunk.rows_read for chunk in read(app(columns, "id"), data, Limits(chunk_bytes=14))] == [2, 1]
        assert [chunk.rows_read for chunk in read(app(columns, "id"), data, Limits(chunk_bytes=13))] == [1, 2]

    def test_rows_before_a_fault_come_out(self) -> None:
        chunks = read_chunks(
            app({"id": "int"}, "id"),
            "f.csv",
            [b"id\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", b'1"1\n'],
            expanded_limit=None,
            limits=Limits(chunk_rows=2, block_bytes=8),
        )
        assert next(chunks).frame["id"].to_list() == [1, 2]

    @pytest.mark.parametrize("step", [1, 3, 1000, 1 << 20])
    def test_they_do_not_depend_on_the_blocks(self, step: int) -> None:
        data = b"id,v\n" + b"".join(b'%d,"%s"\r\n' % (n, b"\n" * (n % 7)) for n in range(25_000))
        blocks = [data[start : start + step] for start in range(0, len(data), step)]
        chunks = list(
            read_chunks(app({"id": "int", "v": "text"}, "id"), "f.csv", blocks, expanded_limit=None)
        )
        assert [chunk.rows_kept for chunk in chunks] == [10_000, 10_000, 5_000]
        assert chunks[1].last_line == 1 + 20_000 + sum(n % 7 for n in range(20_000))


class TestFolding:
    COLUMNS: ClassVar = {"p": "text", "c": "int", "a": "int", "b": {"type": "text", "empty": "null"}}

    def test_rows_of_one_key_become_one_with_the_last_values(self) -> None:
        data = b"p,c,a,b\nx,1,10,k\nx,2,20,l\nx,1,,\nx,1,11,m\nx,2,,\n"
        chunk = one_chunk(app(self.COLUMNS, "p", "c"), data)
        assert chunk.frame.rows() == [("x", 1, 11, "m"), ("x", 2, 20, None)]
        assert (chunk.rows_read, chunk.rows_kept, chunk.frame.height) == (5, 5, 2)

    def test_a_rejected_row_takes_no_part(self) -> None:
        chunk = one_chunk(app(self.COLUMNS, "p", "c"), b"p,c,a,b\nx,1,10,k\nx,1,y,m\n")
        assert chunk.frame.rows() == [("x", 1, 10, "k")]

    def test_without_duplicates_nothing_is_touched(self) -> None:
        frame = pl.DataFrame({"p": ["x", "y"], "c": [1, 1]})
        assert fold_rows(app(self.COLUMNS, "p", "c").contract, frame) is frame

    @pytest.mark.parametrize("cql", ["float", "double"])
    def test_zero_and_minus_zero_are_two_keys(self, cql: str) -> None:
        chunk = one_chunk(app({"p": cql}, "p"), b"p\n0.0\n-0.0\n0\n-0\n")
        assert [str(row[0]) for row in chunk.frame.rows()] == ["0.0", "-0.0"]

    def test_decimals_of_one_value_are_one_clustering_key_and_two_partition_keys(self) -> None:
        data = b"p,c,v\n1.0,1.0,1\n1.0,1.00,2\n1.00,1.0,3\n"
        chunk = one_chunk(app({"p": "decimal", "c": "decimal", "v": "int"}, "p", "c"), data)
        assert chunk.frame["v"].to_list() == [2, 3]

    def test_keys_of_equal_instants_are_one_key(self) -> None:
        data = b"p,v\n2013-01-01T10:00:00Z,a\n2013-01-01T11:00:00+01:00,b\n"
        chunk = one_chunk(app({"p": "timestamp", "v": "text"}, "p"), data)
        assert chunk.frame["v"].to_list() == ["b"]
