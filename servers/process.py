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
from pathlib import Path

POLL_SECONDS = 0.05


def start_time_of(pid: int) -> int | None:
    """Return the process's start time in clock ticks since boot, or None when it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat[stat.rindex(")") + 2 :].split()
    return None if state in "ZX" else int(fields[18])


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
        if record and start_time_of(record["pid"]) == record["start_time"]:
            return record["pid"]
        if self._child is not None:
            self._child.wait()  # it has ended: this only tells the kernel that we know
        return None

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start in a session of its own, so that a Ctrl-C on the terminal does not reach it."""
        for path in (self.log, self._record):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log_start = log.tell()
            self._child = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._child.pid
        # A process that has ended already gets a start time that nothing equals.
        record = {"pid": pid, "start_time": start_time_of(pid) or -1, "log_start": log_start}
        self._record.write_text(json.dumps(record))

    def stop(self, patience_seconds: float = 60) -> None:
        """Ask the process to end and wait for it; end it by force when it takes too long."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its children by SIGKILL, as a crash would."""
        pid = self.pid
        if pid is None:
            return
        os.killpg(pid, signal.SIGKILL)
        while self.pid is not None:
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

    def _read_record(self) -> dict[str, int]:
        try:
            record: dict[str, int] = json.loads(self._record.read_text())
        except FileNotFoundError:
            return {}
        return record
