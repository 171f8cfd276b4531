"""The documents as a reader types them: their fenced blocks, and a shell that goes through the commands.

A `console` block holds commands after `$ ` (continued after `> `) and what they print; `...` stands for
anything. A command ends with 0, or with the code that its comment `# exit N` names.
"""

import doctest
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*\n(?:>(?: .*)?\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)
_CONTINUED = re.compile(r"\n> ?")
_END = "-- end of the command --"
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    place: str
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command of a `console` block, and what its reader is told to expect."""

    text: str
    expected: str

    @property
    def exit_code(self) -> int:
        """The code with which it shall end."""
        told = re.search(r"# exit (\d+)", self.text)
        return int(told[1]) if told else 0


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text()
    for match in _FENCED.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(f"{page.name}:{line}", match[1], match[2])


def commands(page: Path) -> Iterator[tuple[str, Command]]:
    """Yield every command of a page, with its block's place."""
    for block in blocks(page):
        if block.language == "console":
            for match in _COMMAND.finditer(block.text):
                yield block.place, Command(_CONTINUED.sub("\n", match[1]), match[2])


class Typist:
    """A shell in a folder that types the commands of pages and compares what they print."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "Typist":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._shell.communicate("exit\n", timeout=60)

    def type_page(self, page: Path) -> int:
        """Type every command of a page; return how many there were."""
        typed = list(commands(page))
        for place, command in typed:
            self._type(place, command)
        return len(typed)

    def _type(self, place: str, command: Command) -> None:
        printed, exit_code = self.run(command.text)
        told = f"{place}: $ {command.text}{printed}(exit {exit_code})"
        assert exit_code == command.exit_code, told
        assert doctest.OutputChecker().check_output(command.expected, printed, _FLAGS), told

    def run(self, text: str) -> tuple[str, int]:
        """Run a command; return what it printed, both streams together, and its exit code."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f'{{ {text.rstrip()}\n}} </dev/null\necho "{_END} $?"\n')
        self._shell.stdin.flush()
        printed: list[str] = []
        for line in self._shell.stdout:
            before, end, exit_code = line.partition(_END)
            printed.append(before)
            if end:
                return "".join(printed), int(exit_code)
        raise AssertionError(f"the shell ended at: {text}")
