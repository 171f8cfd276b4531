"""How much CPU processes have used: of our own services and servers, by their process group."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def group_cpu_seconds(group: int) -> float:
    """Add up what a group's processes have used, with the children that they have waited for."""
    found = (_times(entry, group) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sum(found) / _TICKS


def _times(entry: Path, group: int) -> int:
    try:
        stat = (entry / "stat").read_text()
    except OSError:  # it has just ended
        return 0
    return parse_times(stat, group)


def parse_times(stat: str, group: int) -> int:
    """Return the clock ticks of a process of the group by its `/proc/<pid>/stat`, 0 if it is of another."""
    fields = stat[stat.rindex(")") + 2 :].split()
    return sum(map(int, fields[11:15])) if int(fields[2]) == group else 0
