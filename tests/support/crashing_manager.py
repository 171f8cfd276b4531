"""A manager that is killed after one effect of a load, once: run as a script.

usage: crashing_manager.py EFFECT VICTIM MARKER, where VICTIM is `manager` or `worker`
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from bucket_policies import logs
from ingest_manager import app
from ingest_manager.settings import Settings


@dataclass(frozen=True)
class CrashAfter:
    """Kills after an effect, unless the marker says that it has done so before."""

    effect: str
    victim: str
    marker: Path

    def __call__(self, effect: str) -> None:
        if effect != self.effect or self.marker.exists():
            return
        self.marker.touch()
        os.kill(os.getpid() if self.victim == "worker" else os.getppid(), signal.SIGKILL)
        threading.Event().wait()  # nothing more is done; this worker dies with its manager


if __name__ == "__main__":
    logs.configure()
    app.run(Settings(), CrashAfter(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
