"""A load of a local file that stores nothing: the answers of a load, without a server."""

import gzip
import json
from pathlib import Path

import pytest
from support import every_type, fakes
from support.app_documents import app_toml
from support.written_files import as_json_lines, as_parquet
from typer.testing import CliRunner

from customer_ingestapps.registry import Registry
from ingest_manager.apps.check import Check, CheckView
from ingest_manager.cli import cli

PEOPLE = """
[files]
keys = ["**.csv", "**.csv.gz"]
format = "csv"
[table]
name = "people"
partition_key = ["id"]
[columns]
id = "int"
name = "text"
points = "bigint"
note = { type = "text", empty = "null" }
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    folder = tmp_path / "apps" / "acme" / "people"
    folder.mkdir(parents=True)
    (folder / "app.toml").write_text(PEOPLE)
    return tmp_path / "apps"


def check(
    apps: Path, body: bytes, key: str = "people.csv", *, most: int | None = None, **constraints: object
) -> CheckView:
    document = {"formats": [".csv", ".csv.gz"]} | constraints
    file = apps.parent / "local file"
    file.write_bytes(body)
    subject = Check(
        fakes.customer("acme", **document), Registry(apps), with_rows=True, most_rejects=most
    )  # fmt: skip
    return subject.run(file, key)


def test_sound_file_shows_its_rows_as_they_would_be_stored(apps: Path) -> None:
    view = check(apps, b'id,name,points,note\n1,Ann,9223372036854775807,\n2,"",,x\n')
    assert (view.status, view.app, view.rows_read, view.rows_written, view.rows_rejected) == (
        "loaded", "people", 2, 2, 0,
    )  # fmt: skip
    assert view.rows == [
        {"id": 1, "name": "Ann", "points": "9223372036854775807", "note": None},
        {"id": 2, "name": "", "note": "x"},
    ]
    assert (view.rejects, view.file_error) == ([], None)


def test_bad_rows_are_named_with_line_column_value_and_reason(apps: Path) -> None:
    view = check(apps, b'id,name\n1,"two\nlines"\nx,Bob\n3\n')
    assert (view.status, view.rows_read, view.rows_written, view.rows_rejected) == ("partly_loaded", 3, 1, 2)
    assert [(one.line, one.column, one.value, one.reason) for one in view.rejects] == [
        (4, "id", "x", "bad_value"),
        (5, None, None, "wrong_field_count"),
    ]
    assert view.rejects[1].message == "1 fields, the header has 2"


def test_file_that_cannot_be_read_says_where_and_writes_nothing(apps: Path) -> None:
    view = check(apps, b'id,name\n1,Ann\n2,"open\n')
    assert (view.status, view.rows_written, view.rows) == ("rejected", 0, [])
    assert view.file_error is not None
    assert view.file_error.model_dump() == {
        "reason": "unclosed_quote", "message": "the quote opened on line 3 is never closed", "line": 3,
    }  # fmt: skip


def test_rows_of_one_key_are_folded_within_and_across_chunks(apps: Path) -> None:
    late = b"".join(b"%d,late,,\n" % number for number in range(10_001))
    view = check(apps, b"id,name,points,note\n0,early,7,first\n0,second,,\n" + late)
    assert view.rows is not None
    assert (view.rows_read, view.table_rows, len(view.rows)) == (10_003, 10_001, 10_001)
    assert view.rows[0] == {"id": 0, "name": "late", "points": 7, "note": None}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_values_of_every_type_are_shown_as_they_could_be_sent(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "apps" / "acme" / "t"
    folder.mkdir(parents=True)
    app = app_toml(
        files={"keys": ["*"], "format": form},
        table={"name": "t", "partition_key": ["id"]},
        columns=every_type.COLUMNS,
        types={name: dict(fields) for name, fields in every_type.TYPES.items()},
    )
    (folder / "app.toml").write_text(app)
    types = Registry(tmp_path / "apps").pick("acme", "t").contract.cql_types
    rows = [every_type.VALUES]
    body = as_parquet(rows, types) if form == "parquet" else as_json_lines(rows)
    view = check(tmp_path / "apps", body, "t.rows", formats=[".rows"])
    assert view.rejects == []
    assert view.rows == [every_type.VALUES | every_type.SHOWN]


def test_object_longer_than_one_range_is_read_whole(apps: Path) -> None:
    view = check(
        apps,
        b"id,name\n" + b"".join(b"%d,%s\n" % (row, b"n" * 1000) for row in range(9_000)),
        data_sizes=9216,
    )
    assert (view.rows_read, view.rows_written) == (9_000, 9_000)


@pytest.mark.parametrize(
    ("key", "constraints", "reason"),
    [
        ("people.pdf", {}, "format"),
        ("people.csv", {"data_sizes": 1}, "size"),
        ("in//people.csv", {}, "name"),
        ("people.csv.gz", {}, "wrong_compression"),
        ("people.tsv", {"formats": [".tsv"]}, "no_app"),
    ],
)
def test_what_a_load_refuses_is_refused(
    apps: Path, key: str, constraints: dict[str, object], reason: str
) -> None:
    view = check(apps, b"id,name\n" + b"1,Ann\n" * 500, key, **constraints)
    assert (view.status, view.rows_read, view.file_error and view.file_error.reason) == (
        "rejected",
        0,
        reason,
    )


def test_bomb_stops_at_the_limit(apps: Path) -> None:
    view = check(apps, gzip.compress(b"id,name\n" + b"1,Ann\n" * 100_000), "people.csv.gz", expanded_kib=64)
    assert view.file_error is not None
    assert view.file_error.reason == "expanded_too_large"


def test_apps_that_are_refused_are_the_admins_fault(apps: Path) -> None:
    (apps / "acme" / "people" / "app.toml").write_text(PEOPLE.replace("bigint", "counter"))
    view = check(apps, b"id,name\n1,Ann\n")
    assert view.file_error is not None
    assert view.file_error.reason == "app_refused"
    assert "counter columns cannot be loaded" in view.file_error.message


def test_too_many_rejects_end_it_at_the_line(apps: Path) -> None:
    view = check(apps, b"id,name\nx,a\ny,b\nz,c\n4,d\n", max_rejects=1)
    assert (view.status, view.rows_read, view.rows_written, view.rows_rejected) == ("rejected", 3, 0, 3)
    assert view.file_error is not None
    assert (view.file_error.reason, view.file_error.line) == ("too_many_rejects", 3)


def test_no_more_rejects_are_kept_than_are_shown(apps: Path) -> None:
    view = check(apps, b"id,name\n" + b"x,Bob\n" * 30, most=20)
    assert (view.rows_rejected, len(view.rejects), view.rejects[-1].line) == (30, 20, 21)


class TestCommand:
    @pytest.fixture
    def run(self, apps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        document = {"formats": [".csv"], "number_files": 1, "data_sizes": 1}
        (tmp_path / "policies" / "customers").mkdir(parents=True)
        (tmp_path / "policies" / "customers" / "acme.json").write_text(json.dumps(document))
        monkeypatch.chdir(tmp_path)  # far from any checkout's `.local/env`
        environment = {
            "BUCKET_POLICIES_DIR": str(tmp_path / "policies"),
            "CUSTOMER_INGESTAPPS_DIR": str(apps),
        }
        (tmp_path / "people.csv").write_bytes(b"id,name\n1,Ann\nx,Bob\n")
        return lambda *arguments: CliRunner().invoke(cli, ["check", *arguments], env=environment)

    def test_document_holds_everything_and_the_exit_code_says_that_a_row_is_bad(self, run) -> None:
        done = run("people.csv", "--customer", "acme", "--json")
        document = json.loads(done.stdout)
        assert done.exit_code == 1
        assert {name: document[name] for name in ("rows_read", "rows_written", "rows_rejected")} == {
            "rows_read": 2, "rows_written": 1, "rows_rejected": 1,
        }  # fmt: skip
        assert [set(one) for one in document["rejects"]] == [{"line", "column", "value", "reason", "message"}]
        assert document["file_error"] is None
        assert "rows" not in document

    def test_summary_shows_the_first_rejects(self, run) -> None:
        done = run("people.csv", "--customer", "acme")
        lines = done.stdout.splitlines()
        assert done.exit_code == 1
        assert lines[:2] == [
            "people.csv: would be partly loaded by app people",
            "rows: 2 read, 1 would be written, 1 rejected",
        ]
        assert lines[3].split()[:3] == ["3", "id", "bad_value"]

    def test_clean_file_is_exit_0_and_its_rows_are_shown_when_asked_for(self, run, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_bytes(b"id,name\n1,Ann\n")
        done = run("people.csv", "--customer", "acme", "--json", "--rows")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["rows"] == [{"id": 1, "name": "Ann"}]

    @pytest.mark.parametrize(
        "arguments",
        [["nowhere.csv", "--customer", "acme"], ["people.csv", "--customer", "zenith"], ["people.csv"]],
    )
    def test_wrong_usage_is_exit_2(self, run, arguments: list[str]) -> None:
        assert run(*arguments).exit_code == 2
