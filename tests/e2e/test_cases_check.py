"""Files that really went wrong for somebody (`tests/cases`), with the exact answers: through `ingest-manager
check`, and through the running pipeline with the values read back from Cassandra."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.app_documents import app_toml
from support.testbed import BIN, Platform, keyspace

FILES = Path(__file__).parent.parent / "cases"
PERSON = {"id": "int", "name": "text"}
BOB = "Bob\ufeff"


@dataclass(frozen=True)
class Case:
    """A file, how its app declares it, and the right answer."""

    file: str
    columns: Mapping[str, Any] = field(default_factory=lambda: PERSON)
    declared: dict[str, Any] = field(default_factory=dict)
    read: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    """As they are stored; what has no value is not in."""
    rejects: list[tuple[int, str]] = field(default_factory=list)
    """Line and reason."""
    error: tuple[str, int | None] | None = None
    """Reason and line."""

    def app(self, name: str) -> str:
        """Return its app.toml."""
        files = {"keys": [f"{name}/*"], "format": "csv"} | self.declared
        table = {"name": name, "partition_key": [next(iter(self.columns))]}
        return app_toml(files=files, table=table, columns=self.columns)

    @property
    def status(self) -> str:
        """Return the load's outcome."""
        return "rejected" if self.error else "partly_loaded" if self.rejects else "loaded"


def people(*names: str) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in enumerate(names, 1)]


def bad_values(*lines: int) -> list[tuple[int, str]]:
    return [(line, "bad_value") for line in lines]


