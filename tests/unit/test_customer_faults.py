"""`verify` and `reconcile` over all customers: a fault with one stops no other, and is told by name."""

import json
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fakes import FakeLedger, FakePublisher, FakeStore

from bucket_policies import command_line
from ingest_manager.cassandra import cassandra_session
from ingest_manager.cli import cli
from ingest_manager.errors import ServerDown, TransientError
from ingest_manager.settings import Settings

DOCUMENT = '{"formats":[".csv"],"number_files":10,"data_sizes":4096}'
REFUSED = TransientError("the store answered AccessDenied for 'staging-acme/'", "AccessDenied")


class Scene:
    """Customers acme, bolt and zenith, whose buckets are empty, and the two commands over fakes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.documents = folder / "customers"
        self.documents.mkdir()
        for name in ("acme", "bolt", "zenith"):
            (self.documents / f"{name}.json").write_text(DOCUMENT)
        self.store, self.ledger = FakeStore(), FakeLedger()
        self._monkeypatch = monkeypatch
        secret = SimpleNamespace(get_secret_value=lambda: "")
        settings: dict[str, Any] = {"bucket_policies_dir": folder, "amqp_url": secret, "token_key": secret}
        publisher = FakePublisher()
        publisher.close = lambda: None  # nothing to end
        replaced = {
            "Settings": lambda: Settings.model_construct(**settings),
            "connect_store": lambda _: self.store,
            "connect_ledger": lambda *_: self.ledger,
            "open_ledger": lambda _: nullcontext(self.ledger),
            "PauseStore": lambda _: SimpleNamespace(current=dict),
            "Publisher": lambda _: publisher,
        }
        monkeypatch.setattr(cassandra_session, "connect", lambda _: nullcontext(None))
        for name in ("verify", "reconcile"):
            module = import_module(f"ingest_manager.commands.{name}")
            for what in replaced.keys() & vars(module).keys():
                monkeypatch.setattr(module, what, replaced[what])

    def run(self, *words: str) -> int:
        self._monkeypatch.setattr("sys.argv", ["ingest-manager", *words])
        return command_line.run(cli, "ingest-manager")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_reconcile_goes_on_after_a_customer_whose_bucket_is_refused(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.store.faults["versions"] = [REFUSED]
    assert scene.run("reconcile") == 1
    told = capsys.readouterr()
    done = "0 objects looked at, 0 events were lost, 0 loads published again"
    assert told.out.splitlines() == [f"bolt: {done}", f"zenith: {done}"]
    assert told.err == f"ingest-manager: acme could not be reconciled: {REFUSED}\n"


def test_reconcile_names_a_customer_whose_document_is_refused_in_json_too(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (scene.documents / "bolt.json").write_text("{")
    assert scene.run("reconcile", "--json") == 1
    told = capsys.readouterr()
    *done, fault = map(json.loads, told.out.splitlines())
    assert [one["customer"] for one in done] == ["acme", "zenith"]
    assert fault["customer"] == "bolt"
    assert fault["fault"].startswith("its document is refused: ")
    assert told.err == f"ingest-manager: bolt could not be reconciled: {fault['fault']}\n"


def test_verify_goes_on_after_a_customer_whose_bucket_is_refused(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (scene.documents / "bolt.json").write_text("{")
    scene.store.put_version(b"", bucket="staging-bolt")
    scene.store.put_version(b"", bucket="staging-zenith")
    scene.store.faults["versions"] = [REFUSED]
    assert scene.run("verify", "--json") == 1
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert [one["customer"] for one in report["differences"]] == ["zenith"]
    assert (report["faults"].keys(), report["without_document"]) == ({"acme", "bolt"}, [])
    assert report["faults"]["acme"] == str(REFUSED)
    assert f"ingest-manager: acme could not be verified: {REFUSED}" in told.err.splitlines()
    assert len(told.err.splitlines()) == 2


def test_whole_platform_without_a_fault_is_success(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert [scene.run("verify"), scene.run("reconcile")] == [0, 0]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["verify", "reconcile"])
def test_server_that_is_away_ends_the_command(scene: Scene, command: str) -> None:
    scene.store.faults["versions"] = [ServerDown("the store cannot be reached", server="minio")]
    with pytest.raises(ServerDown):
        scene.run(command)
