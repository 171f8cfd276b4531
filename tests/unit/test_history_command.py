"""What `history` tells: of customers that nobody knows, and of loads that wait for a retry."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from support import fakes
from support.fakes import FakeLedger

from bucket_policies import command_line
from ingest_manager.cli import cli
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.settings import Settings

command = import_module("ingest_manager.commands.history")


class Scene:
    """A folder with the document of `bolt`, and a ledger."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "customers").mkdir()
        document = '{"formats": [".csv"], "number_files": 10, "data_sizes": 4096}'
        (folder / "customers" / "bolt.json").write_text(document)
        self.ledger = FakeLedger()
        self._settings = Settings.model_construct(bucket_policies_dir=folder, attempts=5)
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(command, "Settings", lambda: self._settings)
        monkeypatch.setattr(command, "open_ledger", lambda _: nullcontext(self.ledger))

    def run(self, *words: str) -> int:
        self._monkeypatch.setattr("sys.argv", ["ingest-manager", "history", *words])
        return command_line.run(cli, "ingest-manager")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def entered(scene: Scene, *loads: Load) -> Sequence[Load]:
    scene.ledger.enter(*loads)
    return loads


@pytest.mark.parametrize("more", [(), ("--json",), ("--status", "failed")])
def test_customer_that_nobody_knows_is_wrong_usage(
    scene: Scene, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    entered(scene, fakes.load(customer="acme"))
    code = scene.run("--customer", "nobody", *more)
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err == "ingest-manager: 'nobody' is no customer; the customers are bolt; see --help\n"


def test_customer_whose_document_is_gone_is_shown_by_its_loads(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    entered(scene, fakes.load(key="left.csv", customer="acme"))
    assert scene.run("--customer", "acme") == 0
    assert "acme/left.csv" in capsys.readouterr().out
    assert scene.run("--customer", "acme", "--status", "failed", "--json") == 0  # known, if not so
    assert capsys.readouterr() == ("", "")


def test_customer_without_loads_is_known_by_its_document(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.run("--customer", "bolt", "--json") == 0
    assert capsys.readouterr() == ("", "")


def rows(text: str) -> dict[str, str]:
    """What the table says of each object, behind its counts."""
    lines = [line.split(maxsplit=7) for line in text.splitlines()[1:]]
    return {line[2]: line[7].rstrip() if len(line) == 8 else "" for line in lines}


def test_load_that_waits_for_a_retry_says_which_attempt_it_had_and_when_the_next_is(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    due = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    entered(
        scene,
        fakes.load(LoadStatus.WAITING, "due.csv", attempts=2, retry_at=due, message="timed out"),
        fakes.load(LoadStatus.WAITING, "when.csv", attempts=1),
        fakes.load(LoadStatus.LOADING, "third.csv", attempts=3, retry_at=due),
        fakes.load(LoadStatus.LOADED, "once.csv", attempts=1, retry_at=due),
    )
    assert scene.run() == 0
    assert rows(capsys.readouterr().out) == {
        "acme/due.csv": "attempt 2 of 5, next at 02-03 04:05:06; timed out",
        "acme/when.csv": "attempt 1 of 5",
        "acme/third.csv": "3 attempts",
        "acme/once.csv": "",
    }
    assert scene.run("--json") == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["key"]: (one["attempts"], one["attempts_allowed"], one["retry_at"]) for one in shown} == {
        "due.csv": (2, 5, "2026-02-03T04:05:06Z"),
        "when.csv": (1, 5, None),
        "third.csv": (3, 5, None),
        "once.csv": (1, 5, None),
    }
