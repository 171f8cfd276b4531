"""Reading whole files: what real files got wrong elsewhere, and what becomes of their rows here."""

import codecs
import gzip
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract, Encoding
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp

ID_NAME = {"id": "int", "name": "text"}
MISSING = object()


def app(columns: dict[str, Any], key: tuple[str, ...] = ("id",), **files: Any) -> IngestApp:
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


def rows(ingest_app: IngestApp, data: bytes) -> list[tuple[object, ...]]:
    """Give the rows of a file in which nothing is wrong."""
    chunks = read(ingest_app, data)
    assert [chunk.rejects for chunk in chunks] == [[] for _ in chunks]
    return [row for chunk in chunks for row in chunk.frame.rows()]


def refusal(ingest_app: IngestApp, data: bytes, limits: Limits = Limits()) -> FileRejected:  # noqa: B008
    with pytest.raises(FileRejected) as caught:
        read(ingest_app, data, limits)
    return caught.value


def only_rejects(ingest_app: IngestApp, data: bytes) -> list[Reject]:
    return [reject for chunk in read(ingest_app, data) for reject in chunk.rejects]


class TestByteOrderMark:
    def test_one_at_the_start_is_taken_off_and_others_are_data(self) -> None:
        data = b"\xef\xbb\xbfid,name\r\n1,Alice\r\n2,Bob\xef\xbb\xbf\r\n"
        assert rows(app(ID_NAME), data) == [(1, "Alice"), (2, "Bob\ufeff")]

    def test_it_may_stand_before_a_quote(self) -> None:
        assert rows(app(ID_NAME), b'\xef\xbb\xbf"id","name"\n1,Alice\n') == [(1, "Alice")]

    def test_one_that_begins_a_chunk_is_data(self) -> None:
        data = "name,id\na,1\n\ufeffb,2\n\ufeff\ufeffc,3\n".encode()
        chunks = read(app({"name": "text", "id": "int"}), data, Limits(chunk_rows=1))
        assert [chunk.frame["name"][0] for chunk in chunks] == ["a", "\ufeffb", "\ufeff\ufeffc"]


class TestQuotes:
    def test_one_that_never_closes_is_named_by_the_line_where_it_opens(self) -> None:
        error = refusal(app(ID_NAME), b'id,name\n1,ok\n2,"open\n3,x\n4,y\n5,z\n')
        assert (error.reason, error.line) == ("unclosed_quote", 3)

    def test_text_behind_a_closing_one_rejects_the_file(self) -> None:
        error = refusal(app(ID_NAME), b'id,name\n1,ok\n2,"ab"cd\n3,z\n')
        assert (error.reason, error.line) == ("misplaced_quote", 3)
        assert str(error).startswith("line 3: a quote may only stand around a whole field")

    def test_one_inside_an_unquoted_field_rejects_the_file(self) -> None:
        error = refusal(app(ID_NAME), b'id,name\n1,"two\nlines"\n2,5" pipe\n')
        assert (error.reason, error.line) == ("misplaced_quote", 4)

    def test_a_carriage_return_alone_ends_no_line(self) -> None:
        error = refusal(app(ID_NAME), b"id,name\r1,a\r2,b\r")
        assert (error.reason, error.line) == ("bare_carriage_return", 1)

    def test_an_open_one_in_an_endless_file_is_found_within_the_limit(self) -> None:
        def blocks() -> Iterator[bytes]:
            yield b'id,name\n1,"'
            for _ in range(100):
                yield b"a\n" * 1000
            raise AssertionError("read on")

        limits = Limits(chunk_bytes=50_000, block_bytes=1000)
        with pytest.raises(FileRejected, match="is the quote that opens on line 2 meant to be one") as caught:
            list(read_chunks(app(ID_NAME), "f.csv", blocks(), expanded_limit=None, limits=limits))
        assert (caught.value.reason, caught.value.line) == ("row_too_large", 2)

    def test_an_endless_line_is_found_within_the_limit(self) -> None:
        limits = Limits(chunk_bytes=50_000, block_bytes=1000)
        blocks = (b"a" * 1000 if number < 60 else pytest.fail("read on") for number in range(100))
        with pytest.raises(FileRejected, match="larger than 50000 bytes") as caught:
            list(read_chunks(app(ID_NAME), "f.csv", blocks, expanded_limit=None, limits=limits))
        assert (caught.value.reason, caught.value.line) == ("row_too_large", 1)


