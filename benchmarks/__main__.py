"""The command `python -m benchmarks`: measures, prints a table, keeps the figures."""

import json
import signal
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import measures
from benchmarks.apps import running_apps
from benchmarks.cluster import grouping
from benchmarks.contest import racing
from benchmarks.extent import Extent
from benchmarks.findings import Findings
from benchmarks.flights import flights_file
from benchmarks.latency import arriving
from benchmarks.ledger import answering
from benchmarks.machine import load_average, machine_facts
from benchmarks.measure import Measure
from benchmarks.memory import comparing_objects
from benchmarks.page import write_page
from benchmarks.pipeline import running_pipeline
from benchmarks.readers import reading_formats
from benchmarks.scaling import scaling_out
from benchmarks.shown import figures_table, free_path
from benchmarks.small_files import taking_small_files
from bucket_policies import logs
from servers.capacity import HEAP_MIB
from servers.installation import install_missing
from servers.instance import Instance
from servers.temporary import temporary_cluster, temporary_instance

CHECKOUT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

console = Console()


class Part(StrEnum):
    """What can be measured alone."""

    READERS = "readers"
    APPS = "apps"
    LATENCY = "latency"
    PIPELINE = "pipeline"
    LEDGER = "ledger"
    CLUSTER = "cluster"
    CONTESTANTS = "contestants"
    SMALL_FILES = "small-files"
    MEMORY = "memory"
    SCALING = "scaling"


ON_PIPELINE = frozenset([Part.LATENCY, Part.PIPELINE, Part.CONTESTANTS, Part.SMALL_FILES])
ON_SERVERS = ON_PIPELINE | {Part.SCALING}


def main(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of everything but latency and memory.")] = 5,
    folder: Annotated[
        Path | None, typer.Option("--instance", help="Use the servers of this instance, which run already.")
    ] = None,
    only: Annotated[
        Part | None,
        typer.Option(metavar="PART", help=f"Only this: {', '.join(Part)}. Readers and apps need no servers."),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1_000, help="Rows of a contest's file; of flights there are no more.")
    ] = 336_776,
    warm_up: Annotated[
        int, typer.Option(min=0, help="Rows that go before, in all of a contest.")
    ] = 1_000_000,
) -> None:
    """Measure on real servers; figures are this machine's, ratios travel."""
    logs.configure()
    load_average_before = load_average()
    extent, findings = Extent(rounds, rows, warm_up, folder), Findings()
    found: list[Measure] = []
    for part, measure in ((Part.READERS, reading_formats), (Part.APPS, running_apps)):
        found += measure(rounds) if only in {part, None} else []
    if only in {*ON_SERVERS, None}:
        found += _on_servers(extent, {only} if only else ON_SERVERS, findings)
    found += _alone(extent, only, findings)
    console.print(figures_table(found))
    for fault in findings.faults:
        console.print(f"FAILED: {fault}", markup=False)
    warnings = findings.batch_warnings
    if warnings:
        console.print(f"Batch warnings in the server's log: {dict(warnings)}", markup=False)
    facts = {
        "rows": rows,
        "machine": machine_facts() | {"load_average_before": load_average_before},
        "batch_warnings": warnings,
        "faults": findings.faults,
    }
    path = _keep(found, only, facts)
    console.print(f"Kept in {path}", markup=False, soft_wrap=True)
    if only is None:
        write_page(path)
    if findings.faults or warnings.total():
        raise typer.Exit(1)


def _on_servers(extent: Extent, parts: Set[Part], findings: Findings) -> list[Measure]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and manager are stopped then too
    found: list[Measure] = []
    with _servers(extent.folder) as instance:
        if parts & ON_PIPELINE:
            found += _on_pipeline(instance, extent, parts, findings)
        if Part.SCALING in parts:  # it has managers of its own
            found += scaling_out(instance, extent.rounds, findings)
    return found


def _on_pipeline(instance: Instance, extent: Extent, parts: Set[Part], findings: Findings) -> list[Measure]:
    found: list[Measure] = []
    with running_pipeline(instance) as pipeline:
        if Part.LATENCY in parts:  # first: nothing is left to compact
            found += arriving(pipeline, findings)
        if Part.PIPELINE in parts:
            content = flights_file()
            found.append(measures.reading(content, extent.rounds))
            found.extend(measures.loading(pipeline, content, extent.rounds))
        if Part.CONTESTANTS in parts:
            found += racing(instance, pipeline, extent, findings)
        if Part.SMALL_FILES in parts:
            found += taking_small_files(instance, pipeline, rounds=extent.rounds, findings=findings)
    return found


def _alone(extent: Extent, only: Part | None, findings: Findings) -> list[Measure]:
    if only is Part.LEDGER:  # its loads have no objects
        return _ledger(extent)
    if only is Part.CLUSTER:  # three nodes are a lot for one machine
        return _cluster(extent.rounds, findings)
    if only is Part.MEMORY:  # 5 GB take their time
        return _memory(extent, findings)
    return []


def _ledger(extent: Extent) -> list[Measure]:
    with _servers(extent.folder) as instance:
        return answering(instance, extent.rounds)


def _memory(extent: Extent, findings: Findings) -> list[Measure]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _servers(extent.folder) as instance:
        return comparing_objects(instance, findings)


def _cluster(rounds: int, findings: Findings) -> list[Measure]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    install_missing(console)
    with temporary_cluster(CHECKOUT / ".local" / "benchmark-cluster") as cluster:
        return grouping(cluster, rounds, findings)


@contextmanager
def _servers(folder: Path | None) -> Iterator[Instance]:
    if folder is not None:
        yield Instance(folder)
        return
    install_missing(console)
    with temporary_instance(CHECKOUT / ".local" / "benchmark", heap_mib=HEAP_MIB) as instance:
        yield instance


def _keep(found: Sequence[Measure], part: Part | None, facts: Mapping[str, Any]) -> Path:
    now = datetime.now(UTC)
    measured = [{**asdict(measure), "median": measure.median} for measure in found]
    document = {"at": now.isoformat(timespec="seconds"), **facts, "measures": measured}
    RESULTS.mkdir(exist_ok=True)
    path = free_path(RESULTS, f"{now:%Y-%m-%d}{f'-{part}' if part else ''}")
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    typer.run(main)
