"""A new app is written beside the others, checked with its whole sample; nothing that exists is changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from customer_ingestapps.errors import IngestAppError
from customer_ingestapps.registry import Registry
from ingest_manager.cli import cli

SAMPLE = "id,name,price\n1,apple,0.5\n2,pear,0.6\n"
Run = Callable[..., Result]


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / "apps").mkdir()
    return tmp_path / "apps"


@pytest.fixture
def run(apps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    document = {"formats": [".csv"], "number_files": 1, "data_sizes": 1000}
    (tmp_path / "policies" / "customers").mkdir(parents=True)
    (tmp_path / "policies" / "customers" / "acme.json").write_text(json.dumps(document))
    (tmp_path / "fruit-1.csv").write_text(SAMPLE)
    monkeypatch.chdir(tmp_path)
    environment = {"BUCKET_POLICIES_DIR": str(tmp_path / "policies"), "CUSTOMER_INGESTAPPS_DIR": str(apps)}

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, ["apps", *arguments], env=environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_app_is_written_with_its_sample_and_loads_it(run: Run, apps: Path) -> None:
    done = run("new", "acme", "--from", "fruit-1.csv")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "keys: fruit-*.csv (from the sample's name)" in lines
    assert "key: id (different in all 2 rows)" in lines
    assert "fruit-1.csv: would be loaded by app fruit" in lines
    assert "rows: 2 read, 2 would be written, 0 rejected" in lines
    [app] = Registry(apps).apps("acme")
    assert (app.name, app.contract.table.name, app.contract.files.keys) == (
        "fruit",
        "fruit",
        ("fruit-*.csv",),
    )
    assert sorted(path.name for path in (apps / "acme" / "fruit").iterdir()) == ["app.toml", "sample.csv"]
    assert (apps / "acme" / "fruit" / "sample.csv").read_text() == SAMPLE
    assert run("check", "acme").exit_code == 0


def test_document_has_every_proposal(run: Run) -> None:
    document = json.loads(run("new", "acme", "--from", "fruit-1.csv", "--json").stdout)
    assert document["columns"]["price"] == {
        "declared": {"type": "double"}, "why": "2 numbers, 2 of them with decimals", "notes": [],
    }  # fmt: skip
    assert (document["table"], document["key"], document["rows"]) == ("fruit", ["id"], 2)
    assert document["check"]["rows_written"] == 2


def test_what_is_told_is_taken(run: Run, apps: Path) -> None:
    done = run(
        "new", "acme", "--from", "fruit-1.csv", "--name", "shop", "--table", "goods", "--key", "name,id",
        "--keys", "in/*.csv", "--keys", "**.csv.gz",
    )  # fmt: skip
    assert done.exit_code == 0
    [app] = Registry(apps).apps("acme")
    assert (app.name, app.contract.table.name) == ("shop", "goods")
    assert (app.contract.table.partition_key, app.contract.table.clustering_key) == (("name",), ("id",))
    assert app.contract.files.keys == ("in/*.csv", "**.csv.gz")


def test_nothing_is_overwritten(run: Run, apps: Path) -> None:
    folder = apps / "acme" / "fruit"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    done = run_refused(run, "new", "acme", "--from", "fruit-1.csv")
    assert done.endswith("exists and is left as it is; choose another name with --name")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def run_refused(run: Run, *arguments: str) -> str:
    with pytest.raises(IngestAppError) as raised:
        run(*arguments)
    return str(raised.value)


def test_app_beside_one_in_the_customers_own_folder_needs_that_moved_first(run: Run, apps: Path) -> None:
    run("new", "acme", "--from", "fruit-1.csv")
    (apps / "acme" / "fruit" / "app.toml").rename(apps / "acme" / "app.toml")
    assert "give it a folder of its own first" in run_refused(
        run, "new", "acme", "--from", "fruit-1.csv", "--name", "b"
    )


def test_app_that_would_want_anothers_objects_is_refused_and_not_written(run: Run, apps: Path) -> None:
    run("new", "acme", "--from", "fruit-1.csv")
    message = run_refused(run, "new", "acme", "--from", "fruit-1.csv", "--table", "other")
    assert message.startswith("acme/fruit/app.toml and acme/other/app.toml: files.keys 'fruit-*.csv'")
    assert not (apps / "acme" / "other").exists()


def test_sample_that_would_not_load_whole_is_told_by_the_exit_code(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ragged-1.csv").write_text("id,name\n1,a\n2,b,c\n")
    done = run("new", "acme", "--from", "ragged-1.csv")
    assert done.exit_code == 1
    assert "rows: 2 read, 1 would be written, 1 rejected" in done.stdout


def test_sample_that_nobody_can_read_is_one_line(run: Run, tmp_path: Path, apps: Path) -> None:
    (tmp_path / "bad-1.csv").write_text('id,name\n1,"a\n')
    done = run("new", "acme", "--from", "bad-1.csv")
    assert done.exit_code == 1
    fault = "the quote opened on line 2 is never closed"
    assert done.stderr == f"ingest-manager: no app can be proposed from 'bad-1.csv': {fault}\n"
    assert list(apps.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--name", "../x"),
        ("--table", "2nd"),
        ("--delimiter", "ab"),
        ("--delimiter", '"'),
        ("--encoding", "ebcdic"),
        ("--zone", "../passwd"),
    ],
)
def test_words_that_could_not_be_declared_are_wrong_usage(run: Run, option: str, word: str) -> None:
    done = run("new", "acme", "--from", "fruit-1.csv", option, word)
    assert done.exit_code == 2
    assert option in done.stderr


def test_list_shows_apps_and_what_is_refused(run: Run, apps: Path) -> None:
    assert run("list", "acme").exit_code == 1
    run("new", "acme", "--from", "fruit-1.csv")
    done = run("list", "--json")
    [view] = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 0
    assert view | {"version": "v"} == {
        "customer": "acme", "app": "fruit", "kind": "declared", "version": "v",
        "keys": ["fruit-*.csv"], "format": "csv",
        "table": "fruit", "columns": {"id": "int", "name": "text", "price": "double"}, "sample": "sample.csv",
        "problem": None,
    }  # fmt: skip
    declaration = apps / "acme" / "fruit" / "app.toml"
    declaration.write_text(declaration.read_text().replace('"int"', '"integer"'))
    done = run("list")
    assert done.exit_code == 1
    assert "'integer'" in done.stdout


def test_version_in_the_list_is_that_of_the_ledger_and_covers_every_file(run: Run, apps: Path) -> None:
    run("new", "acme", "--from", "fruit-1.csv")

    def version() -> Any:
        return json.loads(run("list", "--json").stdout)["version"]

    first = version()
    assert first.endswith("-r1")
    (apps / "acme" / "fruit" / "notes.txt").write_text("a file of its own")
    assert version() != first


def test_check_without_a_file_takes_every_sample_and_misses_one(run: Run, apps: Path) -> None:
    run("new", "acme", "--from", "fruit-1.csv")
    done = run("check", "acme", "--json")
    assert [json.loads(line)["key"] for line in done.stdout.splitlines()] == ["fruit-sample.csv"]
    (apps / "acme" / "fruit" / "sample.csv").unlink()
    done = run("check", "acme")
    assert done.exit_code == 1
    assert done.stderr == "acme/fruit: has no sample beside its app.toml\n"


def test_check_of_a_file_says_what_a_load_would_do(run: Run, tmp_path: Path) -> None:
    run("new", "acme", "--from", "fruit-1.csv")
    (tmp_path / "fruit-2.csv").write_text("id,name,price\n3,plum,cheap\n")
    done = run("check", "acme", "fruit-2.csv")
    assert done.exit_code == 1
    assert "rows: 1 read, 0 would be written, 1 rejected" in done.stdout
    assert run("check", "acme", "fruit-2.csv", "--key", "other.csv").stdout.startswith(
        "other.csv: would be rejected"
    )
