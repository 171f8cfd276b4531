"""How soon a small file can be read: one after the other on an idle system, from the end of its PUT.

Who waits looks every four milliseconds, for one row by its whole key, and only after half of the shortest
time that the last 50 files took; the count of all rows is asked for once that row, the file's last,
is there. The looks' own CPU is a figure beside the others.
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.findings import Findings
from benchmarks.marks import ROWS, marks_file
from benchmarks.measure import Measure, percentile
from benchmarks.pipeline import CUSTOMER, Pipeline, eventually
from benchmarks.small_files import stage_sums
from ingest_manager.monitoring.measures import STAGES

FILES, HUNDRED = 500, 100
WARM_UP_FILES = 500  # the servers, newly started, get faster for some hundreds
P50_MS, P99_MS = 50, 250
POLL_SECONDS = 0.004
RECENT, PATIENT_SHARE = 50, 0.5
EARLY_SHARE = 0.05
NAME = "latency of a small file"
_LAST = f"SELECT number FROM {CUSTOMER}.marks WHERE run = ? AND number = ?"
_COUNT = f"SELECT count(*) AS found FROM {CUSTOMER}.marks WHERE run = ?"
_COUNTED = "ingest_manager_stage_seconds_count"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One small file, in milliseconds."""

    put_ms: float
    readable_ms: float
    """From the end of the PUT."""

    look_cpu_ms: float
    """What this process used while it waited."""

    looks: int

    rows: int
    """That the ledger says were written."""


def arriving(pipeline: Pipeline, findings: Findings, files: int = FILES) -> list[Measure]:
    """Measure 500 files, after as many others; each waits for its predecessor to be tidied up."""
    every: list[Arrival] = []
    _arrive_all(pipeline, every, WARM_UP_FILES)
    before = _settled_sums(pipeline, len(every))
    _arrive_all(pipeline, every, files)
    after = _settled_sums(pipeline, len(every))
    arrivals = every[WARM_UP_FILES:]
    for fault in faults_of(arrivals):
        findings.fail(f"latency: {fault}")
    stages = {name: (after[name] - before.get(name, 0.0)) * 1000 / files for name in after}
    return measures_of(arrivals, stages)


def faults_of(arrivals: Sequence[Arrival]) -> Iterator[str]:
    """Say why these figures cannot be believed."""
    if wrong := sum(1 for one in arrivals if one.rows != ROWS):
        yield f"{wrong} files did not become {ROWS:,} rows"
    early = sum(1 for one in arrivals if one.looks == 1)
    if early > len(arrivals) * EARLY_SHARE:
        yield f"{early} files were there before the first look"


def measures_of(arrivals: Sequence[Arrival], stages_ms: Mapping[str, float]) -> list[Measure]:
    """Return the percentiles of all files, whether these drifted, and where the time went."""
    files = len(arrivals)
    readable = [one.readable_ms for one in arrivals]
    hundreds = tuple(percentile(readable[at : at + HUNDRED], 50) for at in range(0, files, HUNDRED))

    def of_all(name: str, figure: float, most: float | None = None) -> Measure:
        return Measure(f"{NAME}: {name}", "ms", (figure,), most=most, samples=files)

    return [
        of_all("p50", percentile(readable, 50), P50_MS),
        of_all("p99", percentile(readable, 99), P99_MS),
        of_all("longest", max(readable)),
        Measure(f"{NAME}: p50 of each hundred", "ms", hundreds, samples=HUNDRED),
        of_all("before it, the PUT itself, p50", percentile([one.put_ms for one in arrivals], 50)),
        *(of_all(f"stage {name}, mean", stages_ms[name]) for name in STAGES if name in stages_ms),
        of_all("CPU of the looks, mean", sum(one.look_cpu_ms for one in arrivals) / files),
    ]


def patience_ms(before: Sequence[Arrival]) -> float:
    """Return how long to wait for the first look: half of the shortest of the last files' times, at first 0.

    Where files become faster, each that was there before its first look makes the next look come sooner.
    """
    recent = before[-RECENT:]
    return min(one.readable_ms for one in recent) * PATIENT_SHARE if len(recent) == RECENT else 0.0


def _arrive_all(pipeline: Pipeline, every: list[Arrival], files: int) -> None:
    for _ in range(files):
        every.append(_arrive(pipeline, patience_ms(every)))


def _arrive(pipeline: Pipeline, patience: float) -> Arrival:
    run = str(uuid.uuid4())
    body = marks_file(run)
    started = time.perf_counter()
    event = pipeline.put(f"marks-{run}.csv", body)
    ended, cpu_before = time.perf_counter(), time.process_time()
    time.sleep(patience / 1000)
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return _all_there(pipeline, run)

    eventually(look, POLL_SECONDS)
    readable, cpu = time.perf_counter(), time.process_time() - cpu_before
    row = pipeline.loaded(event)
    return Arrival(
        (ended - started) * 1000,
        (readable - ended) * 1000,
        cpu * 1000,
        looks=looks,
        rows=int(row["rows_written"] or 0),
    )


def _all_there(pipeline: Pipeline, run: str) -> bool:
    """Look for the row that is sent last; batches may overtake each other, so the count decides."""
    if not pipeline.session.execute(_LAST, (run, ROWS - 1)):
        return False
    return bool(pipeline.session.execute(_COUNT, (run,))[0]["found"] == ROWS)


def _settled_sums(pipeline: Pipeline, loads: int) -> dict[str, float]:
    """Return the stages' seconds once the manager has counted so many loads; it does so after the ledger."""
    return stage_sums(eventually(lambda: _counted(pipeline.metrics(), loads)))


def _counted(text: str, loads: int) -> str:
    return text if f'{_COUNTED}{{stage="place"}} {float(loads)}' in text.splitlines() else ""
