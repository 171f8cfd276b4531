"""A process that judges inputs and may die or hang: that is a crash, and another process takes over."""

import faulthandler
import multiprocessing
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks.reliability.inputs import make_input
from benchmarks.reliability.judge import Verdict, judge, load

PATIENCE_SECONDS = 60
MOST_MB = 350
"""What a worker of the manager may have."""


@dataclass(frozen=True)
class Judged:
    """An input's number, how it was made, and what became of it; no verdict: a crash."""

    number: int
    form: str
    damages: tuple[str, ...]
    verdict: Verdict | None
    crash: str | None = None


def judge_one(seed: int, number: int) -> Judged:
    """Judge an input in this process; what is raised is a crash, and so is more memory than a worker has."""
    bad = make_input(seed, number)
    name, before = _called(bad.form.name, bad.ending), _peak_mb()
    try:
        loaded = load(bad)
    except BaseException as error:  # noqa: BLE001 - a panic of polars is no Exception
        return Judged(number, name, bad.damages, None, f"{type(error).__name__}: {error}")
    peak = _peak_mb()
    if peak > max(before, MOST_MB):
        return Judged(number, name, bad.damages, None, f"{peak:.0f} MB of memory")
    return Judged(number, name, bad.damages, judge(bad, loaded))


def judge_all(
    seed: int,
    numbers: Iterable[int],
    judging: Callable[[int, int], Judged] = judge_one,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Iterator[Judged]:
    """Judge inputs one after the other, whatever they do to the process."""
    process = None
    for number in numbers:
        process = process or _Process(seed, judging, patience_seconds)
        judged = process.judge(number)
        if judged.verdict is None:
            process.stop()
            process = None
        yield judged
    if process:
        process.stop()


class _Process:
    """Judges in a process of its own."""

    def __init__(self, seed: int, judging: Callable[[int, int], Judged], patience_seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._seed = seed
        self._patience_seconds = patience_seconds
        self._connection, theirs = context.Pipe()
        os.environ["POLARS_MAX_THREADS"] = "1"  # read when the process starts
        self._process = context.Process(target=_answer, args=(theirs, seed, judging), daemon=True)
        self._process.start()
        theirs.close()

    def judge(self, number: int) -> Judged:
        """Give the verdict, or what it died of."""
        self._connection.send(number)
        crash = f"no answer within {self._patience_seconds:g} seconds"
        try:
            if self._connection.poll(self._patience_seconds):
                found: Judged = self._connection.recv()
                return found
        except EOFError:
            self._process.join()
            crash = f"the process died with {self._process.exitcode}"
        bad = make_input(self._seed, number)
        return Judged(number, _called(bad.form.name, bad.ending), bad.damages, None, crash)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _answer(connection: Connection, seed: int, judging: Callable[[int, int], Judged]) -> None:
    faulthandler.enable()
    while True:
        try:
            number = connection.recv()
        except EOFError:
            return
        connection.send(judging(seed, number))


def _called(form: str, ending: str) -> str:
    return f"{form} {ending}".strip()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
