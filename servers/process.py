"""One background process: started with its own log, found again by pid, ended for certain.

A record file keeps pid and start time, so that a later command finds the process again and never
signals a stranger that got the same pid.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

POLL_SECONDS = 0.05


class Stat(NamedTuple):
    """What the kernel says of a process that runs."""

    group: int
    start_time: int  # clock ticks since boot


def stat_of(pid: int) -> Stat | None:
    """Return what the kernel says, or None when the process does not run (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat[stat.rindex(")") + 2 :].split()
    if state in "ZX" and not _has_threads(pid):
        return None
    return Stat(group=int(fields[1]), start_time=int(fields[18]))


def _has_threads(pid: int) -> bool:
    # The first thread of a killed process can end before the others, which hold its ports until they do.
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()) > 1
    return False


def runs_in_group(group: int) -> bool:
    """Tell whether any process of the group runs."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any(stat.group == group for pid in pids if (stat := stat_of(pid)))


class Process:
    """A process of an instance, by name: its command, its log file and its record."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / "log" / f"{name}.log"
        self._record = folder / "run" / f"{name}.json"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while the process runs, whoever started it; None otherwise."""
        record = self._read_record()
        stat = stat_of(record["pid"]) if record else None
        if stat is not None and stat.start_time == record["start_time"]:
            return int(record["pid"])
        if self._child is not None:
            self._child.wait()  # it has ended: this only tells the kernel that we know
        return None

    def start(
        self, command: Sequence[str | Path], environment: Mapping[str, str], *, folder: Path | None = None
    ) -> None:
        """Start in a session of its own, so that a Ctrl-C on the terminal does not reach it.

        Args:
            command: the program and its arguments.
            environment: all that it has.
            folder: where it works, and may leave a crash dump; by default here.
        """
        for made in (self.log.parent, self._record.parent, folder or self.log.parent):
            made.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log_start = log.tell()
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._child.pid
        stat = stat_of(pid)  # None when it has ended already
        record = {"pid": pid, "start_time": stat.start_time if stat else None, "log_start": log_start}
        self._record.write_text(json.dumps(record))

    def stop(self, patience_seconds: float = 60) -> None:
        """Ask the process to end and wait for it; end it by force when it takes too long."""
        pid = self.pid
        if pid is None:
            self._end_orphans()
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its children by SIGKILL, as a crash would, and wait until all are gone."""
        pid = self.pid
        if pid is None:
            return
        os.killpg(pid, signal.SIGKILL)
        while self.pid is not None or runs_in_group(pid):
            time.sleep(POLL_SECONDS)

    def _end_orphans(self) -> None:
        """End what a killed process has left: RabbitMQ's, say, is a script, and the broker its child."""
        group = self._read_record().get("pid")
        # While a group has members, the kernel gives its number to nobody else.
        if group is not None and stat_of(group) is None:
            while runs_in_group(group):
                os.killpg(group, signal.SIGKILL)
                time.sleep(POLL_SECONDS)

    def output(self) -> str:
        """Return what the process has written to its log since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._read_record()["log_start"])
            return log.read().decode(errors="replace")

    def last_line(self) -> str:
        """Return the last line of the output that is no indented detail of another, for an error message."""
        lines = reversed(self.output().splitlines())
        return next((line for line in lines if line[:1].strip()), "it wrote nothing")

    def _read_record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(self._record.read_text())
        except FileNotFoundError:
            return {}
        return record
