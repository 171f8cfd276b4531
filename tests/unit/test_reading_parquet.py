"""Parquet: what its types become, by which ranges it is read, what is refused."""

import datetime as dt
import io
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyarrow import parquet
from support.cql_values import InMemory, app, read, rejects, stored
from support.hostile_parquet import bomb

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import read_chunks

ADDRESS = {"address": {"street": "text", "zip": "int"}}


def file(table: pa.Table | dict[str, Any], **options: Any) -> bytes:
    output = io.BytesIO()
    parquet.write_table(table if isinstance(table, pa.Table) else pa.table(table), output, **options)
    return output.getvalue()


def values(cql: str, *found: pa.Array, **declared: Any) -> list[Any]:
    """Give what becomes of a column, written in each of these ways; all must agree."""
    ingest_app = app({"id": "int", "v": {"type": cql, **declared}}, types=ADDRESS, format="parquet")
    outcomes = []
    for array in found:
        rows = stored(ingest_app, read(ingest_app, file({"id": pa.array(range(len(array))), "v": array})))
        outcomes.append([(row["id"], row.get("v")) for row in rows])
    assert all(str(outcome) == str(outcomes[0]) for outcome in outcomes)
    return [value for _, value in outcomes[0]]


def refusal(columns: dict[str, Any], data: bytes) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        read(app(columns, format="parquet"), data)
    return caught.value


