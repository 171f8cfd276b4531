"""How figures are shown, on the terminal and on the page, and where they are kept."""

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from rich import box
from rich.table import Table

from benchmarks.measure import Measure


def figures_table(measures: Sequence[Measure]) -> Table:
    """Return a table for a terminal of 80 columns or more."""
    table = Table("measured", box=box.SIMPLE, padding=(0, 1, 0, 0), row_styles=["", "dim"])
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("rounds")
    table.add_column("target", no_wrap=True)
    for one in measures:
        met = f"{one.target} {'met' if one.is_met else 'not met'}" if one.target else ""
        table.add_row(one.name, median_of(one), spread_of(one), met)
    return table


def free_path(folder: Path, stem: str) -> Path:
    """Return where to keep a result: a second one of a day does not replace the first."""
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(path for name in names if not (path := folder / f"{name}.json").exists())


def median_of(measure: Measure) -> str:
    """Show the median with its unit."""
    return f"{shown(measure.median)} {measure.unit}".rstrip()


def spread_of(measure: Measure) -> str:
    """Show how many rounds there were, of how many samples each, and the least and the most of them."""
    samples = f", of {measure.samples:,} samples" if measure.samples > 1 else ""
    rounds = f"{len(measure.rounds)}{samples}"
    if len(measure.rounds) == 1:
        return rounds
    return f"{rounds}: {shown(min(measure.rounds))} – {shown(max(measure.rounds))}"


def shown(figure: float) -> str:
    """Show three digits or whole thousands."""
    return f"{figure:,.2f}" if figure < 10 else f"{figure:,.1f}" if figure < 100 else f"{figure:,.0f}"
