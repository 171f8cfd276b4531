"""The face that every loader shows: it takes a file into a table that is empty, and says how it went."""

import re
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.datasets import Dataset


class ContestantError(Exception):
    """A contestant did not load; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One loading of one file."""

    rows_per_second: float
    """By the loader's own clock where it has one: the start of a program is not counted."""

    cpu_seconds: float
    """The client's, everything included."""


class Contestant(Protocol):
    """A loader; its table is emptied before, and checked afterwards."""

    @property
    def name(self) -> str:
        """How the table of figures calls it."""
        ...

    def load(self, dataset: Dataset, path: Path) -> Turn:
        """Load a file.

        Raises:
            ContestantError: it did not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Where the database is, and the login that contestants have: the manager's own."""

    host: str
    port: int
    user: str
    password: str
    keyspace: str

    @classmethod
    def of(cls, environment: Mapping[str, str], keyspace: str) -> "Access":
        """Read it from an instance's environment."""
        settings = {
            name: environment[f"INGEST_MANAGER_CASSANDRA_{name.upper()}"]
            for name in ("hosts", "port", "user", "password")
        }
        return cls(settings["hosts"], int(settings["port"]), settings["user"], settings["password"], keyspace)


def run_program(command: Sequence[str | Path], folder: Path) -> tuple[str, float]:
    """Run a loader to its end; return what it said and the CPU that it used.

    Raises:
        ContestantError: it failed, or is not there.
    """
    before = _children_cpu_seconds()
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ContestantError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise ContestantError(f"{command[0]} ended with {done.returncode}: {done.stdout.strip()[-500:]}")
    return done.stdout, _children_cpu_seconds() - before


def figure_in(pattern: str, output: str) -> float:
    """Return the last figure that a program gives in the words of a pattern.

    Raises:
        ContestantError: it says nothing like that.
    """
    found = re.findall(pattern, output)
    if not found:
        raise ContestantError(f"no figure in: {output.strip()[-500:]}")
    return float(found[-1].replace(",", ""))


def write_private(path: Path, text: str) -> Path:
    """Write a file with a password."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
