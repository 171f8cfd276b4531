"""Where the time of a load went."""

from collections.abc import Iterator
from contextlib import suppress

from ingest_manager.monitoring.measures import Measures


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_in_a_stage_adds_up_also_where_it_ends_in_a_fault() -> None:
    clock, measures = Clock(), Measures()
    for seconds in (0.25, 0.5):
        with suppress(ZeroDivisionError), measures.stage("read", clock):
            clock.now += seconds
            1 / 0  # noqa: B018
        clock.now += 10
    assert measures.seconds == {"read": 0.75}


def test_waiting_for_chunks_counts_and_what_is_done_with_them_does_not() -> None:
    clock, measures = Clock(), Measures()

    def chunks() -> Iterator[str]:
        for chunk in ("a", "b"):
            clock.now += 1
            yield chunk
        clock.now += 0.5

    seen = []
    for chunk in measures.each("read", chunks(), clock):
        clock.now += 100
        seen.append(chunk)
    assert (seen, measures.seconds) == (["a", "b"], {"read": 2.5})


def test_clocks_of_two_machines_that_disagree_add_nothing() -> None:
    measures = Measures()
    measures.add("event", -3.0)
    assert measures.seconds == {"event": 0.0}


def test_stages_are_shown_in_the_order_of_a_load() -> None:
    measures = Measures({"place": 0.0306, "claim": 0.002, "event": 1.5})
    assert list(measures.milliseconds().items()) == [("event", 1500), ("claim", 2), ("place", 31)]
