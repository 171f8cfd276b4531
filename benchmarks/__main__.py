"""The command `python -m benchmarks`: measures, prints a table, keeps the figures."""

import json
import os
import platform
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import measures
from benchmarks.apps import running_apps
from benchmarks.cluster import grouping
from benchmarks.flights import flights_file
from benchmarks.ledger import answering
from benchmarks.measure import Measure
from benchmarks.pipeline import running_pipeline
from benchmarks.readers import reading_formats
from bucket_policies import logs
from servers.capacity import HEAP_MIB
from servers.installation import install_missing
from servers.instance import Instance
from servers.temporary import temporary_cluster, temporary_instance

CHECKOUT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
WAITS = 50

console = Console()


class Part(StrEnum):
    """What can be measured alone."""

    READERS = "readers"
    APPS = "apps"
    PIPELINE = "pipeline"
    LEDGER = "ledger"
    CLUSTER = "cluster"


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of everything but the wait.")] = 5,
    folder: Annotated[
        Path | None, typer.Option("--instance", help="Use the servers of this instance, which run already.")
    ] = None,
    only: Annotated[
        Part | None, typer.Option(help="Only this part; readers and apps need no servers.")
    ] = None,
) -> None:
    """Measure on real servers; figures are this machine's, ratios travel."""
    logs.configure()
    found: list[Measure] = []
    for part, measure in ((Part.READERS, reading_formats), (Part.APPS, running_apps)):
        found += measure(rounds) if only in {part, None} else []
    if only in {Part.PIPELINE, None}:
        found += _pipeline(rounds, folder)
    if only is Part.LEDGER:  # alone: its loads have no objects
        found += _ledger(rounds, folder)
    if only is Part.CLUSTER:  # alone: three nodes are a lot for one machine
        found += _cluster(rounds)
    console.print(_table(found))
    console.print(f"Kept in {_keep(found, only)}")


def _pipeline(rounds: int, folder: Path | None) -> list[Measure]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and manager are stopped then too
    content = flights_file()
    found = [measures.reading(content, rounds)]
    with _servers(folder) as instance, running_pipeline(instance) as pipeline:
        found.append(measures.waiting(pipeline, WAITS))
        found.extend(measures.loading(pipeline, content, rounds))
    return found


def _ledger(rounds: int, folder: Path | None) -> list[Measure]:
    with _servers(folder) as instance:
        return answering(instance, rounds)


def _cluster(rounds: int) -> list[Measure]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    install_missing(console)
    with temporary_cluster(CHECKOUT / ".local" / "benchmark-cluster") as cluster:
        return grouping(cluster, rounds)


@contextmanager
def _servers(folder: Path | None) -> Iterator[Instance]:
    if folder is not None:
        yield Instance(folder)
        return
    install_missing(console)
    with temporary_instance(CHECKOUT / ".local" / "benchmark", heap_mib=HEAP_MIB) as instance:
        yield instance


def _table(found: Sequence[Measure]) -> Table:
    table = Table("measured", "median", "least", "most", "unit", "rounds")
    for measure in found:
        figures = (measure.median, min(measure.rounds), max(measure.rounds))
        shown = (f"{figure:,.2f}" if figure < 10 else f"{figure:,.0f}" for figure in figures)
        table.add_row(measure.name, *shown, measure.unit, str(len(measure.rounds)))
    return table


def _keep(found: Sequence[Measure], part: Part | None) -> Path:
    now = datetime.now(UTC)
    document = {
        "at": now.isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "measures": [
            {"name": measure.name, "unit": measure.unit, "median": measure.median, "rounds": measure.rounds}
            for measure in found
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}{f'-{part}' if part else ''}.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    typer.run(main)
