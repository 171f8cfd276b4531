"""The figures of a run: how inputs of each form and each damage ended, and what is wrong."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rich.table import Table

from benchmarks.reliability.watchdog import Judged

ENDS = ("refused", "with rejects", "whole")


@dataclass
class Report:
    """What was counted so far."""

    by_form: dict[str, Counter[str]] = field(default_factory=dict)
    by_damage: dict[str, Counter[str]] = field(default_factory=dict)
    inputs: int = 0
    crashes: list[str] = field(default_factory=list)
    wrong_values: list[str] = field(default_factory=list)
    missing_rows: list[str] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)

    def add(self, judged: Judged) -> None:
        """Count an input."""
        self.inputs += 1
        what = f"input {judged.number}, {judged.form}, {', '.join(judged.damages)}"
        if judged.verdict is None:
            self.crashes.append(f"{what}: {judged.crash}")
            return
        verdict = judged.verdict
        self.by_form.setdefault(judged.form, Counter())[verdict.ending] += 1
        for damage in set(judged.damages):
            self.by_damage.setdefault(damage, Counter())[verdict.ending] += 1
        self.wrong_values += [f"{what}: {verdict.wrong_values[0]}"] if verdict.wrong_values else []
        self.missing_rows += [f"{what}: {verdict.missing_rows[0]}"] if verdict.missing_rows else []
        self.needless += [f"{what}: {verdict.needlessly}"] if verdict.needlessly else []

    @property
    def faults(self) -> list[str]:
        """Everything that must not happen."""
        return [*self.crashes, *self.wrong_values, *self.missing_rows]

    @property
    def summary(self) -> str:
        """The figures that count."""
        return (
            f"{self.inputs:,} bad inputs: {len(self.crashes)} crashes, {len(self.wrong_values)} with wrong "
            f"values or rejects, {len(self.missing_rows)} with a row missing, {len(self.needless)} refused "
            "that the reference reads"
        )

    def tables(self) -> Iterable[Table]:
        """Give the counts as tables."""
        yield _table("form", self.by_form, key=str)
        yield _table("damage", self.by_damage, key=str)


def _table(title: str, counts: dict[str, Counter[str]], *, key: Callable[[str], str]) -> Table:
    table = Table(title, "inputs", *ENDS)
    for name in sorted(counts, key=key):
        found = counts[name]
        table.add_row(name, *(str(count) for count in (found.total(), *(found[end] for end in ENDS))))
    return table
