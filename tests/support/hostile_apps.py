"""Apps as strangers may write them: programs in NDJSON that do harm, or try to, when they get a batch."""

from pathlib import Path
from typing import Any

from customer_ingestapps.contract import AppContract
from customer_ingestapps.registry import IngestApp

_PROGRAM = """
import os, socket, subprocess, sys, time

def batch():
    lines = []
    for line in sys.stdin:
        if line == "\\n":
            return lines
        lines.append(line)
    sys.exit(0)

def answer(*lines):
    print(*lines, sep="", flush=True)  # lines have their ends, and print adds the empty one

"""

HOSTILE = {
    "sleeps": "batch()\ntime.sleep(10 ** 6)\n",
    "spins": "batch()\nwhile True:\n    pass\n",
    "allocates": "batch()\nheld = []\nwhile True:\n    held.append(b'x' * 10 ** 6)\n",
    "exits": "batch()\nprint('I leave', file=sys.stderr, flush=True)\nos._exit(3)\n",
    "garbage": "batch()\nanswer('no JSON at all\\n')\nbatch()\n",
    "floods": "batch()\nwhile True:\n    print('x' * 100_000)\n",
    "shouts": "batch()\nwhile True:\n    print('x' * 100, file=sys.stderr)\n",
    "too few": "while True:\n    answer(*batch()[1:])\n",
    "too many": 'while True:\n    answer(*batch(), \'{"_row": 1000000, "id": "1"}\\n\')\n',
    "forks": "batch()\nwhile True:\n    if os.fork() == 0:\n        time.sleep(10 ** 6)\n",
    "before": "while True:\n    line = sys.stdin.readline()\n    answer(line)\n    time.sleep(10 ** 6)\n",
    "behind": "while True:\n    answer(*batch(), '\\n')\n",
}
"""By name: what such an app does with its first batch."""

HONEST = "while True:\n    answer(*batch())\n"


def write_program(folder: Path, body: str) -> None:
    """Write an app's program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(_PROGRAM + body)


def hostile_app(folder: Path, body: str, customer: str = "acme", **transform: Any) -> IngestApp:
    """Return an app whose program has this body, after lines that define `batch()` and `answer()`."""
    write_program(folder, body)
    declared = {"kind": "program", "command": ["python3", "app.py"], **transform}
    return _app(folder, customer, declared)


def python_app(folder: Path, code: str, customer: str = "acme", **transform: Any) -> IngestApp:
    """Return an app with this `transform.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transform.py").write_text(code)
    return _app(folder, customer, {"kind": "python", **transform})


def _app(folder: Path, customer: str, transform: dict[str, Any]) -> IngestApp:
    contract = AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": "csv"},
            "table": {"name": "t", "partition_key": ["id"]},
            "columns": {"id": "int", "name": "text"},
            "transform": transform,
        }
    )
    return IngestApp(customer, "t", str(folder), folder, contract)
