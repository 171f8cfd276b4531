"""The machine that a run was on, for whoever reads its figures."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import dsbulk
from servers import versions


def machine_facts() -> dict[str, Any]:
    """Return its processor, memory and load, and the versions of what ran."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "memory_mib": int(_field("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "load_average": load_average(),
        "python": platform.python_version(),
        "cassandra": versions.CASSANDRA,
        "dsbulk": dsbulk.VERSION,
        **{name: version(name) for name in ("cqlsh", "cassandra-driver")},
    }


def load_average() -> list[float]:
    """Return how many processes wanted to run in the last 1, 5 and 15 minutes."""
    return [round(value, 1) for value in os.getloadavg()]


def _field(path: str, name: str) -> str:
    lines = Path(path).read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "0")
