"""When a drain is over, and what stops it."""

from collections.abc import Mapping
from typing import Any

from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.operations.drain import Drain, Drained, what_is_left

NOTHING: dict[str, Any] = {
    "customer": "acme",
    "has_document": True,
    "paused": False,
    "queue_depth": 0,
    "consumers": 1,
    "without_outcome": 0,
    "unplaced": 0,
}


def state(**values: Any) -> CustomerState:
    return CustomerState(**(NOTHING | values))


class Scene:
    """A drain that sees the given states in turn, and the last one for ever; a look takes no time."""

    def __init__(self, *states: CustomerState) -> None:
        self.states = list(states)
        self.seconds = 0.0
        self.seen: list[Mapping[str, int | None]] = []

    def drain(self, timeout_seconds: float = 60) -> Drained:
        return Drain(self._look, self.seen.append, lambda: self.seconds, self._sleep).wait(timeout_seconds)

    def _look(self) -> CustomerState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_customer_without_anything_is_drained_once_it_has_been_quiet() -> None:
    scene = Scene(state())
    assert scene.drain() == Drained(state())
    assert scene.seconds == 5


def test_drain_tells_what_is_left_and_ends_when_nothing_is() -> None:
    scene = Scene(state(queue_depth=3, without_outcome=2), state(unplaced=1), state())
    assert scene.drain() == Drained(state())
    assert scene.seen[:3] == [
        {"messages in its queue": 3, "objects without an outcome": 2},
        {"objects to be moved": 1},
        {},
    ]
    assert scene.seconds == 6


def test_straggler_begins_the_quiet_anew() -> None:
    scene = Scene(state(), state(), state(queue_depth=1), state())
    scene.drain()
    assert scene.seconds == 7


def test_time_that_is_over_says_what_is_left() -> None:
    waiting = state(without_outcome=1)
    scene = Scene(waiting)
    assert scene.drain(30) == Drained(waiting, {"objects without an outcome": 1}, "the time is over")
    assert scene.seconds == 30


def test_time_that_is_over_does_not_cut_the_quiet_short() -> None:
    assert Scene(state()).drain(0).hindrance is None


def test_queue_that_nobody_consumes_is_told_at_the_end_of_the_time() -> None:
    drained = Scene(state(queue_depth=1, consumers=0)).drain(0)
    assert drained.hindrance == "the time is over, and no manager consumes its queue: see the managers' logs"


def test_paused_customer_is_not_waited_for_even_with_nothing_left() -> None:
    scene = Scene(state(paused=True))
    hindrance = "it is paused, and a paused customer is not loaded: resume it first"
    assert scene.drain() == Drained(state(paused=True), {}, hindrance)
    assert scene.seconds == 0


def test_customer_that_is_paused_meanwhile_stops_the_drain() -> None:
    scene = Scene(state(queue_depth=1), state(queue_depth=1, paused=True))
    assert (scene.drain().left, scene.seconds) == ({"messages in its queue": 1}, 1)


def test_customer_without_a_document_is_drained_only_if_nothing_is_left_of_it() -> None:
    assert Scene(state(has_document=False, consumers=0)).drain().hindrance is None
    drained = Scene(state(has_document=False, queue_depth=2)).drain()
    assert drained.left == {"messages in its queue": 2}
    assert drained.hindrance == "its document is gone, so no manager loads it: put the document back first"


def test_what_a_server_that_is_away_could_not_tell_is_left() -> None:
    assert what_is_left(state(queue_depth=None)) == {"messages in its queue": None}
