"""The loaders side by side: each file through each of them in turns, the table checked after every turn.

A turn whose table does not equal the file does not count, and the run says so. Ratios are of turns of the
same round, so they compare what ran within minutes of each other on the same servers.
"""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from rich.console import Console

from benchmarks.checksums import Sums, differences, sums_of_file, sums_of_table
from benchmarks.contestant import Access, Contestant, ContestantError, Turn
from benchmarks.cqlsh_copy import CqlshCopy
from benchmarks.datasets import DATASETS, SERIES, WIDE, Dataset
from benchmarks.driver_loop import DriverLoop
from benchmarks.dsbulk import BEST, Dsbulk, install
from benchmarks.extent import Extent
from benchmarks.files_of_forms import write_form
from benchmarks.findings import Findings
from benchmarks.measure import Measure
from benchmarks.own_contestants import PIPELINE, CeilingTurn, PipelineTurn
from benchmarks.pipeline import CUSTOMER, Pipeline
from benchmarks.server_log import ServerLog
from servers.instance import Instance

FORMS = {"jsonl": "JSON lines", "parquet": "Parquet"}
CPU_MICROSECONDS = 15.0
DSBULK, DSBULK_BEST, COPY, CEILING = "DSBulk, defaults", "DSBulk, best settings", "cqlsh COPY FROM", "ceiling"
_LEAST: Mapping[tuple[str, str], float] = {
    (WIDE.name, DSBULK): 5.0,
    (SERIES.name, DSBULK): 3.0,
    **{(dataset.name, DSBULK_BEST): 1.5 for dataset in (WIDE, SERIES)},
    **{(dataset.name, COPY): 3.0 for dataset in (WIDE, SERIES)},
    **{(dataset.name, CEILING): 0.9 for dataset in (WIDE, SERIES)},
}

console = Console()
Turns = Mapping[str, Mapping[int, Turn]]


@dataclass(frozen=True)
class Entry:
    """A contestant with the form of its file."""

    contestant: Contestant
    form: str = "csv"

    @property
    def name(self) -> str:
        """How the table of figures calls it."""
        return self.contestant.name + (f", {FORMS[self.form]}" if self.form != "csv" else "")


@dataclass
class Race:
    """One dataset: its files, what is in them, and who loads them."""

    pipeline: Pipeline
    dataset: Dataset
    path: Path
    expected: Sums
    entries: Sequence[Entry]
    log: ServerLog
    findings: Findings
    turns: dict[str, dict[int, Turn]] = field(default_factory=lambda: defaultdict(dict))

    def warm_up(self, rows: int) -> None:
        """Let the fast ones load until so many rows are loaded, each once at least."""
        fast = [entry for entry in self.entries if entry.name in {PIPELINE, DSBULK_BEST, CEILING}]
        for loads, entry in enumerate(cycle(fast)):
            if loads >= len(fast) and loads * self.expected.rows >= rows:
                return
            self.take(entry, None)

    def run(self, rounds: int) -> None:
        """Let everybody load in every round; another one begins each time."""
        for number in range(rounds):
            first = number % len(self.entries)
            for entry in (*self.entries[first:], *self.entries[:first]):
                self.take(entry, number)

    def take(self, entry: Entry, number: int | None) -> None:
        """Empty the table, let one load, check; keep the turn of a round."""
        table = self.dataset.table(entry.form)
        where = f"{self.dataset.name}, {entry.name}, " + (
            "warm-up" if number is None else f"round {number + 1}"
        )
        self.pipeline.session.execute(f"TRUNCATE {CUSTOMER}.{table}")
        mark = self.log.size()
        try:
            turn = entry.contestant.load(self.dataset, self.path.with_suffix(f".{entry.form}"))
        except ContestantError as error:
            self.findings.fail(f"{where}: {error}")
            return
        self.findings.warned(entry.name, self.log.batch_warnings(mark))
        found = sums_of_table(self.pipeline.session, CUSTOMER, self.dataset, table)
        if wrong := differences(self.dataset, self.expected, found):
            self.findings.fail(f"{where}: {wrong}")
            return
        console.print(
            f"{where}: {turn.rows_per_second:,.0f} rows/s, {turn.cpu_seconds:.1f} s of CPU, checked"
        )
        if number is not None:
            self.turns[entry.name][number] = turn


def racing(instance: Instance, pipeline: Pipeline, extent: Extent, findings: Findings) -> list[Measure]:
    """Measure every dataset with every contestant."""
    folder = instance.folder / "contest"
    folder.mkdir(exist_ok=True)
    jars = _dsbulk_jars(findings)
    found: list[Measure] = []
    for dataset in DATASETS:
        path = folder / f"{dataset.name}.csv"
        dataset.write(path, extent.rows)
        forms = FORMS if dataset is WIDE else ()
        for form in forms:
            write_form(dataset, path, form)
        entries = [*_entries(pipeline, jars, dataset, path), *_of_forms(pipeline, forms)]
        log = ServerLog(instance.cassandra.process.log)
        race = Race(pipeline, dataset, path, sums_of_file(dataset, path), entries, log, findings)
        gc.collect()
        gc.freeze()  # the ceiling's millions of cells need not be looked at again and again
        race.warm_up(extent.warm_up // len(DATASETS))
        race.run(extent.rounds)
        gc.unfreeze()
        found += measures_of(dataset, race.expected.rows, race.turns)
    return found


def _dsbulk_jars(findings: Findings) -> Path | None:
    try:
        return install()
    except ContestantError as error:
        findings.fail(f"without DSBulk: {error}")
        return None


def _entries(pipeline: Pipeline, jars: Path | None, dataset: Dataset, path: Path) -> Iterator[Entry]:
    folder = path.parent
    access = Access.of(pipeline.environment, CUSTOMER)
    yield Entry(PipelineTurn(pipeline))
    if jars is not None:
        yield Entry(Dsbulk(DSBULK, access, jars, folder))
        yield Entry(Dsbulk(DSBULK_BEST, access, jars, folder, BEST))
    yield Entry(CqlshCopy(access, folder, COPY))
    yield Entry(DriverLoop(access))
    yield Entry(CeilingTurn(pipeline.session, dataset, path, CEILING))


def _of_forms(pipeline: Pipeline, forms: Iterable[str]) -> list[Entry]:
    return [Entry(PipelineTurn(pipeline), form) for form in forms]


def measures_of(dataset: Dataset, rows: int, turns: Turns) -> list[Measure]:
    """Return ratios first, then each contestant's rate and the CPU that its client took."""
    found = list(_ratios(dataset, turns))
    for name, of_rounds in turns.items():
        if not of_rounds:
            continue
        label = f"{dataset.name}: {name}"
        rates = tuple(turn.rows_per_second for turn in of_rounds.values())
        found.append(Measure(label, "rows/s", rates))
        cpu = tuple(turn.cpu_seconds / rows * 1e6 for turn in of_rounds.values())
        most = CPU_MICROSECONDS if (dataset.name, name) == (WIDE.name, PIPELINE) else None
        found.append(Measure(f"{label}, client's CPU", "µs/row", cpu, most=most))
    return found


def _ratios(dataset: Dataset, turns: Turns) -> Iterator[Measure]:
    ours = turns.get(PIPELINE, {})
    for name, theirs in turns.items():
        both = tuple(
            ours[number].rows_per_second / theirs[number].rows_per_second
            for number in sorted(ours.keys() & theirs.keys())
        )
        if name != PIPELINE and both:
            least = _LEAST.get((dataset.name, name))
            yield Measure(f"{dataset.name}: {PIPELINE} ÷ {name}", "", both, least=least)
