"""What the servers need inside: what one customer's documents get refused stops nobody else."""

from pathlib import Path

import pytest

from servers import service
from servers.errors import ServersError
from servers.service import set_up


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with commands of ours that do nothing and say so."""
    monkeypatch.setattr(service, "BIN", tmp_path)
    for name in ("bucket-policies", "ingest-manager"):
        write(tmp_path / name, "echo done")
    return tmp_path


def write(command: Path, script: str) -> None:
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_nothing_is_told_when_nothing_is_refused(commands: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up({})
    assert capsys.readouterr() == ("", "")


def test_what_is_refused_is_told_and_the_next_command_runs(
    commands: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(commands / "bucket-policies", "echo apps of nova: mend it >&2; exit 1")
    write(commands / "ingest-manager", f"touch {commands}/ran")
    set_up({})
    told = "`bucket-policies apply` refused something:\n  apps of nova: mend it\n"
    assert capsys.readouterr() == ("", told)
    assert (commands / "ran").exists()


def test_command_that_cannot_work_ends_the_start(commands: Path) -> None:
    write(commands / "ingest-manager", "echo a line; echo Cassandra is away >&2; exit 4")
    with pytest.raises(ServersError, match=r"^`ingest-manager setup` failed: Cassandra is away$"):
        set_up({})
