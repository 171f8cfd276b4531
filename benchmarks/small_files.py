"""Many small files: staged while their customer is paused, then taken; how fast, and where the time goes.

Servers, manager and this process share the machine, so CPU per object is the account that adds up: there are
no more objects per second than cores ÷ its sum.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from benchmarks.checksums import Sums, differences, sums_of_file, sums_of_table
from benchmarks.cpu import group_cpu_seconds
from benchmarks.findings import Findings
from benchmarks.measure import Measure
from benchmarks.pipeline import CUSTOMER, SMALL, Pipeline
from benchmarks.server_log import ServerLog
from ingest_manager.cassandra.cassandra_session import Row
from ingest_manager.queues.events import ObjectEvent
from servers.instance import Instance

OBJECTS, ROWS_OF_OBJECT = 2_000, 100
LEAST = 100.0
_PUTS_AT_ONCE = 8
_POLL_SECONDS = 0.5  # seldom: the machine is to be the pipeline's
_STAGE_SUM = "ingest_manager_stage_seconds_sum"

console = Console()


@dataclass(frozen=True, slots=True)
class Pass:
    """One round."""

    objects_per_second: float
    cpu_ms: Mapping[str, float]
    """Per object and process."""

    stage_ms: Mapping[str, float]
    """Per object and stage: of four workers side by side, waits included."""


def taking_small_files(
    instance: Instance, pipeline: Pipeline, *, rounds: int, findings: Findings
) -> list[Measure]:
    """Measure rounds of 2,000 objects of 100 rows, after one of a tenth."""
    folder = instance.folder / "contest"
    folder.mkdir(exist_ok=True)
    path = folder / "small.csv"
    SMALL.write(path, OBJECTS * ROWS_OF_OBJECT)
    bodies, expected = list(cut(path.read_text(), ROWS_OF_OBJECT)), sums_of_file(SMALL, path)
    log = ServerLog(instance.cassandra.process.log)
    mark = log.size()
    _take(instance, pipeline, bodies[: OBJECTS // 10])
    passes = []
    for number in range(rounds):
        pipeline.session.execute(f"TRUNCATE {CUSTOMER}.{SMALL.name}")
        done, accounts = _take(instance, pipeline, bodies)
        wrong = [*wrong_accounts(accounts), *_wrong_table(pipeline, expected)]
        for message in wrong:
            findings.fail(f"small files, round {number + 1}: {message}")
        if not wrong:
            console.print(f"small files, round {number + 1}: {done.objects_per_second:,.0f}/s, checked")
            passes.append(done)
    findings.warned("small files", log.batch_warnings(mark))
    return measures_of(passes) if passes else []


def measures_of(passes: Sequence[Pass]) -> list[Measure]:
    """Return the rate, then where the time goes."""
    name = f"{OBJECTS:,} files of {ROWS_OF_OBJECT} rows"
    rates = tuple(one.objects_per_second for one in passes)
    found = [Measure(name, "objects/s", rates, least=LEAST)]
    for process in passes[0].cpu_ms:
        used = tuple(one.cpu_ms[process] for one in passes)
        found.append(Measure(f"{name}: CPU of {process}", "ms/object", used))
    for stage in passes[0].stage_ms:
        took = tuple(one.stage_ms[stage] for one in passes)
        found.append(Measure(f"{name}: stage {stage}", "ms/object", took))
    return found


def cut(text: str, rows: int) -> Iterator[bytes]:
    """Cut a CSV file without line feeds in its cells into files of so many rows, each with the header."""
    header, *lines = text.splitlines(keepends=True)
    for start in range(0, len(lines), rows):
        yield "".join([header, *lines[start : start + rows]]).encode()


def wrong_accounts(accounts: Sequence[Row], rows: int = ROWS_OF_OBJECT) -> list[str]:
    """Say in what the ledger's accounts are not those of objects of so many rows that were loaded whole."""
    statuses = Counter(str(row["status"]) for row in accounts)
    wrong = [f"{count} objects ended as {status}" for status, count in statuses.items() if status != "loaded"]
    counts = Counter(
        tuple(row[name] or 0 for name in ("rows_read", "rows_written", "rows_rejected", "rows_dropped"))
        for row in accounts
    )
    whole = (rows, rows, 0, 0)
    wrong += [f"{count} objects have the accounts {one}" for one, count in counts.items() if one != whole]
    unplaced = sum(1 for row in accounts if not row["placed_at"])
    return wrong + ([f"{unplaced} objects were not moved"] if unplaced else [])


def _take(instance: Instance, pipeline: Pipeline, bodies: Sequence[bytes]) -> tuple[Pass, list[Row]]:
    run = uuid.uuid4()

    def put(number: int) -> ObjectEvent:
        return pipeline.put(f"{SMALL.name}-{run}-{number:05}.csv", bodies[number])

    with pipeline.paused(), ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
        events = list(pool.map(put, range(len(bodies))))
        before, stages_before = _cpu_seconds(instance, pipeline), _stage_seconds(pipeline)
    for event in reversed(events):
        pipeline.loaded(event, _POLL_SECONDS)
    cpu_ms = _each_ms(before, _cpu_seconds(instance, pipeline), len(events))
    stage_ms = _each_ms(stages_before, _stage_seconds(pipeline), len(events))
    accounts = list(pipeline.accounts(events))
    return Pass(len(events) / seconds_of(accounts), cpu_ms, stage_ms), accounts


def _each_ms(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float]:
    return {name: (seconds - before.get(name, 0)) * 1000 / count for name, seconds in after.items()}


def seconds_of(accounts: Sequence[Row]) -> float:
    """Return the time from the first claim to the last outcome."""
    first: datetime = min(row["started_at"] for row in accounts)
    last: datetime = max(row["ended_at"] for row in accounts)
    return (last - first).total_seconds()


def _cpu_seconds(instance: Instance, pipeline: Pipeline) -> dict[str, float]:
    names = {server.name for server in instance.servers}
    servers = {name: group_cpu_seconds(pid) for name, pid in instance.pids().items() if name in names}
    return servers | {"the manager": pipeline.cpu_seconds()}


def _stage_seconds(pipeline: Pipeline) -> Mapping[str, float]:
    return parse_stages(pipeline.metrics())


def parse_stages(text: str) -> dict[str, float]:
    """Return the seconds of each stage that a manager's metrics tell; of waiting for a worker nothing."""
    seconds = stage_sums(text)
    return {name: value for name, value in seconds.items() if name not in {"event", "wait"}}


def stage_sums(text: str) -> dict[str, float]:
    """Return the seconds of every stage that a manager's metrics tell, added up over all its loads."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {one.labels["stage"]: one.value for one in samples if one.name == _STAGE_SUM}


def _wrong_table(pipeline: Pipeline, expected: Sums) -> list[str]:
    wrong = differences(SMALL, expected, sums_of_table(pipeline.session, CUSTOMER, SMALL, SMALL.table()))
    return [wrong] if wrong else []
