"""What the customer sees while a command runs, on standard error: bars on a terminal, few lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 5.0  # between two lines of one stage where there is no terminal

Advance = Callable[[int], None]


class Watcher:
    """Tells of stages and notices."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)

    def notice(self, line: str) -> None:
        """Show one line that the customer should read."""
        self._console.print(Text(line), soft_wrap=True)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Show how far a stage is; it gets a function that advances it."""
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description:>8}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self._console) as bars:
                task = bars.add_task(name, total=total)
                yield lambda amount: bars.advance(task, amount)
        else:
            lines = _Lines(name, total, self.notice)
            yield lines.advance
            lines.tell()


class _Lines:
    def __init__(self, name: str, total: int, notice: Callable[[str], None]) -> None:
        self._name, self._total, self._notice = name, total, notice
        self._done = 0
        self._line = ""
        self._told_at = time.monotonic()

    def advance(self, amount: int) -> None:
        self._done += amount
        if time.monotonic() - self._told_at >= LINE_SECONDS:
            self.tell()

    def tell(self) -> None:
        self._told_at = time.monotonic()
        before, self._line = self._line, f"{self._name}: {100 * self._done // max(self._total, 1)} %"
        if self._total and self._line != before:
            self._notice(self._line)
