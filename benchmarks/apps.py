"""Customers' code at work: the same CSV of 10 columns through each kind of app, bytes to encoded cells.

Every app passes its rows on as they are, so that what is measured is what the platform adds; the programs
are in Python, which is there. As with the readers, rates are per second of CPU: of this process, and then
with the app's own time, although the two work side by side.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import Measure
from benchmarks.readers import ROWS, csv_app, csv_file
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.row_writer import MISSING
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import FolderSettings

_NAMES = {
    "declared": "declared",
    "python": "in Python",
    "ndjson": "a program, NDJSON",
    "arrow": "a program, Arrow",
}
_LEAST = {"ndjson": 30_000, "arrow": 100_000}

_PYTHON = """
def transform(frame):
    return frame
"""

_NDJSON = """
import json
import sys

for line in sys.stdin:
    if line == "\\n":
        print(flush=True)
    else:
        print(json.dumps(json.loads(line)))
"""

_ARROW = """
import sys
import pyarrow as pa

source, sink = sys.stdin.buffer, sys.stdout.buffer
while source.peek(1):
    table = pa.ipc.open_stream(source).read_all()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    sink.flush()
"""


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds of CPU for the whole file."""

    reading: float
    app: float


def running_apps(rounds: int) -> list[Measure]:
    """Measure each kind of app, and that in Python beside one that only declares."""
    with TemporaryDirectory() as folder, closing(Sandboxes(FolderSettings())) as sandboxes:
        apps = _apps(Path(folder))
        data = csv_file()
        for app in apps.values():
            _cost(app, sandboxes, data)
        turns = [{kind: _cost(app, sandboxes, data) for kind, app in apps.items()} for _ in range(rounds)]
    return list(chain(*(_of_kind(kind, turns) for kind in apps)))


def _of_kind(kind: str, turns: Sequence[Mapping[str, _Cost]]) -> Iterator[Measure]:
    name, unit = f"apps: {_NAMES[kind]}", "rows/s of CPU"
    yield Measure(name, unit, tuple(ROWS / turn[kind].reading for turn in turns))
    if kind == "declared":
        return
    both = tuple(ROWS / (turn[kind].reading + turn[kind].app) for turn in turns)
    yield Measure(f"{name}, with its own time", unit, both, least=_LEAST.get(kind))
    ratios = tuple(turn["declared"].reading / turn[kind].reading for turn in turns)
    yield Measure(f"{name} ÷ declared", "", ratios)


def _cost(app: IngestApp, sandboxes: Sandboxes, data: bytes) -> _Cost:
    """Read a file once."""
    kept = 0
    transform = sandboxes.transform_of(app)
    app_before, before = sandboxes.cpu_seconds(), time.process_time()
    for chunk in read_chunks(app, "orders.csv", [data], expanded_limit=None, transform=transform):
        kept += len(encode_rows(app.contract, chunk.frame, MISSING))
    cost = _Cost(time.process_time() - before, sandboxes.cpu_seconds() - app_before)
    if kept != ROWS:
        raise RuntimeError(f"{app.name}: {kept} rows kept")
    return cost


def _apps(folder: Path) -> dict[str, IngestApp]:
    (folder / "transform.py").write_text(_PYTHON)
    (folder / "ndjson.py").write_text(_NDJSON)
    (folder / "arrow.py").write_text(_ARROW)
    return {
        "declared": csv_app(),
        "python": _app(folder, "python", {"kind": "python"}),
        "ndjson": _app(folder, "ndjson", _program("ndjson")),
        "arrow": _app(folder, "arrow", _program("arrow")),
    }


def _program(wire: str) -> dict[str, Any]:
    return {"kind": "program", "command": ["python3", f"{wire}.py"], "wire": wire}


def _app(folder: Path, name: str, transform: Mapping[str, Any]) -> IngestApp:
    app = csv_app()
    contract = AppContract.model_validate(app.contract.model_dump(mode="python") | {"transform": transform})
    return replace(app, name=name, folder=folder, contract=contract)
