"""Scale-out: the same objects taken by more workers and by more managers, in turns.

Servers and managers share one machine here, so rows per second say how many cores it has. What a row costs
the managers and their workers, all together, says whether more of them do more work for the same rows.
"""

import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

from rich.console import Console

from benchmarks.checksums import Sums, differences, sums_of_file, sums_of_table
from benchmarks.cpu import group_cpu_seconds
from benchmarks.datasets import WIDE
from benchmarks.findings import Findings
from benchmarks.measure import Measure
from benchmarks.pipeline import DOCUMENT, Pipeline, prepared_pipeline
from benchmarks.server_log import ServerLog
from benchmarks.small_files import cut, seconds_of, wrong_accounts
from ingest_manager.queues.events import ObjectEvent
from servers.instance import Instance
from servers.process import Process
from servers.service import QuietManager

CUSTOMERS = ("scaling1", "scaling2", "scaling3", "scaling4")
"""Several: a manager gives one customer at most all workers but one."""

OBJECTS_OF_CUSTOMER, ROWS_OF_OBJECT = 3, 20_000
OBJECTS = OBJECTS_OF_CUSTOMER * len(CUSTOMERS)
_PUTS_AT_ONCE = 4
_POLL_SECONDS = 0.2

console = Console()


@dataclass(frozen=True, slots=True)
class Layout:
    """So many managers with so many workers each."""

    managers: int
    workers: int

    @property
    def name(self) -> str:
        """How the table of figures calls it."""
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        return workers if self.managers == 1 else f"{self.managers} managers of {workers}"


LAYOUTS = (Layout(1, 1), Layout(1, 2), Layout(1, 4), Layout(2, 2))


@dataclass(frozen=True, slots=True)
class Pass:
    """All objects loaded once."""

    seconds: float
    """From the first claim to the last outcome."""

    cpu_seconds: float
    """Of all managers and workers; they ran before, so none of it is a start."""

    loads: tuple[int, ...]
    """Of each manager."""


Passes = Mapping[Layout, Mapping[int, Pass]]


def scaling_out(instance: Instance, rounds: int, findings: Findings) -> list[Measure]:
    """Measure rounds of 12 objects of 20,000 rows with every layout; another one begins each round."""
    folder = instance.folder / "contest"
    folder.mkdir(exist_ok=True)
    path = folder / "scaling.csv"
    WIDE.write(path, OBJECTS_OF_CUSTOMER * ROWS_OF_OBJECT)
    bodies, expected = list(cut(path.read_text(), ROWS_OF_OBJECT)), sums_of_file(WIDE, path)
    passes: dict[Layout, dict[int, Pass]] = defaultdict(dict)
    log = ServerLog(instance.cassandra.process.log)
    mark = log.size()
    with prepared_pipeline(instance, DOCUMENT, {WIDE.name: WIDE.app()}, customers=CUSTOMERS) as pipeline:
        for number in range(rounds):
            first = number % len(LAYOUTS)
            for layout in (*LAYOUTS[first:], *LAYOUTS[:first]):
                with _running(instance, pipeline, layout) as managers:
                    done, wrong = _take(pipeline, managers, bodies, expected)
                if _is_right(f"scaling, {layout.name}, round {number + 1}", done, wrong, findings):
                    passes[layout][number] = done
    findings.warned("scaling", log.batch_warnings(mark))
    return measures_of(passes)


def measures_of(passes: Passes) -> list[Measure]:
    """Return each layout's ratio to one worker, what a row costs, and the machine's own rate."""
    one_worker = passes.get(LAYOUTS[0], {})
    found: list[Measure] = []
    rows = OBJECTS * ROWS_OF_OBJECT
    for layout, of_rounds in passes.items():
        name, done = f"scaling, {layout.name}", tuple(of_rounds.values())
        if not done:
            continue
        both = sorted(of_rounds.keys() & one_worker.keys())
        ratios = tuple(of_rounds[number].cpu_seconds / one_worker[number].cpu_seconds for number in both)
        if ratios and layout != LAYOUTS[0]:
            found.append(Measure(f"{name}: CPU of a row ÷ that with 1 worker", "", ratios))
        cpu = tuple(one.cpu_seconds / rows * 1e6 for one in done)
        found.append(Measure(f"{name}: client's CPU", "µs/row", cpu))
        found.append(Measure(name, "rows/s", tuple(rows / one.seconds for one in done)))
        cores = tuple(one.cpu_seconds / one.seconds for one in done)
        found.append(Measure(f"{name}: cores that were used", "cores", cores))
        if layout.managers > 1:
            fewest = tuple(float(min(one.loads)) for one in done)
            found.append(Measure(f"{name}: loads of {OBJECTS} by who took fewer", "loads", fewest, least=1))
    return found