class TestHeader:
    @pytest.mark.parametrize(
        ("data", "reason", "says"),
        [
            (b"id,id,name\n1,2,Alice\n", "bad_header", "columns 1 and 2 of the header have the same name"),
            (b"id,Name,name\n1,a,b\n", "bad_header", "columns 2 and 3 of the header have the same name"),
            (b"id,,name\n1,x,a\n", "bad_header", "column 2 of the header has no name"),
            (b'id,"",name\n1,x,a\n', "bad_header", "column 2 of the header has no name"),
            (b"id,name,city,zip\n", "unknown_columns", "'city', 'zip'; known are id, name"),
            (b"name\nAlice\n", "missing_column", "the table's key needs 'id'"),
            (b"", "no_header", "the file is empty"),
            (b"\r\n\n", "no_header", "the file is empty"),
            (b"\xef\xbb\xbf", "no_header", "the file is empty"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, data: bytes, reason: str, says: str) -> None:
        error = refusal(app(ID_NAME), data)
        assert error.reason == reason
        assert says in str(error)

    def test_names_are_trimmed_and_compared_without_regard_to_case(self) -> None:
        data = b"Id , Name,\tCITY\n1,Ann,Rome\n2,Ben,Oslo\n"
        assert rows(app({**ID_NAME, "city": "text"}), data) == [(1, "Ann", "Rome"), (2, "Ben", "Oslo")]

    def test_names_of_a_table_may_be_any(self) -> None:
        columns = {"id": "int", "userId": "text", "select": "text", "My Col": "text"}
        assert rows(app(columns), b"id,userId,select,My Col\n1,u1,s1,m1\n") == [(1, "u1", "s1", "m1")]

    def test_the_order_of_columns_is_the_tables(self) -> None:
        chunk = read(app(ID_NAME), b"Name,ID\nAnn,1\n")[0]
        assert chunk.frame.columns == ["id", "name"]
        assert chunk.header == ("Name", "ID")

    def test_blank_lines_before_it_do_not_count_as_rows_but_as_lines(self) -> None:
        chunk = read(app(ID_NAME), b"\n\r\nid,name\n\n1,a\n\n\nx,b\n\n")[0]
        assert (chunk.rows_read, chunk.last_line, chunk.rejects[0].line) == (2, 8, 8)

    def test_a_header_alone_gives_no_chunk(self) -> None:
        assert read(app(ID_NAME), b"id,name") == []

    def test_extra_columns_are_ignored_where_the_app_says_so(self) -> None:
        ingest_app = app(ID_NAME, extra_columns="ignore")
        chunk = read(ingest_app, b"id,city,name\n1,Rome,Ann\nx,Oslo,Ben\n")[0]
        assert chunk.frame.rows() == [(1, "Ann")]
        assert chunk.rejects[0].fields == ("x", "Oslo", "Ben")

    def test_a_rejects_file_can_be_sent_again_as_it_is(self) -> None:
        data = b"id,name,line,column,reason\n1,Ann,3,id,bad_value\nx,Ben,4,id,bad_value\n"
        chunk = read(app(ID_NAME), data)[0]
        assert (chunk.header, chunk.frame.rows()) == (("id", "name"), [(1, "Ann")])
        assert chunk.rejects[0].fields == ("x", "Ben")

    def test_a_table_may_have_columns_named_like_those_of_a_rejects_file(self) -> None:
        ingest_app = app({"id": "int", "line": "int", "column": "text", "reason": "text"})
        assert rows(ingest_app, b"id,line,column,reason\n1,2,c,r\n") == [(1, 2, "c", "r")]
        again = b"id,line,column,reason,line,column,reason\n1,2,c,r,9,id,bad_value\n"
        assert rows(ingest_app, again) == [(1, 2, "c", "r")]

    def test_a_column_that_the_file_lacks_is_left_unset(self) -> None:
        ingest_app = app({"id": "int", "a": {"type": "text", "empty": "null"}, "b": "text"})
        chunk = read(ingest_app, b"b,id\nx,1\n")[0]
        assert encode_rows(ingest_app.contract, chunk.frame, MISSING) == [
            (b"\x00\x00\x00\x01", MISSING, b"x")
        ]


class TestEncoding:
    def test_utf16_is_refused_by_an_app_that_says_utf8(self) -> None:
        error = refusal(app(ID_NAME), codecs.BOM_UTF16_LE + "id,name\n1,café\n".encode("utf-16-le"))
        assert (error.reason, error.offset, error.line) == ("bad_encoding", 0, 1)

    @pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
    def test_utf16_goes_by_its_byte_order_mark(self, order: str) -> None:
        data = "\ufeffid,name\n1,café\n2,über\n".encode(order)
        assert rows(app(ID_NAME, encoding="utf-16"), data) == [(1, "café"), (2, "über")]
        assert rows(app(ID_NAME, encoding=order), data) == [(1, "café"), (2, "über")]

    def test_utf16_without_a_byte_order_mark_is_not_guessed(self) -> None:
        error = refusal(app(ID_NAME, encoding="utf-16"), "id,name\n".encode("utf-16-le"))
        assert error.reason == "bad_encoding"

    def test_utf16_cut_in_the_middle_of_a_character(self) -> None:
        error = refusal(app(ID_NAME, encoding="utf-16-le"), "id,name\n1,é".encode("utf-16-le")[:-1])
        assert (error.reason, error.offset, error.line) == ("bad_encoding", 20, 2)

    def test_latin1_is_refused_by_an_app_that_says_utf8(self) -> None:
        data = b"id,name\n1,caf\xe9\n2,\xfcber\n"
        error = refusal(app(ID_NAME), data)
        assert (error.reason, error.offset, error.line) == ("bad_encoding", 13, 2)
        assert str(error) == "byte 0xe9 is not utf-8 (byte 13, line 2)"
        assert rows(app(ID_NAME, encoding="latin-1"), data) == [(1, "café"), (2, "über")]

    @pytest.mark.parametrize("block_bytes", [3, 7, 1000])
    def test_one_bad_byte_is_found_by_offset_and_line(self, block_bytes: int) -> None:
        error = refusal(app(ID_NAME), b"id,name\n1,ok\n2,b\xe9d\n3,fine\n", Limits(block_bytes=block_bytes))
        assert (error.reason, error.offset, error.line) == ("bad_encoding", 16, 3)

    def test_a_character_cut_off_at_the_end_is_found(self) -> None:
        error = refusal(app(ID_NAME), b"id,name\n1,\xe2\x82")
        assert (error.reason, error.offset, error.line) == ("bad_encoding", 10, 2)

    def test_nul_is_refused_by_offset_and_line(self) -> None:
        error = refusal(app(ID_NAME), b"\xef\xbb\xbfid,name\n1,a\0b\n")
        assert (error.reason, error.offset, error.line) == ("nul_byte", 14, 2)
        wide = refusal(app(ID_NAME, encoding="utf-16"), "id,name\n1,é\0\n".encode("utf-16"))
        assert (wide.reason, wide.offset, wide.line) == ("nul_byte", 24, 2)

    @settings(max_examples=100, deadline=None)
    @given(
        encoding=st.sampled_from(get_args(Encoding)),
        names=st.lists(st.text(alphabet='aé数ü€ж한あ🙂,"\n ', min_size=1, max_size=6), max_size=6),
        block_bytes=st.integers(3, 20),
    )
    def test_every_encoding_reads_as_utf8_does(
        self, encoding: Encoding, names: list[str], block_bytes: int
    ) -> None:
        written = [name.encode(encoding, "ignore").decode(encoding) or "a" for name in names]
        text = "id,name\n" + "".join(
            f'{n},"{s.replace(chr(34), chr(34) * 2)}"\n' for n, s in enumerate(written)
        )
        chunks = read(app(ID_NAME, encoding=encoding), text.encode(encoding), Limits(block_bytes=block_bytes))
        assert [row for chunk in chunks for row in chunk.frame.rows()] == list(enumerate(written))


MULTIBYTE = 'id,name\r\n1,"数据, €5"\r\n2,naïve 🙂\r\n3,"two\r\nlines"\r\n'.encode()


@pytest.mark.parametrize("step", range(1, len(MULTIBYTE) + 1))
@pytest.mark.parametrize("block_bytes", [3, 4, 5, 1 << 18])
@pytest.mark.parametrize(("key", "data"), [("f.csv", MULTIBYTE), ("f.csv.gz", gzip.compress(MULTIBYTE))])
def test_characters_and_line_ends_may_be_split_anywhere(
    step: int, block_bytes: int, key: str, data: bytes
) -> None:
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    limits = Limits(block_bytes=block_bytes)
    chunks = list(read_chunks(app(ID_NAME), key, blocks, expanded_limit=None, limits=limits))
    assert [chunk.frame.rows() for chunk in chunks] == [
        [(1, "数据, €5"), (2, "naïve 🙂"), (3, "two\r\nlines")]
    ]
    assert chunks[0].last_line == 5


class TestNoValue:
    DATA = b'id,name,note\n1,,x\n2,"",x\n3,NULL,x\n4,\\N,x\n5, ,x\n'
    COLUMNS: ClassVar = {"id": "int", "name": "text", "note": "text"}

    def test_an_empty_field_is_none_and_a_quoted_one_is_empty_text(self) -> None:
        assert [row[1] for row in rows(app(self.COLUMNS), self.DATA)] == [None, "", "NULL", "\\N", " "]

    def test_null_words_are_those_that_the_app_declares(self) -> None:
        ingest_app = app(self.COLUMNS, null_words=["NULL", "\\N"])
        data = self.DATA + b"6, NULL,x\n7,null,x\n"
        assert [row[1] for row in rows(ingest_app, data)] == [None, "", None, None, " ", " NULL", "null"]

    def test_a_null_word_in_quotes_is_text_and_elsewhere_no_value(self) -> None:
        ingest_app = app({**ID_NAME, "n": "int"}, null_words=["NA"])
        assert rows(ingest_app, b'id,name,n\n1,"NA","NA"\n2,NA,NA\n3,x,""\n') == [
            (1, "NA", None),
            (2, None, None),
            (3, "x", None),
        ]

    def test_it_is_unset_or_null_as_the_column_says(self) -> None:
        ingest_app = app({"id": "int", "a": "int", "b": {"type": "int", "empty": "null"}, "c": "text"})
        chunk = read(ingest_app, b'id,a,b,c\n1,,,""\n2,3,,\n')[0]
        assert encode_rows(ingest_app.contract, chunk.frame, MISSING) == [
            (b"\x00\x00\x00\x01", MISSING, None, b""),
            (b"\x00\x00\x00\x02", b"\x00\x00\x00\x03", None, MISSING),
        ]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), key=st.sampled_from(["f.csv", "f.csv.gz"]))
def test_nothing_but_a_refused_file_comes_out_of_any_bytes(data: bytes, key: str) -> None:
    assert_only_refusals(key, [data])


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(st.sampled_from([b"a", b",", b'"', b"\r", b"\n", b"1,a\n", b"\xc3\xa9", b"\xc3", b"\0"]))
)
def test_nothing_but_a_refused_file_or_row_comes_out_of_any_text(pieces: list[bytes]) -> None:
    assert_only_refusals("f.csv", [b"id,name\n", *pieces])


def assert_only_refusals(key: str, blocks: Iterable[bytes]) -> None:
    ingest_app = app(ID_NAME)
    limits = Limits(chunk_rows=2, chunk_bytes=40, block_bytes=5)
    with suppress(FileRejected):
        for chunk in read_chunks(ingest_app, key, blocks, expanded_limit=1000, limits=limits):
            assert chunk.rows_read == chunk.rows_kept + len(chunk.rejects) + chunk.rows_dropped
            assert len(encode_rows(ingest_app.contract, chunk.frame, MISSING)) <= chunk.rows_kept
