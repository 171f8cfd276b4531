"""The same rows in every format that an app can take: equal cells in Cassandra, whatever the way."""

import gzip
import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest
import zstandard
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support import every_type
from support.app_documents import app_toml
from support.hostile_parquet import bomb
from support.testbed import Platform, children_of, csv_of, is_worker, keyspace
from support.written_files import Rows, as_csv, as_json_array, as_json_lines, as_parquet

from benchmarks.reliability.driver_values import EPOCH
from customer_ingestapps.cql_types import CqlType, parse_type

pytestmark = [pytest.mark.server("minio", "rabbitmq", "cassandra"), pytest.mark.deep]

FORMATS = ("csv", "jsonl", "json", "parquet")
DOCUMENT = {
    "formats": [f".{form}{packed}" for form in FORMATS for packed in ("", ".gz", ".zst")],
    "number_files": 1000,
    "data_sizes": 1024,
}
PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def declared(columns: Mapping[str, str], key: Sequence[str], form: str, **files: Any) -> str:
    return app_toml(
        files={"keys": [f"{form}/**"], "format": form} | files,
        table={"name": form, "partition_key": key[:1], "clustering_key": key[1:]},
        columns=columns,
        types=every_type.TYPES,
    )


def types_of(columns: Mapping[str, str]) -> dict[str, CqlType]:
    return {name: parse_type(cql, every_type.TYPES) for name, cql in columns.items()}


def written(form: str, columns: Mapping[str, str], rows: Rows) -> bytes:
    write = {
        "csv": as_csv,
        "jsonl": as_json_lines,
        "json": as_json_array,
        "parquet": partial(as_parquet, types=types_of(columns)),
    }
    return write[form](rows)


def test_every_type_is_equal_from_every_format(platform: Platform) -> None:
    columns = every_type.COLUMNS
    empty = dict.fromkeys(columns) | {"id": 2}
    sparse = every_type.VALUES | {
        "id": 3, "txt": '""\n, ', "lis": [], "map": {"": []}, "tup": [None, "", None],
        "who": {"name": None, "home": None}, "big": -(2**63),
    }  # fmt: skip
    rows = [every_type.VALUES, empty, sparse]
    texts = [(form, packed) for form in FORMATS[:3] for packed in PACKED]
    variants = [*texts, ("parquet", "")]
    customers = {}
    for packed in PACKED:
        apps = {form: declared(columns, ["id"], form) for form in FORMATS}
        customers[packed] = platform.add_customer(apps=apps, **DOCUMENT)
    platform.apply()
    for form, packed in variants:
        body = PACKED[packed](written(form, columns, rows))
        platform.put(customers[packed], f"{form}/rows.{form}{packed}", body)
    with platform.manager():
        for packed, customer in customers.items():
            loads = platform.settled(customer, sum(kind == packed for _, kind in variants))
            assert {(load["status"], load["rows_written"]) for load in loads} == {("loaded", 3)}
            counts = platform.verify(customer, "--deep")["counts"]
            assert (counts["read back"], counts["rows found"]) == (len(loads), 3 * len(loads))

    found = {
        (form, packed): sorted(platform.rows(customers[packed], table=form), key=lambda row: row["id"])
        for form, packed in variants
    }
    assert len(found) == 10
    first = found["csv", ""]
    assert [row["txt"] for row in first] == ["数据 🙂", None, '""\n, ']
    assert set(first[1].values()) == {2, None}
    for variant, stored in found.items():
        assert list(map(repr, stored)) == list(map(repr, first)), variant


