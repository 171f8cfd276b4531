"""What happens before and around the command: Ctrl-C, an old Python, settings, a closed pipe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fetchdata import __version__
from fetchdata.__main__ import main
from fetchdata.errors import UsageError
from fetchdata.settings import checkout_settings

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from fetchdata.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["fetchdata.cli", "rich.console", "httpx", "cattrs", "fetchdata.waiting"])
def test_ctrl_c_while_the_command_is_being_imported_leaves_no_traceback(module: str) -> None:
    code = INTERRUPTED_WHILE_IMPORTING.format(module=module)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_older_python_is_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == "fetchdata: Python 3.11 or newer is needed, this is 3.9\n"


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["fetchdata", "--version"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert (ended.value.code, capsys.readouterr().out) == (0, f"fetchdata {__version__}\n")


def test_a_reader_who_has_seen_enough_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "fetchdata", "--help"]

    with os.fdopen(writing) as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "")


def test_a_checkouts_file_sets_options_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(
        "FETCHDATA_SERVER=http://ingest.test\nFETCHDATA_CA=\nFETCHDATA_LIMIT=3\nBUCKET_POLICIES_S3_URL=x\n"
    )

    assert checkout_settings(file) == {"server": "http://ingest.test"}
    assert checkout_settings(tmp_path / "missing") == {}


def test_a_checkouts_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"FETCHDATA_SERVER=\xff\n")

    with pytest.raises(UsageError, match=r"cannot read '.*env'"):
        checkout_settings(file)


def test_the_environment_wins_over_the_checkout_and_an_option_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "env").write_text(
        "FETCHDATA_SERVER=of-the-checkout\nFETCHDATA_CA=ca-of-checkout\n"
    )
    monkeypatch.setenv("FETCHDATA_PASSWORD", "word")
    monkeypatch.delenv("FETCHDATA_CA", raising=False)

    def fault(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["fetchdata", "-u", "acme", *arguments])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().err

    monkeypatch.setenv("FETCHDATA_SERVER", "")
    assert "must look like" in fault()
    monkeypatch.setenv("FETCHDATA_SERVER", "http://ingest.test")
    assert "the CA file 'ca-of-checkout'" in fault()
    assert "the CA file 'ca-of-option'" in fault("--ca", "ca-of-option")
    assert "must not hold a password" in fault("--server", "http://a:b@ingest.test")