def shown(value: Any) -> Any:
    """Write what the driver gives as `check` does."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    is_exact_in_json = not isinstance(value, Decimal | int) or abs(value) <= 2**53
    return value if is_exact_in_json and not isinstance(value, Decimal) else str(value)


UTF_16, LATIN_1 = {"encoding": "utf-16"}, {"encoding": "latin-1"}
JSON_LINES, JSON_ARRAY = {"format": "jsonl"}, {"format": "json"}
NOON = "2024-03-10T12:00:00Z"
EPOCH_SECONDS, EPOCH_MILLISECONDS, EPOCH_MICROSECONDS = (
    {"id": "int", "ts": {"type": "timestamp", "epoch": unit}} for unit in ("s", "ms", "us")
)
C37A = {1: "0.10", 2: "12345678901234567890.123456789", 3: "95891.74", 6: "1E-7"}
NULL_WORDS = {"null_words": ["NULL", "\\N"]}
NULLS = {"id": "int", "name": "text", "note": "text"}
C33 = [
    {"id": 1, "note": "x"},
    {"id": 2, "name": "", "note": "x"},
    {"id": 3, "name": "NULL", "note": "x"},
    {"id": 4, "name": "\\N", "note": "x"},
    {"id": 5, "name": " ", "note": "x"},
]
C33_DECLARED = [C33[0], C33[1], {"id": 3, "note": "x"}, {"id": 4, "note": "x"}, C33[4]]
CASES = {
    "c23a": Case("C23a_bom.csv", read=2, rows=people("Alice", BOB)),
    "c23b": Case("C23b_bom_quoted.csv", read=1, rows=people("Alice")),
    "c25a": Case("C25a_unterminated.csv", error=("unclosed_quote", 3)),
    "c25b": Case("C25b_text_after_quote.csv", error=("misplaced_quote", 3)),
    "c27a": Case("C27a_duplicate.csv", error=("bad_header", 1)),
    "c27b": Case(
        "C27b_spaces_case.csv",
        PERSON | {"city": "text"},
        read=2,
        rows=[{"id": 1, "name": "Ann", "city": "Rome"}, {"id": 2, "name": "Ben", "city": "Oslo"}],
    ),
    "c27c": Case(
        "C27c_reserved_camel.csv",
        {"id": "int", "userId": "text", "select": "text", "My Col": "text"},
        read=1,
        rows=[{"id": 1, "userId": "u1", "select": "s1", "My Col": "m1"}],
    ),
    "c27d": Case("C27d_fold_collision.csv", error=("bad_header", 1)),
    "c27e": Case("C27e_empty_name.csv", error=("bad_header", 1)),
    "c29a_utf8": Case("C29a_utf16le_bom.csv", error=("bad_encoding", 1)),
    "c29a_utf16": Case("C29a_utf16le_bom.csv", declared=UTF_16, read=2, rows=people("café", "über")),
    "c29b_utf8": Case("C29b_latin1.csv", error=("bad_encoding", 2)),
    "c29b_latin1": Case("C29b_latin1.csv", declared=LATIN_1, read=2, rows=people("café", "über")),
    "c29c": Case("C29c_utf8_one_bad_byte.csv", error=("bad_encoding", 3)),
    "c31": Case("C31_multibyte.csv", read=3, rows=people("数据, €5", "naïve 🙂", "two\r\nlines")),
    "c33": Case("C33_null_empty.csv", NULLS, read=5, rows=C33),
    "c33_declared": Case("C33_null_empty.csv", NULLS, NULL_WORDS, read=5, rows=C33_DECLARED),
    "c35a": Case(
        "C35a_int.csv",
        {"id": "int", "n": "int"},
        read=19,
        rows=[{"id": row, "n": n} for row, n in enumerate([1, 2147483647, -2147483648, 5, 0, 7], 1)],
        rejects=sorted(
            [
                *((line, "not_whole") for line in (8, 18, 19, 20)),
                *((line, "out_of_range") for line in (9, 10)),
                *bad_values(*range(11, 18)),
            ]
        ),
    ),
    "c35b": Case(
        "C35b_bigint.jsonl",
        {"id": "int", "n": "bigint"},
        JSON_LINES,
        read=6,
        rows=[{"id": 1, "n": "9007199254740993"}, {"id": 2, "n": "9223372036854775807"}],
        rejects=[(3, "out_of_range"), (4, "out_of_range"), (5, "bad_value"), (6, "not_whole")],
    ),
    "c37a": Case(
        "C37a_decimal.jsonl",
        {"id": "int", "m": "decimal"},
        JSON_LINES,
        read=6,
        rows=[{"id": row, "m": m} for row, m in C37A.items()],
        rejects=[(4, "bad_json"), (5, "out_of_range")],
    ),
    "c37b": Case(
        "C37b_double.csv",
        {"id": "int", "d": "double"},
        read=7,
        rows=[{"id": 1, "d": 0.1}, {"id": 2, "d": 1e308}, {"id": 6, "d": -0.0}],
        rejects=[(4, "out_of_range"), *bad_values(5, 6, 8)],
    ),
    "c39_s": Case(
        "C39_epoch.csv",
        EPOCH_SECONDS,
        read=5,
        rows=[{"id": 1, "ts": NOON}],
        rejects=[(line, "out_of_range") for line in (3, 4, 5, 6)],
    ),
    "c39_ms": Case(
        "C39_epoch.csv",
        EPOCH_MILLISECONDS,
        read=5,
        rows=[{"id": 1, "ts": "1970-01-20T19:01:12Z"}, {"id": 2, "ts": NOON}],
        rejects=[(line, "out_of_range") for line in (4, 5, 6)],
    ),
    "c39_us": Case(
        "C39_epoch.csv",
        EPOCH_MICROSECONDS,
        read=5,
        rows=[
            {"id": 1, "ts": "1970-01-01T00:28:30.072Z"},
            {"id": 2, "ts": "1970-01-20T19:01:12Z"},
            {"id": 3, "ts": NOON},
            {"id": 4, "ts": "1968-01-12T20:06:43.199Z"},
            {"id": 5, "ts": "1978-01-11T21:31:40.800Z"},
        ],
    ),
    "c39_undeclared": Case(
        "C39_epoch.csv", {"id": "int", "ts": "timestamp"}, read=5, rejects=bad_values(2, 3, 4, 5, 6)
    ),
    "c41a": Case("C41a_two_members.csv.gz", read=4, rows=people("a", "b", "c", "d")),
    "c41b": Case("C41b_truncated.csv.gz", error=("truncated", None)),
    "c41c": Case("C41c_trailing_garbage.csv.gz", error=("trailing_bytes", None)),
    "c41d": Case("C41d_zero_padding.csv.gz", read=4, rows=people("a", "b", "c", "d")),
    "c41e": Case("C41e_bad_crc.csv.gz", error=("damaged", None)),
    "c41f": Case("C41f_gzip_named_csv.csv", error=("wrong_compression", None)),
    "c41g": Case("C41g_text_named_gz.csv.gz", error=("wrong_compression", None)),
    "c43a": Case("C43a_lines.jsonl", declared=JSON_LINES, read=2, rows=people("a", "b")),
    "c43b": Case("C43b_array.json", declared=JSON_ARRAY, read=2, rows=people("a", "b")),
    "c43c": Case("C43c_pretty_array.json", declared=JSON_ARRAY, read=2, rows=people("a", "b")),
    "c43d": Case(
        "C43d_one_bad_line.jsonl",
        declared=JSON_LINES,
        read=4,
        rows=[row for row in people("a", "b", "c", "d") if row["id"] != 2],
        rejects=[(2, "bad_json")],
    ),
    "c43e": Case(
        "C43e_duplicate_key.jsonl",
        declared=JSON_LINES,
        read=2,
        rows=[{"id": 3, "name": "b"}],
        rejects=[(1, "duplicate_key")],
    ),
    "c43f": Case(
        "C43f_scalars.jsonl",
        declared=JSON_LINES,
        read=5,
        rows=people("a"),
        rejects=[(line, "not_an_object") for line in (1, 2, 3, 4)],
    ),
    "c43g": Case("C43g_array_in_jsonl.jsonl", declared=JSON_LINES, read=1, rejects=[(1, "not_an_object")]),
    "c43h": Case("C43h_bom_lines.jsonl", declared=JSON_LINES, read=1, rows=people("a")),
    "c43i": Case("C43i_truncated_array.json", declared=JSON_ARRAY, error=("unclosed_array", 1)),
}  # fmt: skip
DOCUMENT = {"formats": [".csv", ".csv.gz", ".jsonl", ".json"], "number_files": 100, "data_sizes": 1024}


@pytest.fixture(scope="module")
def environment_without_servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The documents and apps of one customer, and nothing else."""
    root = tmp_path_factory.mktemp("folders")
    (root / "customers").mkdir()
    (root / "customers" / "acme.json").write_text(json.dumps(DOCUMENT))
    for name, case in CASES.items():
        (root / "apps" / "acme" / name).mkdir(parents=True)
        (root / "apps" / "acme" / name / "app.toml").write_text(case.app(name))
    return {
        "PATH": os.environ["PATH"],
        "BUCKET_POLICIES_DIR": str(root),
        "CUSTOMER_INGESTAPPS_DIR": str(root / "apps"),
    }