def loads_by_group(workers: Iterable[str], group_of: Callable[[int], int]) -> Counter[int]:
    """Count loads by the process group of the worker that the ledger names, which is its manager's.

    Args:
        workers: `host/pid` of each load.
        group_of: the group of a process, 0 where it has ended.
    """
    return Counter(group_of(int(worker.rpartition("/")[2])) for worker in workers)


def wrong_shares(loads: Sequence[int], count: int) -> list[str]:
    """Say in what the managers' loads are not those of managers that shared so many loads."""
    wrong = [f"manager {number} took none of them" for number, took in enumerate(loads, 1) if not took]
    strays = count - sum(loads)
    return wrong + ([f"{strays} loads are of no worker of these managers"] if strays else [])


@contextmanager
def _running(instance: Instance, pipeline: Pipeline, layout: Layout) -> Iterator[Sequence[QuietManager]]:
    environment = {**pipeline.environment, "INGEST_MANAGER_WORKERS": str(layout.workers)}
    managers = [
        QuietManager(
            Process(f"scaling-manager-{number}", instance.folder / "benchmark"),
            ("ingest-manager", "run"),
            environment,
        )
        for number in range(1, layout.managers + 1)
    ]
    try:
        for manager in managers:
            manager.start()
        for manager in managers:
            manager.wait()
        yield managers
    finally:
        for manager in managers:
            manager.stop()


def _take(
    pipeline: Pipeline, managers: Sequence[QuietManager], bodies: Sequence[bytes], expected: Sums
) -> tuple[Pass, list[str]]:
    _load(pipeline, bodies)  # then every process has started and is connected
    for customer in CUSTOMERS:
        pipeline.session.execute(f"TRUNCATE {customer}.{WIDE.table()}")
    before = _cpu_seconds(managers)
    events = _load(pipeline, bodies)
    used = _cpu_seconds(managers) - before
    accounts = list(pipeline.accounts(events))
    taken = loads_by_group((str(row["worker"]) for row in accounts), _group_of)
    loads = tuple(taken[manager.pid or 0] for manager in managers)
    wrong = [*wrong_accounts(accounts, ROWS_OF_OBJECT), *wrong_shares(loads, len(accounts))]
    return Pass(seconds_of(accounts), used, loads), [*wrong, *_wrong_tables(pipeline, expected)]


def _load(pipeline: Pipeline, bodies: Sequence[bytes]) -> list[ObjectEvent]:
    run = uuid.uuid4()

    def put(body_of: tuple[int, str]) -> ObjectEvent:
        number, customer = body_of
        return pipeline.put(f"{WIDE.name}-{run}-{number}.csv", bodies[number], customer)

    with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
        events = list(pool.map(put, product(range(len(bodies)), CUSTOMERS)))
    for event in reversed(events):
        pipeline.loaded(event, _POLL_SECONDS)
    return events


def _cpu_seconds(managers: Sequence[QuietManager]) -> float:
    return sum(group_cpu_seconds(manager.pid) for manager in managers if manager.pid)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _wrong_tables(pipeline: Pipeline, expected: Sums) -> Iterator[str]:
    for customer in CUSTOMERS:
        found = sums_of_table(pipeline.session, customer, WIDE, WIDE.table())
        if wrong := differences(WIDE, expected, found):
            yield f"{customer}: {wrong}"


def _is_right(where: str, done: Pass, wrong: Sequence[str], findings: Findings) -> bool:
    for message in wrong:
        findings.fail(f"{where}: {message}")
    if not wrong:
        rate = OBJECTS * ROWS_OF_OBJECT / done.seconds
        shares = " and ".join(map(str, done.loads))
        console.print(
            f"{where}: {rate:,.0f} rows/s, {done.cpu_seconds:.1f} s of CPU, {shares} loads, checked"
        )
    return not wrong
