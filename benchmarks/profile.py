"""The command `python -m benchmarks.profile`: where a worker's time goes, as a flame graph and a table.

Two loads are recorded: the graph shows the first, of threads that run; the table the second, waits included.
"""

import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.datasets import DATASETS, Dataset
from benchmarks.pipeline import SMALL, Pipeline, running_pipeline
from benchmarks.small_files import ROWS_OF_OBJECT, cut
from benchmarks.stacks import Stack, by_step, parse_stacks, that_count, top_functions
from bucket_policies import logs
from servers.capacity import HEAP_MIB
from servers.installation import install_missing
from servers.instance import Instance
from servers.service import BIN
from servers.temporary import temporary_instance

CHECKOUT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
TOP = 25
SMALL_FILES, _PUTS_AT_ONCE = 1_000, 8
_PER_SECOND = 100  # at 200 and more, pausing the process for each sample begins to show

console = Console(width=150)


class Recording:
    """py-spy beside one process, until the end of a `with`."""

    def __init__(self, pid: int, output: Path, options: Sequence[str]) -> None:
        self._log = output.with_suffix(".log")
        command = [str(BIN / "py-spy"), "record", "--pid", str(pid), "--output", str(output), "--function"]
        with self._log.open("wb") as told:
            self._process = subprocess.Popen(
                [*command, "--rate", str(_PER_SECOND), *options], stdout=told, stderr=told
            )

    def end(self) -> None:
        """Let py-spy write what it has.

        Raises:
            RuntimeError: it could not; it must be allowed to trace the process.
        """
        self._process.send_signal(signal.SIGINT)
        if self._process.wait():
            raise RuntimeError(f"py-spy failed: {self._log.read_text().strip()}")
        self._log.unlink()


@contextmanager
def recorded(outputs: Sequence[tuple[int, Path]], options: Sequence[str]) -> Iterator[None]:
    """Record processes, each into its own file, while something is done."""
    recordings = [Recording(pid, output, options) for pid, output in outputs]
    try:
        yield
    finally:
        for recording in recordings:
            recording.end()


def record(outputs: Sequence[tuple[int, Path]], work: Callable[[], None], *, is_native: bool) -> None:
    """Do the work twice: for the flame graphs at the paths, and for the stacks beside them."""
    native = ["--native"] if is_native else []
    with recorded(outputs, ["--format", "flamegraph", *native]):
        work()
    stacks = [(pid, path.with_suffix(".stacks")) for pid, path in outputs]
    with recorded(stacks, ["--format", "raw", "--threads", "--idle", *native]):
        work()
    for _, path in stacks:
        show(path.name, parse_stacks(path.read_text()))
    console.print(*(f"Flame graph: {path}" for _, path in outputs), sep="\n", soft_wrap=True)


def show(name: str, stacks: Sequence[Stack]) -> None:
    """Print the tables of one recording."""
    counted = that_count(stacks)
    every = sum(stack.samples for stack in counted)
    steps = Table("step", "running s", "waiting s", "%", title=f"{name}: steps")
    for step, states in by_step(counted).items():
        seconds = (f"{states[state] / _PER_SECOND:.2f}" for state in ("running", "waiting"))
        steps.add_row(step, *seconds, f"{100 * states.total() / every:.1f}")
    functions = Table(
        "step", "function, by the time that it took itself", "s", "%", title=f"{name}: functions"
    )
    for (step, function), samples in top_functions(counted, TOP).items():
        functions.add_row(step, function, f"{samples / _PER_SECOND:.2f}", f"{100 * samples / every:.1f}")
    console.print(steps, functions)


def one_load(instance: Instance, dataset: Dataset, rows: int, *, is_native: bool) -> None:
    """Record the only worker while it loads a big file, after a load of the same file."""
    path = instance.folder / f"{dataset.name}.csv"
    dataset.write(path, rows)
    body = path.read_bytes()
    with running_pipeline(instance, settings={"INGEST_MANAGER_WORKERS": "1"}) as pipeline:

        def load() -> None:
            event = pipeline.put(f"{dataset.name}-{uuid.uuid4()}.csv", body)
            pipeline.loaded(event, 0.2)
            (row,) = pipeline.accounts([event])
            seconds = (row["ended_at"] - row["started_at"]).total_seconds()
            console.print(f"{dataset.name}: {row['rows_written']:,} rows in {seconds:.1f} s")

        load()
        (worker,) = pipeline.worker_pids()
        record([(worker, RESULTS / "profile.svg")], load, is_native=is_native)


def many_loads(instance: Instance, *, is_native: bool) -> None:
    """Record the manager and one of its workers while many small files arrive."""
    path = instance.folder / "small.csv"
    SMALL.write(path, SMALL_FILES * ROWS_OF_OBJECT)
    bodies = list(cut(path.read_text(), ROWS_OF_OBJECT))
    with running_pipeline(instance) as pipeline:
        _take(pipeline, bodies[: SMALL_FILES // 5])
        processes = {"manager": pipeline.manager_pid(), "worker": pipeline.worker_pids()[0]}
        outputs = [(pid, RESULTS / f"profile-small-files-{name}.svg") for name, pid in processes.items()]
        record(outputs, lambda: _take(pipeline, bodies), is_native=is_native)


def _take(pipeline: Pipeline, bodies: Sequence[bytes]) -> None:
    """Put files while the manager runs: a new one would spend the recording on its start."""
    run = uuid.uuid4()
    numbered = enumerate(bodies)
    with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
        events = list(
            pool.map(lambda one: pipeline.put(f"{SMALL.name}-{run}-{one[0]}.csv", one[1]), numbered)
        )
    for event in reversed(events):
        pipeline.loaded(event, 0.2)


def main(
    *,
    small_files: Annotated[
        bool, typer.Option("--small-files", help="Many small files instead: the manager and one worker.")
    ] = False,
    file: Annotated[str, typer.Option(help="The big file: wide, series or departures.")] = "wide",
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of the big file.")] = 300_000,
    native: Annotated[
        bool, typer.Option("--native", help="Show the functions of compiled libraries, too; slower.")
    ] = False,
) -> None:
    """Record one load of a big file with py-spy: a flame graph in benchmarks/results, tables on the screen.

    py-spy must be allowed to trace the manager's processes: as root, or with kernel.yama.ptrace_scope = 0.
    """
    logs.configure()
    datasets = {dataset.name: dataset for dataset in DATASETS}
    if file not in datasets:
        raise typer.BadParameter(f"{file!r} is none of {', '.join(datasets)}", param_hint="--file")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and manager are stopped then too
    RESULTS.mkdir(exist_ok=True)
    install_missing(console)
    with temporary_instance(CHECKOUT / ".local" / "benchmark", heap_mib=HEAP_MIB) as instance:
        if small_files:
            many_loads(instance, is_native=native)
        else:
            one_load(instance, datasets[file], rows, is_native=native)


if __name__ == "__main__":
    typer.run(main)
