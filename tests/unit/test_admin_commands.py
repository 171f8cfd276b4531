"""What the admin's commands answer a program, where MinIO is not known."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bucket_policies.cli import app, main

PASSWORD = "a-word-nobody-guesses"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents' folder, of nobody yet, and no other setting."""
    for name in os.environ:
        if name.startswith("BUCKET_POLICIES_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BUCKET_POLICIES_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers").mkdir()
    return tmp_path


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
    monkeypatch.setenv("BUCKET_POLICIES_S3_URL", "http://127.0.0.1:9")
    for user in ("ADMIN", "GRANTER", "MANAGER"):
        for part in ("ACCESS_KEY", "SECRET_KEY"):
            monkeypatch.setenv(f"BUCKET_POLICIES_{user}_{part}", "a-word-of-this-test")
    monkeypatch.setattr("sys.argv", ["bucket-policies", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"bucket-policies: BUCKET_POLICIES_DIR: {folder}/customers cannot be read: "
        "No such file or directory; set it to the folder that has customers/ with the customers' documents\n"
    )
