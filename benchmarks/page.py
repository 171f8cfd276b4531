"""A whole run's figures, and its plot, into docs/performance.md. Again: `python -m benchmarks.page RESULT…`.

The text around the figures is written by people; what stands between the two marks is replaced.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.measure import Measure
from benchmarks.shown import median_of, spread_of

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
_RATIO = ": pipeline ÷ "
_PNG_DPI = 80


def write_page(*results: Path) -> None:
    """Write the page's figures and plot from the result of a whole run, or those of its parts."""
    runs = {result.name: json.loads(result.read_text()) for result in results}
    measures = [measure_of(document) for run in runs.values() for document in run["measures"]]
    page = DOCS / "performance.md"
    page.write_text(with_figures(page.read_text(), figures_of(runs, measures)))
    plot(measures, DOCS / "performance.png")


def measure_of(document: Mapping[str, Any]) -> Measure:
    """Read a measure as a result keeps it."""
    return Measure(
        document["name"],
        document["unit"],
        tuple(document["rounds"]),
        least=document.get("least"),
        most=document.get("most"),
        samples=document.get("samples", 1),
    )


def with_figures(page: str, figures: str) -> str:
    """Put figures between the marks of a page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def figures_of(runs: Mapping[str, Mapping[str, Any]], measures: Sequence[Measure]) -> str:
    """Return the tables of runs: what was promised, other ratios, and then the machine's own figures.

    Args:
        runs: by the names of their results.
        measures: of all of them.
    """
    promised = [one for one in measures if one.target]
    ratios = [one for one in measures if not one.unit and not one.target]
    absolute = [one for one in measures if one.unit and not one.target]
    return "\n\n".join(
        [
            *("\n".join(_facts(run, name)) for name, run in runs.items()),
            "### Promised\n\n" + "\n".join(_promises(promised)),
            "### Other ratios\n\n" + "\n".join(_rows(ratios)),
            "### This machine's own figures\n\n" + "\n".join(_rows(absolute)),
        ]
    )


def _facts(run: Mapping[str, Any], name: str) -> Iterator[str]:
    machine = run["machine"]
    loads = f"{machine['load_average_before'][0]} before, {machine['load_average'][0]} after"
    warnings = ", ".join(f"{who} {count}" for who, count in run["batch_warnings"].items() if count)
    yield f"- Result: `benchmarks/results/{name}` of {run['at']}, {run['rows']:,} rows a file."
    yield f"- Machine: {machine['cpus']} × {machine['cpu']}, {machine['memory_mib']:,} MiB; load {loads}."
    programs = ("cassandra", "dsbulk", "cqlsh", "cassandra-driver", "python")
    yield f"- Versions: {', '.join(f'{program} {machine[program]}' for program in programs)}."
    yield f"- Turns that failed or whose table was not the file: {len(run['faults'])}."
    yield from (f"  - {fault}" for fault in run["faults"])
    yield f"- Batch warnings in the server's log: {warnings or '0'}."


def _promises(measures: Sequence[Measure]) -> Iterator[str]:
    yield "| measured | median | rounds | target | |\n|---|---|---|---|---|"
    for one in measures:
        met = "met" if one.is_met else "**not met**"
        yield f"| {one.name} | {median_of(one)} | {spread_of(one)} | {one.target} | {met} |"


def _rows(measures: Sequence[Measure]) -> Iterator[str]:
    yield "| measured | median | rounds |\n|---|---|---|"
    for one in measures:
        yield f"| {one.name} | {median_of(one)} | {spread_of(one)} |"


def plot(measures: Sequence[Measure], path: Path) -> None:
    """Draw how many times as fast the pipeline is, with the spread of the rounds, as a PNG."""
    ratios = [one for one in reversed(measures) if _RATIO in one.name]
    figure = Figure(figsize=(9, 0.3 * len(ratios) + 1), layout="constrained")
    axes = figure.subplots()
    medians = [one.median for one in ratios]
    axes.barh([one.name.replace(_RATIO, " ÷ ") for one in ratios], medians, color="#4477aa")
    for place, one in enumerate(ratios):
        axes.plot([min(one.rounds), max(one.rounds)], [place, place], color="#222222", linewidth=1)
        if one.least:
            axes.plot([one.least], [place], marker="|", markersize=14, color="#cc3311")
    axes.axvline(1, color="#888888", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.set_xlabel("pipeline's rows/s ÷ theirs: median, line: rounds, red: target")
    figure.savefig(path, dpi=_PNG_DPI)


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: python -m benchmarks.page RESULT.json …")
    write_page(*map(Path, sys.argv[1:]))
