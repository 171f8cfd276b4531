"""What `history` tells: of customers that nobody knows, and of loads that wait for a retry."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
from support import fakes
from support.fakes import FakeLedger

from bucket_policies import command_line
from ingest_manager.cli import cli
from ingest_manager.ledger.loads import Load
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
