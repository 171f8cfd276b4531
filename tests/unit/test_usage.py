"""Wrong usage of a command that is built with typer: one line and 2."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from bucket_policies import usage
from bucket_policies.usage import run

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    how: Annotated[Literal["fast", "slow"], typer.Option()] = "fast",
    code: Annotated[int, typer.Option()] = 0,
) -> None:
    """Do what is planned.

    Examples: plan FILE
    """
    if str(file) == "refused":
        raise typer.BadParameter("'refused' is no file")
    if str(file) == "aborted":
        raise typer.Abort
    raise typer.Exit(code)


@app.command()
def apply() -> None:
    """Do it."""


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["our-command", *arguments])
    return run(app, "our-command")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["plan"], "Missing argument 'FILE'"),
        (["plan", "refused"], "'refused' is no file"),
        (["plan", "a", "--never"], "No such option: --never"),
        (["apply", "a"], "Got unexpected extra argument(s) (a)"),
    ],
)
def test_wrong_usage_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert ran(monkeypatch, *arguments) == usage.USAGE
    assert capsys.readouterr() == ("", f"our-command: {line}; see --help\n")


@pytest.mark.parametrize("arguments", [["plan", "a", "--how", "no"], ["plan", "a", "--code", "x"]])
def test_value_that_is_not_allowed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert ran(monkeypatch, *arguments) == usage.USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"our-command: Invalid value for '{arguments[2]}': ")
    assert (told.count("\n"), told.endswith("; see --help\n")) == (1, True)


def test_exit_codes_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(monkeypatch, "apply") == 0
    assert ran(monkeypatch, "plan", "a", "--code", "1") == 1


def test_command_without_arguments_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch) == usage.USAGE
    assert "Usage: our-command" in capsys.readouterr().err


def test_interrupted_question_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "plan", "aborted") == usage.INTERRUPTED
    assert capsys.readouterr().err == "our-command: interrupted\n"
