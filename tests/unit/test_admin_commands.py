"""What the admin's commands answer a program, where MinIO is not known."""

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from bucket_policies import logs, removal
from bucket_policies.cli import app, main
from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import MirrorError, PolicyError, UnreachableError
from bucket_policies.mirror import Holding
from bucket_policies.other_systems import OtherSystems
from bucket_policies.settings import GrantSettings, MirrorSettings, read_settings

remove = import_module("bucket_policies.commands.remove")

PASSWORD = "a-word-nobody-guesses"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents' folder, of nobody yet, and no other setting."""
    for name in os.environ:
        if name.startswith("BUCKET_POLICIES_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(logs, "configure", lambda: None)  # it is of the process, which other tests share
    monkeypatch.setenv("BUCKET_POLICIES_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers").mkdir()
    return tmp_path


def give_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET_POLICIES_S3_URL", "http://127.0.0.1:9")
    for user in ("ADMIN", "GRANTER", "MANAGER"):
        for part in ("ACCESS_KEY", "SECRET_KEY"):
            monkeypatch.setenv(f"BUCKET_POLICIES_{user}_{part}", "a-word-of-this-test")


def answered(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*words, "--json"], input=f"{PASSWORD}\n")
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert PASSWORD not in done.stdout
    return dict(json.loads(done.stdout))


def test_add_says_that_the_buckets_are_to_come_and_passwd_that_the_password_is_set(folder: Path) -> None:
    told = "MinIO's administrator is not known here: `bucket-policies watch` or `apply` makes the buckets"
    assert answered("add", "acme", "--password-stdin") == {
        "customer": "acme",
        "document": "customers/acme.json",
        "password_generated": False,
        "ready": False,
        "why_not": told,
        "failed": [],
    }
    before = (folder / "users.json").read_text()
    assert answered("passwd", "acme") == {"customer": "acme", "password_set": True}
    assert (folder / "users.json").read_text() != before


@pytest.mark.parametrize("words", [["plan"], ["apply"], ["usage"], ["usage", "acme"], ["passwd", "acme"]])
def test_folder_of_documents_that_is_not_there_is_a_fault_of_its_setting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    shutil.rmtree(folder / "customers")
    give_settings(monkeypatch)
    monkeypatch.setattr("sys.argv", ["bucket-policies", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"bucket-policies: BUCKET_POLICIES_DIR: {folder}/customers cannot be read: "
        "No such file or directory; set it to the folder that has customers/ with the customers' documents\n"
    )


class Away:
    """A system beside MinIO that answers nobody, or refuses."""

    def __init__(self, name: str, error: PolicyError) -> None:
        self.name, self.error = name, error

    def holdings(self, _: Customer) -> Iterable[Holding]:
        raise self.error

    def close(self) -> None:
        """There is no connection to end."""


LEFT = "what it has of acme stays and is not listed: when it answers, look there by hand for: "


@pytest.mark.parametrize(
    ("away", "told", "code"),
    [
        ([], "", 0),
        (
            [Away("RabbitMQ", UnreachableError("RabbitMQ", "refused"))],
            f"RabbitMQ was not looked at: RabbitMQ does not answer: refused; {LEFT}queue ingest.acme",
            4,
        ),
        (
            [Away("Cassandra", MirrorError("no"))],
            f'Cassandra was not looked at: no; {LEFT}keyspace "acme", and the loads of acme in the ledger',
            1,
        ),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_remove_says_what_was_not_looked_at_and_fails(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    away: list[Away],
    told: str,
    code: int,
    as_json: bool,
) -> None:
    answered("add", "acme", "--password-stdin")
    give_settings(monkeypatch)
    used = SimpleNamespace(staged_files=0, staged_bytes=0, archived_files=0, archived_bytes=0)
    monkeypatch.setattr(removal, "measure", lambda *_: used)
    monkeypatch.setattr(removal, "apply", lambda *_: [])
    monkeypatch.setattr(removal, "service_parts", lambda *_: [])
    monkeypatch.setattr(remove, "open_administration", lambda _: None)
    others = nullcontext(OtherSystems(away, []))  # type: ignore[arg-type]
    monkeypatch.setattr(remove, "other_systems", lambda: others)

    done = CliRunner().invoke(app, ["remove", "acme", "--yes", *(["--json"] if as_json else [])])

    assert (done.exit_code, done.stderr) == (code, f"bucket-policies: {told}\n" if told else "")
    assert list((folder / "customers").iterdir()) == []  # logins end all the same
    if as_json:
        assert json.loads(done.stdout)["faults"] == ([told] if told else [])


def test_grants_that_could_not_be_ended_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: GrantSettings) -> None:
        raise UnreachableError("Cassandra", "refused")

    answered("add", "acme", "--password-stdin")
    give_settings(monkeypatch)
    for name in ("HOSTS", "USER", "PASSWORD"):
        monkeypatch.setenv(f"BUCKET_POLICIES_CASSANDRA_{name}", "a-word-of-this-test")
    monkeypatch.setattr(removal, "CassandraSession", away)
    monkeypatch.setattr(removal, "apply", lambda *_: [])
    monkeypatch.setattr(removal, "service_parts", lambda *_: [])
    settings = read_settings(MirrorSettings)
    acme = CustomerDirectory(folder / "customers").current()["acme"]

    _, faults = removal.end(None, acme, settings)  # type: ignore[arg-type]

    told = "the grants of acme are not ended, nothing is to do: they end by themselves: "
    assert faults == [f"{told}Cassandra does not answer: refused"]
