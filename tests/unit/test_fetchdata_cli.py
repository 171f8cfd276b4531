import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bucket_policies.rules import Violation
from fetchdata import cli
from fetchdata.__main__ import main
from fetchdata.api import Load
from fetchdata.files import SourceFile
from fetchdata.report import FileOutcome, Report, loads_table

LIGHT = "import fetchdata.cli, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {
    "boto3", "cassandra", "fastapi", "minio", "numpy", "pika", "polars", "pyarrow", "pydantic",
    "pydantic_core", "structlog", "typer",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from any checkout's `.local/env`, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FETCHDATA_SERVER", raising=False)
    monkeypatch.delenv("FETCHDATA_PASSWORD", raising=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def _run(*arguments: str) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["fetchdata", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return _run


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "Missing option '-u' / '--user'. (see fetchdata --help)"),
        (["psh"], "No such command 'psh'. Did you mean 'push'? (see fetchdata --help)"),
        (["-u", "acme", "-p", "word"], "no server: give its address with --server or in FETCHDATA_SERVER"),
        (
            ["-u", "acme", "-p", "word", "--server", "ingest.test"],
            "the server's address must look like https://ingest.example.com",
        ),
        (
            ["-u", "acme", "-p", "word", "--server", "http://acme:word@ingest.test"],
            "the server's address must not hold a password: use -u and -p",
        ),
        (
            ["-u", "acme", "-p", "word", "--server", "http://ingest.test"],
            "cannot read the folder 'client-input-dir': No such file or directory",
        ),
        (
            ["push", "-u", "acme", "-p", "word", "--server", "http://ingest.test", "-d", "nowhere"],
            "cannot read the folder 'nowhere': No such file or directory",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run, arguments: list[str], line: str) -> None:
    assert run(*arguments) == (2, "", f"fetchdata: {line}\n")


def test_without_a_terminal_a_missing_password_is_wrong_usage(run) -> None:
    code, _, err = run("-u", "acme", "--server", "http://ingest.test")

    assert (code, err) == (2, "fetchdata: no password: give it with -p or in FETCHDATA_PASSWORD\n")


def test_server_and_password_are_taken_from_the_environment(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FETCHDATA_SERVER", "http://ingest.test")
    monkeypatch.setenv("FETCHDATA_PASSWORD", "word")

    assert run("-u", "acme")[2] == (
        "fetchdata: cannot read the folder 'client-input-dir': No such file or directory\n"
    )


def test_a_fault_of_ours_is_one_line_without_what_it_held(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("word")

    monkeypatch.setattr(cli, "AuthService", fail)

    assert run("-u", "acme", "-p", "word", "--server", "http://ingest.test") == (
        70,
        "",
        "fetchdata: internal fault, please report it: ValueError\n",
    )


def test_ctrl_c_ends_with_130_without_a_traceback(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "AuthService", interrupt)

    code, out, err = run("-u", "acme", "-p", "word", "--server", "http://ingest.test")
    assert (code, out, "Traceback" in err) == (130, "", False)


@pytest.mark.parametrize(
    "command", [[], ["push"], ["status"], ["history"], ["credentials"], ["validate"], ["rejects"]]
)
def test_every_help_ends_with_numbered_examples(run, command: list[str]) -> None:
    code, out, err = run(*command, "--help")

    assert (code, err) == (0, "")
    assert "  1. " in out
    assert "  2. " in out


def test_the_command_imports_nothing_of_the_servers() -> None:
    modules = subprocess.run([sys.executable, "-c", LIGHT], check=True, capture_output=True, text=True)

    assert HEAVY & set(modules.stdout.split()) == set()


def test_validate_without_its_extra_says_how_to_get_it(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fetchdata.validation", None)  # as where it cannot be imported

    code, out, err = run("validate", "-u", "acme", "-p", "word", "--server", "http://ingest.test")
    assert (code, out) == (2, "")
    assert err == (
        "fetchdata: validate needs an extra of the package, which fetchdata.pyz cannot hold: "
        "python3 -m pip install 'ingestion_platform-0.1.0-py3-none-any.whl[validate]'\n"
    )


def test_rejects_of_what_is_no_load_id_is_wrong_usage(run) -> None:
    code, out, err = run("rejects", "-u", "acme", "-p", "word", "orders.csv")

    assert (code, out) == (2, "")
    assert "'orders.csv' is not a valid UUID" in err


def test_the_table_lines_up_and_shows_a_name_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Violation(rule="format", value="x", limit=".csv", message="no .csv")
    report = Report(
        "u1",
        (
            FileOutcome(
                SourceFile(Path("a.csv"), "[red]a.csv", 1234, 0),
                is_accepted=True,
                load=Load(
                    load_id="1",
                    key="a.csv",
                    status="loaded",
                    rows_read=1000,
                    rows_written=999,
                    rows_rejected=1,
                ),
            ),
            FileOutcome(SourceFile(Path("b"), "b\n.pdf", 5, 0), [refused]),
        ),
        has_waited=True,
    )

    cli.print_table(report.table())

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == "file          size   status    rows read   written   rejected   remark"
    assert lines[2] == (
        "[red]a.csv   1,234   loaded        1,000       999          1   see: fetchdata rejects 1"
    )
    assert lines[3] == r"b\n.pdf          5   refused                                    format: no .csv"
    assert report.summary() == "upload u1: 1 loaded, 1 refused"


def test_history_shows_a_line_for_each_load(capsys: pytest.CaptureFixture[str]) -> None:
    cli.print_table(loads_table([Load(load_id="1", key="a.csv", status="queued")]))

    assert "a.csv    queued" in capsys.readouterr().out


@pytest.fixture
def east_of_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--since", "0001-01-01", "the year 1 is out of range"),
        ("--status", "nonsense", "'nonsense' is not one of 'queued', 'loading'"),
        ("--limit", "10001", "10001 is not in the range 1<=x<=10000"),
    ],
)
def test_history_of_what_cannot_be_is_wrong_usage(
    run, east_of_greenwich: None, option: str, value: str, fault: str
) -> None:
    code, out, err = run(
        "history", "-u", "acme", "-p", "word", "--server", "http://ingest.test", option, value
    )
    assert (code, out) == (2, "")
    assert fault in err