@pytest.mark.parametrize("name", CASES)
def test_check_gives_the_exact_answer(
    name: str, environment_without_servers: dict[str, str], tmp_path: Path
) -> None:
    case = CASES[name]
    command = [BIN / "ingest-manager", "check", FILES / case.file, "--customer", "acme"]
    done = subprocess.run(
        [*command, "--key", f"{name}/{case.file}", "--json", "--rows"],
        cwd=tmp_path,
        env=environment_without_servers,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == (0 if case.status == "loaded" else 1)
    found = json.loads(done.stdout)
    assert (found["status"], found["rows_read"]) == (case.status, case.read)
    assert (found["rows_written"], found["rows_rejected"]) == (len(case.rows), len(case.rejects))
    assert repr(sorted(found["rows"], key=lambda row: row["id"])) == repr(case.rows)
    assert [(one["line"], one["reason"]) for one in found["rejects"]] == case.rejects
    error = found["file_error"]
    assert (error and (error["reason"], error["line"])) == case.error


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_running_pipeline_stores_exactly_that(platform: Platform) -> None:
    apps = {name: case.app(name) for name, case in CASES.items()}
    customer = platform.add_customer(apps=apps, **DOCUMENT)
    platform.apply()
    for name, case in CASES.items():
        platform.put(customer, f"{name}/{case.file}", (FILES / case.file).read_bytes())
    with platform.manager():
        loads = {load["key"].partition("/")[0]: load for load in platform.settled(customer, len(CASES))}
        platform.verify(customer)

    for name, case in CASES.items():
        load = loads[name]
        counts = (load["status"], load["rows_read"], load["rows_written"], load["rows_rejected"])
        assert counts == (case.status, case.read, len(case.rows), len(case.rejects)), name
        assert load["reason"] == (case.error and case.error[0]), name
        stored = sorted(platform.rows(customer, table=name), key=lambda row: row["id"])
        expected = [{column: row.get(column) for column in case.columns} for row in case.rows]
        seen = [{column: shown(row[column]) for column in case.columns} for row in stored]
        assert repr(seen) == repr(expected), name  # as text: it tells -0.0 from 0.0


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_c33_second_load_without_values_leaves_the_first_and_no_tombstone(platform: Platform) -> None:
    app = CASES["c33"].app("c33")
    customer = platform.add_customer(apps={"c33": app}, **DOCUMENT)
    platform.apply()
    with platform.manager():
        platform.put(customer, "c33/a.csv", b"id,name,note\n1,Ann,a\n2,Ben,b\n")
        platform.settled(customer, 1)
        platform.put(customer, "c33/a.csv", b"id,name,note\n1,,c\n2,,\n3,,d\n")
        platform.settled(customer, 2)
    rows = sorted(tuple(row.values()) for row in platform.rows(customer, "id, name, note", table="c33"))
    assert rows == [(1, "Ann", "c"), (2, "Ben", "b"), (3, None, "d")]
    select = f'SELECT * FROM "{keyspace(customer)}".c33'
    trace = platform.session.execute(select, trace=True).get_query_trace(30)
    read = [event.description for event in trace.events if "tombstone" in event.description]
    assert read
    assert all(" 0 tombstone cells" in description for description in read)


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_c45_wide_rows_of_many_partitions_are_all_written(platform: Platform) -> None:
    case = Case("C45_wide.csv", {"a": "text", "b": "text"})
    customer = platform.add_customer(apps={"c45": case.app("c45")}, **DOCUMENT)
    platform.apply()
    rows = {f"p{number}": "x" * 1_000 for number in range(100)}
    body = b"a,b\n" + "".join(f"{a},{b}\n" for a, b in rows.items()).encode()
    (platform.folder / "wide.csv").write_bytes(body)
    check = ["check", "wide.csv", "--customer", customer, "--key", "c45/wide.csv", "--rows"]
    seen = json.loads(platform.command("ingest-manager", *check))
    with platform.manager():
        platform.put(customer, "c45/wide.csv", body)
        [load] = platform.settled(customer, 1)
    assert (seen["status"], seen["rows_read"], seen["rows_written"]) == ("loaded", 100, 100)
    assert {row["a"]: row["b"] for row in seen["rows"]} == rows
    assert (load["status"], load["rows_read"], load["rows_written"]) == ("loaded", 100, 100)
    assert {row["a"]: row["b"] for row in platform.rows(customer, table="c45")} == rows