class TestTypes:
    def test_integers_of_every_width(self) -> None:
        kinds = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.decimal128(5, 0)]
        for cql in ("tinyint", "smallint", "int", "bigint", "varint"):
            assert values(cql, *(pa.array([7, None, 0], kind) for kind in kinds)) == [7, None, 0]
        assert values("bigint", pa.array([-(2**63), 2**63 - 1])) == [-(2**63), 2**63 - 1]
        assert values("varint", pa.array([2**64 - 1], pa.uint64())) == [2**64 - 1]

    def test_an_integer_out_of_range_is_a_reject(self) -> None:
        ingest_app = app({"id": "int", "v": "tinyint"}, format="parquet")
        chunks = read(ingest_app, file({"id": [1, 2], "v": [127, 128]}))
        assert [(reject.line, reject.reason, reject.fields) for reject in rejects(chunks)] == [
            (2, "out_of_range", ("2", "128"))
        ]

    def test_floats_keep_every_bit(self) -> None:
        doubles = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3]
        assert [struct.pack(">d", found) for found in values("double", pa.array(doubles))] == [
            struct.pack(">d", number) for number in doubles
        ]
        singles = [struct.unpack(">f", struct.pack(">f", number))[0] for number in (0.1, -0.0, 1e-45, 3.4e38)]
        array = pa.array(singles, pa.float32())
        assert values("float", array) == singles
        assert values("double", array) == singles  # not 0.1, which the single never was

    def test_floats_that_are_no_numbers_are_rejects(self) -> None:
        ingest_app = app({"id": "int", "v": "double"}, format="parquet")
        chunks = read(ingest_app, file({"id": [1, 2], "v": [float("nan"), float("-inf")]}))
        assert [reject.value for reject in rejects(chunks)] == ["nan", "-inf"]

    def test_decimals_keep_their_places(self) -> None:
        numbers = [Decimal("0.10"), Decimal("-12345678901234567890.12"), None]
        found = values(
            "decimal", pa.array(numbers, pa.decimal128(38, 2)), pa.array(numbers, pa.decimal256(60, 2))
        )
        assert list(map(str, found)) == ["0.10", "-12345678901234567890.12", "None"]
        tiny = values("decimal", pa.array([Decimal("0.0000001")], pa.decimal128(10, 7)))
        assert list(map(str, tiny)) == ["1E-7"]

    @pytest.mark.parametrize("unit", ["ms", "us", "ns"])
    def test_timestamps_of_every_unit_and_zone(self, unit: str) -> None:
        moment = dt.datetime(2024, 3, 10, 12, 0, 0, 123000, tzinfo=dt.UTC)
        array = pa.array([moment, None], pa.timestamp(unit, "UTC"))
        abroad = pa.array([moment, None], pa.timestamp(unit, "America/St_Johns"))
        assert values("timestamp", array, abroad) == [moment.replace(tzinfo=None), None]

    def test_what_is_finer_than_milliseconds_is_cut(self) -> None:
        array = pa.array([1999, -1], pa.timestamp("us", "UTC"))
        assert list(map(str, values("timestamp", array))) == [
            "1970-01-01 00:00:00.001000",
            "1969-12-31 23:59:59.999000",
        ]

    def test_years_end_at_1_and_9999(self) -> None:
        ingest_app = app({"id": "int", "v": "timestamp"}, format="parquet")
        array = pa.array([-62135596800001, 253402300800000, 0], pa.timestamp("ms", "UTC"))
        chunks = read(ingest_app, file({"id": [1, 2, 3], "v": array}))
        assert [reject.line for reject in rejects(chunks)] == [1, 2]

    def test_a_timestamp_without_a_zone_needs_a_declared_one(self) -> None:
        array = pa.array([dt.datetime(2024, 7, 1, 12)], pa.timestamp("us"))  # noqa: DTZ001 - that is the point
        assert values("timestamp", array) == []
        assert list(map(str, values("timestamp", array, zone="Europe/Berlin"))) == ["2024-07-01 10:00:00"]

    def test_dates_and_times(self) -> None:
        days = [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]
        found = values("date", pa.array(days, pa.date32()), pa.array(days, pa.date64()))
        assert list(map(str, found)) == ["0001-01-01", "9999-12-31", "None"]
        times = values("time", pa.array([12345678901234], pa.time64("ns")))
        assert list(map(str, times)) == ["03:25:45.678901234"]
        assert list(map(str, values("time", pa.array([1500], pa.time32("ms"))))) == ["00:00:01.500000000"]

    def test_texts_dictionaries_booleans_and_bytes(self) -> None:
        texts = pa.array(["a", "", None, "数据 🙂"])
        kinds = [texts, texts.cast(pa.large_string()), texts.dictionary_encode()]
        assert values("text", *kinds) == ["a", "", None, "数据 🙂"]
        assert values("boolean", pa.array([True, False, None])) == [True, False, None]
        raw = [b"\x00\xff", b"", None]
        assert values("blob", pa.array(raw, pa.binary()), pa.array(raw, pa.large_binary())) == raw
        assert values("blob", pa.array([b"ab"], pa.binary(2))) == [b"ab"]

    def test_uuids(self) -> None:
        found = UUID("123e4567-e89b-42d3-a456-426614174000")
        raw = [found.bytes, None]
        texts = pa.array([str(found), None])
        assert values("uuid", pa.array(raw, pa.uuid()), pa.array(raw, pa.binary(16)), texts) == [found, None]

    def test_lists_maps_and_structs(self) -> None:
        lists = [[1, 2], None, []]
        kinds = [pa.list_(pa.int32()), pa.large_list(pa.int64())]
        assert values("frozen<list<int>>", *(pa.array(lists, kind) for kind in kinds)) == lists
        assert values("vector<float, 2>", pa.array([[1, 2], None], pa.list_(pa.float32(), 2))) == [
            [1.0, 2.0],
            None,
        ]
        maps = values(
            "map<text, decimal>",
            pa.array([[("a", Decimal("1.50"))], None], pa.map_(pa.string(), pa.decimal128(9, 2))),
        )
        assert [found and {key: str(value) for key, value in found.items()} for found in maps] == [
            {"a": "1.50"},
            None,
        ]
        struct_type = pa.struct([("zip", pa.int32()), ("street", pa.string())])
        (one, none) = values("frozen<address>", pa.array([{"street": 'x"', "zip": 1}, None], struct_type))
        assert (tuple(one), none) == (('x"', 1), None)
        deep = pa.array([[{"zip": None, "street": "y"}]], pa.list_(struct_type))
        assert [tuple(found) for found in values("frozen<list<frozen<address>>>", deep)[0]] == [("y", None)]

    def test_a_null_in_a_list_and_an_equal_key_in_a_map_are_rejects(self) -> None:
        ingest_app = app({"id": "int", "l": "frozen<list<int>>", "m": "map<text, int>"}, format="parquet")
        maps = pa.array([[], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int32()))
        chunks = read(ingest_app, file({"id": [1, 2], "l": [[1, None], [1]], "m": maps}))
        assert [(reject.column, reject.reason) for reject in rejects(chunks)] == [
            ("l", "bad_value"),
            ("m", "duplicate_key"),
        ]

    def test_texts_are_read_as_a_csvs_would_be(self) -> None:
        assert values("int", pa.array(["007", "x", None])) == [7, None]
        assert values("frozen<list<int>>", pa.array(["[1]"])) == [[1]]

    @pytest.mark.parametrize(
        ("cql", "array"),
        [
            ("int", pa.array([1.0])),
            ("decimal", pa.array([0.1])),
            ("text", pa.array([0.1])),
            ("text", pa.array([b"a"])),
            ("int", pa.array([True])),
            ("date", pa.array([1])),
            ("timestamp", pa.array([dt.date(2024, 1, 1)])),
            ("boolean", pa.array([1])),
            ("frozen<list<int>>", pa.array([[0.5]])),
            ("frozen<list<int>>", pa.array([{"a": 1}])),
            ("text", pa.array([[1]])),
            ("duration", pa.array([1], pa.duration("ms"))),
        ],
        ids=str,
    )
    def test_types_that_do_not_fit_refuse_the_file(self, cql: str, array: pa.Array) -> None:
        error = refusal({"id": "int", "v": cql}, file({"id": [1], "V": array}))
        assert (error.reason, error.column) == ("wrong_type", "V")


