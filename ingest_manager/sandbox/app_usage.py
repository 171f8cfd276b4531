"""What an app's processes use together, as Linux tells it; elsewhere nothing is known."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_LOOKED_AT = 1_000
_TIMES = slice(11, 15)  # user and system, own and of children that have ended, behind the name
_OWN_MEMORY = ("RssAnon:", "RssShmem:")  # not the libraries, which all processes share


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment; the time is all that was used since the first of them began."""

    memory_bytes: int = 0
    cpu_seconds: float = 0
    processes: int = 0


def usage_of(pid: int) -> Usage:
    """Add up a process and all that stem from it."""
    memory, ticks, count = 0, 0, 0
    for found in family_of(pid):
        with suppress(OSError, ValueError):  # it has just ended
            memory += _memory_kib(found)
            ticks += sum(map(int, _stat(found)[_TIMES]))
            count += 1
    return Usage(memory << 10, ticks / _TICKS, count)


def family_of(pid: int) -> list[int]:
    """Give a process and all that stem from it, parents first; of very many only the first."""
    found = [pid]
    for member in found:  # grows meanwhile
        with suppress(OSError):
            for task in (_PROC / str(member) / "task").iterdir():
                found += map(int, (task / "children").read_text().split())
        if len(found) > _MOST_LOOKED_AT:
            break
    return found


def _memory_kib(pid: int) -> int:
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(_OWN_MEMORY))


def _stat(pid: int) -> list[str]:
    text = (_PROC / str(pid) / "stat").read_text()
    return text[text.rindex(")") + 2 :].split()
