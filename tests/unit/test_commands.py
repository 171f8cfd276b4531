"""All commands, walked: help with examples that can be typed, and JSON from all that end by themselves."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer._click.exceptions import ClickException
from typer.main import get_command

from bucket_policies.cli import app as bucket_policies
from fetchdata.cli import app as fetchdata
from ingest_manager.cli import cli as ingest_manager

PROGRAMS: dict[str, Any] = {  # of click, and of typer's own click
    "bucket-policies": get_command(bucket_policies),
    "fetchdata": fetchdata,
    "ingest-manager": get_command(ingest_manager),
}
RUN_UNTIL_STOPPED = {
    "bucket-policies auth-service",
    "bucket-policies watch",
    "ingest-manager run",
    "ingest-manager status-service",
}
PRINTS_A_FILE = {"fetchdata rejects"}  # to be corrected and sent again


def commands_of(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, one in (inner or {}).items():
        yield from commands_of(f"{name} {word}", one)


COMMANDS = {name: one for program, top in PROGRAMS.items() for name, one in commands_of(program, top)}


def examples_of(command: Any) -> str:
    """What follows "Examples:" in a command's help."""
    return f"{command.help}\n{command.epilog or ''}".partition("Examples:\n")[2]


def typed(program: str, text: str) -> list[list[str]]:
    """The words behind a program's name wherever a text types it, up to the shell's own signs."""
    return [shlex.split(words) for words in re.findall(rf"\b{program}\b *([^|>)\n]*)", text)]


def check_words(program: str, words: list[str]) -> None:
    """Parse words against the parameters of the command that they name; nothing runs."""
    if program == "fetchdata" and words[0] not in fetchdata.commands:
        words = ["push", *words]
    command = PROGRAMS[program]
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    command.make_context(name, words)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the files lie that examples read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drafts" / "planes").mkdir(parents=True)
    for text in map(examples_of, COMMANDS.values()):
        for name in re.findall(r" ([\w-]+\.\w+)\b", text):
            (tmp_path / name).touch()


def test_every_program_has_its_commands() -> None:
    assert {name.split(maxsplit=1)[0] for name in COMMANDS} == set(PROGRAMS)
    assert COMMANDS.keys() >= RUN_UNTIL_STOPPED | PRINTS_A_FILE | {"ingest-manager dead-letters discard"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_does_and_has_numbered_examples_that_can_be_typed(name: str) -> None:
    program, examples = name.split(maxsplit=1)[0], examples_of(COMMANDS[name])
    numbers = re.findall(r"^ *(\d)\. ", examples, re.MULTILINE)
    assert numbers in (["1", "2"], ["1", "2", "3"]), examples
    found = typed(program, examples)
    assert len(found) >= len(numbers)
    for words in found:
        check_words(program, words)
    own = name.split()[1:]
    assert own in [words[: len(own)] for words in found]


def test_examples_of_fetchdata_itself_can_be_typed() -> None:
    found = typed("fetchdata", examples_of(fetchdata))
    assert len(found) >= 4
    for words in found:
        check_words("fetchdata", words)


@pytest.mark.parametrize("name", COMMANDS.keys() - RUN_UNTIL_STOPPED - PRINTS_A_FILE)
def test_command_that_ends_by_itself_answers_in_json(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize(
    "words",
    [
        ["history", "--never"],
        ["history", "--status", "nonsense"],
        ["rejects"],
        ["rejects", "no-id"],
        ["status", "customer-1"],
        ["nonsense"],
    ],
)
def test_example_that_could_not_be_typed_would_be_seen(words: list[str]) -> None:
    with pytest.raises((KeyError, ClickException)):
        check_words("ingest-manager", words)
