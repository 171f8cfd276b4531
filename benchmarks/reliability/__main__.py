"""The command `python -m benchmarks.reliability`: ends with 1 on a crash, a wrong value or a missing row."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.reliability.inputs import make_input
from benchmarks.reliability.report import Report
from benchmarks.reliability.watchdog import judge_all

SHOWN_EACH = 500

console = Console(width=110, soft_wrap=True)


def main(
    inputs: Annotated[int, typer.Option(min=1, help="How many bad files.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal files.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="The number of the first.")] = 0,
    write: Annotated[Path | None, typer.Option(help="Only write the first one there, to look at it.")] = None,
) -> None:
    """Damage good files of every format, load them, and compare with slow references."""
    if write is not None:
        bad = make_input(seed, first)
        write.write_bytes(bad.data)
        console.print(f"{bad.form.name} {bad.ending}: {', '.join(bad.damages)}", markup=False)
        return
    report, numbers = Report(), range(first, first + inputs)
    for judged in judge_all(seed, numbers):
        report.add(judged)
        if report.inputs % SHOWN_EACH == 0:
            console.print(report.summary)
    for table in report.tables():
        console.print(table)
    for line in (*report.faults, *report.needless):
        console.print(line, markup=False, highlight=False)
    console.print(report.summary)
    raise typer.Exit(1 if report.faults else 0)


if __name__ == "__main__":
    typer.run(main)