class TestFile:
    COLUMNS = {"id": "int", "name": "text"}  # noqa: RUF012 - a constant
    ROWS = {"id": list(range(10)), "name": [str(number) for number in range(10)]}  # noqa: RUF012

    def test_chunks_are_rows_of_one_group_and_lines_are_their_numbers(self) -> None:
        data = file(self.ROWS, row_group_size=4)
        chunks = read(app(self.COLUMNS, format="parquet"), data, limits=Limits(chunk_rows=3))
        assert [(chunk.rows_read, chunk.last_line) for chunk in chunks] == [
            (3, 3),
            (1, 4),
            (3, 7),
            (1, 8),
            (2, 10),
        ]
        assert [row[0] for chunk in chunks for row in chunk.frame.rows()] == list(range(10))

    def test_chunks_are_smaller_where_rows_are_larger(self) -> None:
        texts = [f"{number}" * 1000 for number in range(8)]
        data = file({"id": list(range(8)), "name": texts}, compression="none", use_dictionary=False)
        chunks = read(app(self.COLUMNS, format="parquet"), data, limits=Limits(chunk_bytes=3000))
        assert [chunk.rows_read for chunk in chunks] == [2, 2, 2, 2]

    def test_names_are_matched_like_a_header(self) -> None:
        (chunk,) = read(app(self.COLUMNS, format="parquet"), file({" ID": [1], "Name ": ["a"]}))
        assert (chunk.frame.rows(), chunk.header) == ([(1, "a")], ("ID", "Name"))
        assert refusal(self.COLUMNS, file({"id": [1], "city": ["a"]})).reason == "unknown_columns"
        assert refusal(self.COLUMNS, file({"name": ["a"]})).reason == "missing_column"
        twice = pa.table([pa.array([1]), pa.array(["a"]), pa.array(["b"])], names=["id", "name", "name"])
        assert refusal(self.COLUMNS, file(twice)).reason == "bad_header"

    def test_templates_are_filled(self) -> None:
        ingest_app = app({"day": {"type": "date", "template": "{y}-{m:02}-01"}}, "day", format="parquet")
        (chunk,) = read(ingest_app, file({"y": [2024], "m": [3]}))
        assert chunk.frame.rows() == [(dt.date(2024, 3, 1),)]

    def test_a_file_without_rows_gives_no_chunk(self) -> None:
        assert read(app(self.COLUMNS, format="parquet"), file({"id": pa.array([], pa.int32())})) == []

    @pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
    def test_every_compression_inside_is_read(self, codec: str) -> None:
        data = file(self.ROWS, compression=codec)
        (chunk,) = read(app(self.COLUMNS, format="parquet"), data)
        assert chunk.rows_kept == 10

    def test_it_is_read_by_ranges(self) -> None:
        data = file({"id": list(range(200_000)), "name": ["x"] * 200_000}, row_group_size=50_000)
        source = InMemory(data)
        chunks = read_chunks(app(self.COLUMNS, format="parquet"), "f", source, expanded_limit=None)
        next(chunks)
        assert max(start for start, _ in source.ranges[:-1]) >= len(data) - 65_536
        assert sum(size for _, size in source.ranges) < len(data)

    def test_tiny_pages_are_not_a_request_each(self) -> None:
        table = {"id": range(50_000)}
        data = file(table, use_dictionary=False, data_page_size=64, write_batch_size=16)
        source = InMemory(data)
        chunks = [
            *read_chunks(app({"id": "int"}, format="parquet"), "a.parquet", source, expanded_limit=None)
        ]
        assert sum(chunk.rows_read for chunk in chunks) == 50_000
        assert len(source.ranges) < 100  # for 3,125 pages

    def test_a_fault_of_the_source_is_not_taken_for_one_of_the_file(self) -> None:
        class Broken(InMemory):
            def read_range(self, start: int, size: int) -> bytes:
                if start > 100:
                    raise OSError("the store is away")
                return super().read_range(start, size)

        with pytest.raises(OSError, match="the store is away"):
            list(
                read_chunks(
                    app(self.COLUMNS, format="parquet"), "f", Broken(file(self.ROWS)), expanded_limit=None
                )
            )

    def test_a_damaged_page_is_found_by_its_checksum(self) -> None:
        data = bytearray(file(self.ROWS, write_page_checksum=True, use_dictionary=False, compression="none"))
        data[data.index(b"\x01\x00\x00\x003\x01")] ^= 1  # in the texts
        assert refusal(self.COLUMNS, bytes(data)).reason == "damaged"

    @pytest.mark.parametrize(
        ("cql", "array"),
        [
            ("text", pa.array(["grün"])),
            ("int", pa.array(["grün"])),
            ("text", pa.array(["grün"], pa.large_string())),
            ("text", pa.array(["grün"]).dictionary_encode()),
            ("set<text>", pa.array(['["grün"]'])),
            ("set<text>", pa.array([["grün"]])),
            ("map<text, text>", pa.array([[("grün", "x")]], pa.map_(pa.string(), pa.string()))),
        ],
        ids=["text", "number", "large text", "dictionary", "JSON", "list", "map"],
    )
    def test_texts_that_are_not_utf8_refuse_the_file(self, cql: str, array: pa.Array) -> None:
        data = file({"id": [1], "v": array}, compression="none", write_statistics=False)
        error = refusal({"id": "int", "v": cql}, data.replace("ü".encode(), b"\xfcx"))
        assert (error.reason, "UTF8" in str(error)) == ("damaged", True)

    @pytest.mark.parametrize("missing", [1, 8, 100])
    def test_a_file_that_is_cut_off_is_refused(self, missing: int) -> None:
        assert refusal(self.COLUMNS, file(self.ROWS)[:-missing]).reason == "damaged"

    @pytest.mark.parametrize("is_compressed_size", [True, False])
    def test_a_page_that_claims_gigabytes_is_refused_before_they_are_allocated(
        self, is_compressed_size: bool
    ) -> None:
        options = {"use_dictionary": False, "write_statistics": False, "compression": "snappy"}
        data = file({"id": pa.array(range(10_000), pa.int32())}, **options)
        chunk = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0)
        at = chunk.data_page_offset
        sizes = data[at + 3 :].index(b"\x15", 1) + at + 3 if is_compressed_size else at + 2
        assert data[sizes] == 0x15
        claiming = data[: sizes + 1] + b"\xfe\xff\xff\xff\x0f" + data[sizes + 4 :]
        most = pa.default_memory_pool().max_memory()
        assert refusal({"id": "int"}, claiming).reason == "damaged"
        assert pa.default_memory_pool().max_memory() <= max(most, 200_000_000)

    @pytest.mark.parametrize(
        ("places", "message"),
        [
            ({0, 2}, "row group 1 lacks 1 of its rows"),
            ({0}, "its row groups have 300 rows, the footer counts 301"),
        ],
    )
    def test_rows_that_are_counted_and_not_there_refuse_the_file(
        self, places: set[int], message: str
    ) -> None:
        rows_300, rows_301 = b"\x16\xd8\x04", b"\x16\xda\x04"
        before, *counted = file({"id": pa.array(range(300), pa.int32())}, compression="none").split(rows_300)
        parts = [(rows_301 if place in places else rows_300) + part for place, part in enumerate(counted)]
        assert len(parts) == 3  # of the file, of the column, of the row group
        assert message in str(refusal({"id": "int"}, b"".join([before, *parts])))

    def test_statistics_that_do_not_fit_the_schema_do_not_end_the_process(self) -> None:
        data = file({"id": pa.array(range(10), pa.int32())})
        required = data.replace(b"\x25\x02\x18\x02id", b"\x25\x00\x18\x02id")
        assert required != data
        assert refusal({"id": "int"}, required).reason == "damaged"

    def test_a_page_header_of_any_length_is_read(self) -> None:
        long = "x" * 3_000
        data = file({"id": [1, 2], "v": [long, long + "y"]}, write_statistics=True, data_page_version="2.0")
        (chunk,) = read(app({"id": "int", "v": "text"}, format="parquet"), data)
        assert chunk.rows_kept == 2

    def test_a_text_that_stands_for_gigabytes_is_refused(self) -> None:
        texts = pa.DictionaryArray.from_arrays(
            pa.array([0] * 10_000, pa.int32()), pa.array(["x" * 1_000_000])
        )
        data = file({"id": pa.array(range(10_000)), "name": texts})
        assert len(data) < 200_000
        with pytest.raises(FileRejected) as caught:
            list(
                read_chunks(
                    app(self.COLUMNS, format="parquet"), "f", InMemory(data), expanded_limit=100_000_000
                )
            )
        assert caught.value.reason == "expanded_too_large"

    def test_columns_that_are_larger_than_their_row_group_says_refuse_the_file(self) -> None:
        error = refusal({"id": "bigint"}, bomb(300 << 20, is_in_footer=True, is_in_group=False))
        assert (error.reason, "row group 1 has 314572" in str(error)) == ("row_group_too_large", True)

    def test_row_groups_and_the_whole_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = file(self.ROWS)
        with pytest.raises(FileRejected) as caught:
            list(read_chunks(app(self.COLUMNS, format="parquet"), "f", InMemory(data), expanded_limit=50))
        assert caught.value.reason == "expanded_too_large"
        monkeypatch.setattr("customer_ingestapps.readers.parquet.MOST_ROW_GROUP_BYTES", 100)
        error = refusal(self.COLUMNS, data)
        assert (error.reason, "row group 1 has" in str(error)) == ("row_group_too_large", True)
