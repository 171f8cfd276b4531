"""Until when a replay is waited for, and what is told of it."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from support import fakes
from support.fakes import FakeLedger

from ingest_manager.errors import TransientError
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.operations.replay_wait import Awaited, wait_for


@pytest.mark.parametrize(
    ("status", "replays", "expected"),
    [
        (LoadStatus.LOADED, 1, False),  # the outcome of before
        (LoadStatus.LOADING, 2, False),
        (LoadStatus.FAILED, 2, True),
        (LoadStatus.LOADED, 3, True),  # by another replay since
    ],
)
def test_outcome_of_a_later_run_is_the_one(status: LoadStatus, replays: int, expected: bool) -> None:
    assert Awaited(uuid.UUID(int=1), after=1).is_over(fakes.load(status, replays=replays)) is expected


class Turns(FakeLedger):
    """A ledger in which more has ended with every look."""

    def __init__(self, *turns: list[Load] | Exception) -> None:
        super().__init__()
        self.turns = list(turns)

    def find_all(self, load_ids) -> Iterator[Load]:
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return iter([load for load in turn if load.load_id in set(load_ids)])


def awaited(*loads: Load) -> list[Awaited]:
    return [Awaited(load.load_id, 0) for load in loads]


def test_every_load_is_waited_for_and_told_once() -> None:
    first, second = fakes.load(key="a.csv", replays=1), fakes.load(LoadStatus.FAILED, "b.csv", replays=1)
    ledger = Turns([first, replace(second, replays=0)], TransientError("timed out"), [second])
    told: list[int] = []
    pauses: list[float] = []
    outcomes = wait_for(
        awaited(first, second),
        ledger,  # type: ignore[arg-type]  # a fake
        timeout_seconds=60,
        on_outcome=lambda: told.append(1),
        pause=pauses.append,
    )
    expected: dict[UUID, str] = {first.load_id: "loaded", second.load_id: "failed"}
    assert (outcomes, len(told), len(pauses)) == (expected, 2, 2)


def test_what_has_no_outcome_in_time_is_left_out() -> None:
    load = fakes.load(LoadStatus.LOADING)
    assert wait_for(awaited(load), Turns([load]), timeout_seconds=0) == {}  # type: ignore[arg-type]  # a fake


def test_nothing_to_wait_for_asks_nobody() -> None:
    assert wait_for([], Turns(), timeout_seconds=60) == {}  # type: ignore[arg-type]  # a fake
