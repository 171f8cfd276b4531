"""What is measured of one big file: reading alone, and a load beside its ceiling."""

import gc
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.ceiling import Ceiling
from benchmarks.flights import encoded_chunks, flights_app
from benchmarks.measure import Measure
from benchmarks.pipeline import CUSTOMER, Pipeline

WARM_UP_ROWS = 1_000_000


def reading(content: bytes, rounds: int) -> Measure:
    """Measure bytes to encoded cells, in this process."""
    app = flights_app()

    def once() -> float:
        started = time.perf_counter()
        rows = sum(map(len, encoded_chunks(app, content)))
        return rows / (time.perf_counter() - started)

    once()
    return Measure("readers and codecs alone", "rows/s", tuple(once() for _ in range(rounds)))


def loading(pipeline: Pipeline, content: bytes, rounds: int) -> list[Measure]:
    """Measure one big file from event to outcome beside its ceiling, in turns, after a warm-up."""
    app = flights_app()
    ceiling = Ceiling(pipeline.session, CUSTOMER, app.contract, encoded_chunks(app, content))
    gc.collect()
    gc.freeze()  # millions of cells that live to the end need not be looked at again and again

    def load(table: str = "flights") -> float:
        event = pipeline.put(f"{table}-{uuid.uuid4()}.csv", content)
        arrived_at = datetime.now(UTC)
        outcome = pipeline.loaded(event)
        ended_at: datetime = outcome["ended_at"].replace(tzinfo=UTC)
        return float(outcome["rows_written"]) / (ended_at - arrived_at).total_seconds()

    _warm_up([load, ceiling.send], ceiling.rows)
    loads, passed, ceilings = [], [], []
    for _ in range(rounds):
        loads.append(load())
        passed.append(load("passed"))
        ceilings.append(ceiling.send())
    ratios = tuple(load / most for load, most in zip(loads, ceilings, strict=True))
    through = tuple(one / load for one, load in zip(passed, loads, strict=True))
    return [
        Measure("a big file, event to outcome", "rows/s", tuple(loads)),
        Measure("its ceiling: encoded beforehand, only sent", "rows/s", tuple(ceilings)),
        Measure("load ÷ ceiling", "", ratios),
        Measure("a load through an app in Python ÷ load", "", through, least=0.9),
    ]


def _warm_up(turns: list[Callable[[], float]], rows: int) -> None:
    for number in range(-(-WARM_UP_ROWS // rows)):
        turns[number % len(turns)]()