def any_of(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PROPERTIES: Mapping[str, tuple[str, st.SearchStrategy[Any]]] = {
    "txt": ("text", TEXT),
    "big": ("bigint", st.integers(-(2**63), 2**63 - 1)),
    "var": ("varint", st.integers(-(10**40), 10**40)),
    "dou": ("double", st.floats(allow_nan=False, allow_infinity=False)),
    "flo": ("float", st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "dec": ("decimal", st.builds("{}e{}".format, st.integers(-(10**30), 10**30), st.integers(-20, 20))),
    "boo": ("boolean", st.booleans()),
    "day": ("date", st.dates().map(date.isoformat)),
    "sta": ("timestamp", st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z")),
    "uid": ("uuid", st.uuids().map(str)),
    "blo": ("blob", st.binary(max_size=20).map(lambda raw: f"0x{raw.hex()}")),
    "net": ("inet", st.ip_addresses().map(str)),
    "lis": ("frozen<list<text>>", st.lists(TEXT, max_size=3)),
    "ses": ("frozen<set<int>>", st.lists(st.integers(-(2**31), 2**31 - 1), unique=True, max_size=3)),
    "map": ("frozen<map<text, bigint>>", st.dictionaries(TEXT, st.integers(-(2**63), 2**63 - 1), max_size=3)),
}
COLUMNS = {"run": "int", "id": "int", **{name: cql for name, (cql, _) in PROPERTIES.items()}}
ROW = st.fixed_dictionaries({name: any_of(values) for name, (_, values) in PROPERTIES.items()})


def milliseconds(value: Any) -> int:
    """Give a timestamp without what the driver's float adds to it."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value.replace(tzinfo=UTC)
    return round((moment - EPOCH.replace(tzinfo=UTC)) / timedelta(milliseconds=1))


TOLD: Mapping[str, Callable[[Any], Any]] = {
    "double": partial(struct.pack, ">d"),  # it tells -0.0 from 0.0
    "float": partial(struct.pack, ">d"),
    "decimal": lambda value: str(Decimal(value)),
    "timestamp": milliseconds,
    "date": str,
    "uuid": str,
    "blob": lambda value: value if isinstance(value, str) else f"0x{value.hex()}",
    "inet": ip_address,
    "frozen<list<text>>": list,
    "frozen<set<int>>": set,
    "frozen<map<text, bigint>>": dict,
}


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a row, as a file has it or as the driver gives it, so that equal ones are equal."""
    return {
        name: None if row[name] is None else TOLD.get(cql, lambda value: value)(row[name])
        for name, cql in COLUMNS.items()
    }


def test_any_table_of_values_comes_back_equal_from_every_format(platform: Platform) -> None:
    """Hypothesis' examples share one manager: starting one takes longer than ten of them."""
    apps = {form: declared(COLUMNS, ["run", "id"], form) for form in FORMATS}
    customer = platform.add_customer(apps=apps, **DOCUMENT)
    platform.apply()
    runs = itertools.count(1)

    @settings(max_examples=15, deadline=None, phases=[Phase.generate])
    @given(st.lists(ROW, min_size=1, max_size=6))
    def comes_back(values: list[dict[str, Any]]) -> None:
        run = next(runs)
        rows = [{"run": run, "id": number, **row} for number, row in enumerate(values)]
        variants = [("csv", ""), ("csv", ".gz"), ("jsonl", ""), ("json", ".zst"), ("parquet", "")]
        for form, packed in variants:
            body = PACKED[packed](written(form, COLUMNS, rows))
            platform.put(customer, f"{form}/{run}.{form}{packed}", body)
        loads = platform.settled(customer, run * len(variants))
        assert {load["status"] for load in loads} == {"loaded"}
        expected = list(map(told, rows))
        for form in FORMATS:
            cql = f'SELECT * FROM "{keyspace(customer)}".{form} WHERE run = {run}'
            assert list(map(told, platform.session.execute(cql))) == expected, form

    with platform.manager():
        comes_back()


def test_rejects_of_json_and_parquet_come_back_corrected(platform: Platform) -> None:
    columns = every_type.COLUMNS
    rows = [every_type.VALUES | {"id": "1"}, every_type.VALUES | {"id": "x"}]
    bodies = {
        "jsonl": as_json_lines(rows),
        "json": as_json_array(rows),
        "parquet": as_parquet(rows, types_of(columns) | {"id": CqlType("text")}),
    }
    sent_again = {"jsonl": "jsonl/again.jsonl", "json": "json/again.json", "parquet": "corrected/again.csv"}
    apps = {form: declared(columns, ["id"], form) for form in ("jsonl", "json")}
    apps["parquet"] = declared(columns, ["id"], "parquet", csv_keys=["corrected/*.csv"])
    customer = platform.add_customer(apps=apps, **DOCUMENT)
    platform.apply()
    media_types = {}
    with platform.manager():
        for form, body in bodies.items():
            platform.put(customer, f"{form}/a.{form}", body)
        for load in platform.settled(customer, 3):
            assert (load["status"], load["rows_written"], load["rows_rejected"]) == ("partly_loaded", 1, 1)
            form, load_id = load["key"].partition("/")[0], load["load_id"]
            rejects = platform.command("ingest-manager", "rejects", str(load_id))
            stored = platform.s3.head_object(Bucket=f"archive-{customer}", Key=f"rejects/{load_id}.csv")
            media_types[form] = stored["ContentType"]
            corrected = rejects.replace("x," if form == "parquet" else '"x",', "2,", 1)
            platform.put(customer, sent_again[form], corrected.encode())
        again = platform.settled(customer, 6)
    assert [load["status"] for load in again if "again" in load["key"]] == ["loaded"] * 3
    assert media_types == {"jsonl": "application/jsonl", "json": "application/json", "parquet": "text/csv"}
    for form in bodies:
        first, second = sorted(platform.rows(customer, table=form), key=lambda row: row["id"])
        assert repr(first | {"id": 2}) == repr(second), form


def test_page_that_claims_more_than_its_footer_is_refused_and_others_go_on(platform: Platform) -> None:
    hostile = platform.add_customer(
        apps={"parquet": declared({"id": "bigint"}, ["id"], "parquet")}, **DOCUMENT
    )
    other = platform.add_customer()
    platform.apply()
    with platform.manager() as manager:
        platform.put(hostile, "parquet/a.parquet", bomb(1_900_000_000))
        platform.put(other, "a.csv", csv_of([(1, "a", "b")]))
        [load] = platform.settled(hostile, 1)
        [sound] = platform.settled(other, 1)
        workers = [pid for pid in children_of(manager.pid) if is_worker(pid)]
    assert (load["status"], load["reason"], load["rows_written"]) == ("rejected", "damaged", 0)
    assert int(load["worker"].rpartition("/")[2]) in workers  # it lives
    assert sound["status"] == "loaded"
