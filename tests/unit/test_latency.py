"""What is told of 500 small files, one after the other."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency import Arrival, faults_of, measures_of, patience_ms
from benchmarks.measure import Measure, percentile
from benchmarks.small_files import stage_sums

METRICS = """
# TYPE ingest_manager_stage_seconds histogram
ingest_manager_stage_seconds_bucket{le="+Inf",stage="event"} 3.0
ingest_manager_stage_seconds_count{stage="event"} 3.0
ingest_manager_stage_seconds_sum{stage="event"} 0.012
ingest_manager_stage_seconds_sum{stage="place"} 0.5
"""


def arrivals(readable_ms: list[float]) -> list[Arrival]:
    return [Arrival(put_ms=3.0, readable_ms=ms, look_cpu_ms=1.5, looks=9, rows=1_000) for ms in readable_ms]


def by_end_of_name(measures: list[Measure]) -> dict[str, Measure]:
    return {measure.name.partition(" file: ")[2]: measure for measure in measures}


@pytest.mark.parametrize(("share", "expected"), [(50, 250.0), (99, 495.0), (100, 500.0), (1, 5.0)])
def test_percentile_of_five_hundred_is_one_of_them(share: int, expected: float) -> None:
    samples = [float(number) for number in range(1, 501)]
    random.Random(1).shuffle(samples)
    assert percentile(samples, share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_percentile_is_the_least_that_so_many_do_not_exceed(samples: list[float], share: int) -> None:
    found = percentile(samples, share)

    def reached(limit: float) -> bool:
        return 100 * sum(sample <= limit for sample in samples) >= share * len(samples)

    assert found in samples
    assert reached(found)
    assert not any(reached(sample) for sample in samples if sample < found)


def test_percentiles_are_of_all_files_and_keep_their_targets() -> None:
    found = by_end_of_name(measures_of(arrivals([20.0] * 494 + [260.0] * 6), {}))
    assert (found["p50"].rounds, found["p50"].target, found["p50"].is_met) == ((20.0,), "≤ 50", True)
    assert (found["p99"].rounds, found["p99"].target, found["p99"].is_met) == ((260.0,), "≤ 250", False)
    assert found["longest"].rounds == (260.0,)
    assert {found[name].samples for name in ("p50", "p99", "longest")} == {500}


def test_five_late_files_of_five_hundred_are_beyond_the_p99() -> None:
    found = by_end_of_name(measures_of(arrivals([20.0] * 495 + [260.0] * 5), {}))
    assert found["p99"].rounds == (20.0,)


def test_drift_shows_in_the_hundreds() -> None:
    readable = [float(10 * (number // 100 + 1)) for number in range(500)]
    found = by_end_of_name(measures_of(arrivals(readable), {}))["p50 of each hundred"]
    assert (found.rounds, found.samples) == ((10.0, 20.0, 30.0, 40.0, 50.0), 100)


def test_stages_follow_in_the_order_of_a_load() -> None:
    stages = {"place": 9.0, "write": 4.0, "event": 1.0}
    names = list(by_end_of_name(measures_of(arrivals([1.0]), stages)))
    assert [name for name in names if name.startswith("stage")] == [
        "stage event, mean",
        "stage write, mean",
        "stage place, mean",
    ]


def test_put_and_looks_are_figures_of_their_own() -> None:
    found = by_end_of_name(measures_of(arrivals([20.0] * 10), {}))
    assert found["before it, the PUT itself, p50"].rounds == (3.0,)
    assert found["CPU of the looks, mean"].rounds == (1.5,)


def test_files_that_were_there_before_the_first_look_are_a_fault() -> None:
    good, (bad,) = arrivals([20.0] * 4), arrivals([20.0])
    assert list(faults_of(good)) == []
    assert list(faults_of([*good, replace(bad, looks=1)])) == ["1 files were there before the first look"]
    assert list(faults_of([*good * 5, replace(bad, looks=1)])) == []  # less than one in twenty
    assert list(faults_of([*good, replace(bad, rows=999)])) == ["1 files did not become 1,000 rows"]


def test_first_look_comes_after_half_of_the_shortest_of_the_last_fifty() -> None:
    assert patience_ms(arrivals([20.0] * 49)) == 0
    assert patience_ms(arrivals([4.0, 20.0, *[40.0] * 49])) == 10.0


def test_faster_files_bring_the_first_look_forward() -> None:
    before = arrivals([100.0] * 50)
    for _ in range(20):  # all of them there after 10 ms
        before += arrivals([max(10.0, patience_ms(before))])
    assert patience_ms(before) == 5.0


def test_sums_of_stages_are_those_of_the_metrics() -> None:
    assert stage_sums(METRICS) == {"event": 0.012, "place": 0.5}
