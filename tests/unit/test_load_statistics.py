"""What statistics say of some loads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import fakes

from ingest_manager.ledger.load_statistics import LoadStatistics, Period, Seconds, statistics_of
from ingest_manager.ledger.loads import LoadFigures, LoadStatus

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def load(
    started: float = 1, ended: float | None = 2, *, at: datetime = NOON, status: str = "loaded", **values: Any
) -> LoadFigures:
    """Return the figures of a load that started and ended so many seconds after its event."""
    known: dict[str, Any] = dict.fromkeys(LoadFigures._fields, 0) | {
        "customer": "acme",
        "status": status,
        "event_at": at,
        "started_at": at + timedelta(seconds=started),
        "ended_at": None if ended is None else at + timedelta(seconds=ended),
    }
    return LoadFigures(**(known | values))


def only(*loads: LoadFigures) -> LoadStatistics:
    [found] = statistics_of(loads, customer="acme")
    return found


def test_accounts_are_summed_and_what_was_not_counted_yet_is_nothing() -> None:
    found = only(
        load(size=10, rows_read=6, rows_written=3, rows_rejected=2, rows_dropped=1),
        load(size=5, rows_read=1, rows_written=1),
        load(ended=None, status="loading"),
    )
    assert (found.objects, found.bytes, found.rows_read, found.rows_written) == (3, 15, 7, 4)
    assert (found.rows_rejected, found.rows_dropped) == (2, 1)


def test_success_is_of_what_was_to_be_loaded_and_has_an_outcome() -> None:
    statuses = ["loaded"] * 5 + ["partly_loaded", "rejected", "failed", "duplicate", "gone", "waiting"]
    found = only(*(load(status=status) for status in statuses))
    assert found.statuses == {
        LoadStatus.WAITING: 1, LoadStatus.LOADED: 5, LoadStatus.PARTLY_LOADED: 1, LoadStatus.REJECTED: 1,
        LoadStatus.FAILED: 1, LoadStatus.DUPLICATE: 1, LoadStatus.GONE: 1,
    }  # fmt: skip
    assert found.success_rate == 0.75
    assert only(load(ended=None, status="loading")).success_rate is None


def test_times_are_from_the_event_and_from_the_start_to_the_outcome() -> None:
    found = only(*(load(started=1, ended=1 + number) for number in range(101)))
    assert found.seconds_of_load == Seconds(mean=50, p50=50, p95=95, p99=99)
    assert found.seconds_to_outcome == Seconds(mean=51, p50=51, p95=96, p99=100)


def test_outcome_of_a_replay_says_nothing_of_the_time_from_the_event() -> None:
    found = only(load(ended=2), load(started=90_000, ended=90_003, replays=1))
    assert found.seconds_to_outcome == Seconds(mean=2, p50=2, p95=2, p99=2)
    assert found.seconds_of_load == Seconds(mean=2, p50=2, p95=2.9, p99=2.98)


def test_load_without_an_outcome_has_no_times() -> None:
    found = only(load(ended=None, status="loading"))
    assert (found.seconds_of_load, found.seconds_to_outcome, found.rows_per_second) == (None, None, None)


def test_throughput_counts_the_time_of_loads_side_by_side_once() -> None:
    found = only(
        load(0, 10, rows_written=60, size=120),
        load(2, 4, rows_written=1),
        load(3, None, status="loading"),
        load(5, 15, rows_written=59),
        load(100, 105, rows_written=80),
    )
    assert (found.busy_seconds, found.rows_per_second, found.bytes_per_second) == (20, 10, 6)


def test_platform_comes_after_its_customers_and_counts_their_time_once() -> None:
    found = statistics_of([load(0, 10, rows_written=5, customer=name) for name in ("zenith", "acme", "acme")])
    assert [(one.customer, one.objects, one.busy_seconds, one.rows_per_second) for one in found] == [
        ("acme", 2, 10, 1), ("zenith", 1, 10, 0.5), (None, 3, 10, 1.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("by", "periods"),
    [
        (Period.HOUR, [(NOON, 2), (NOON + timedelta(hours=1), 1), (NOON + timedelta(hours=12), 1)]),
        (Period.DAY, [(NOON - timedelta(hours=12), 3), (NOON + timedelta(hours=12), 1)]),
        (None, [(None, 4)]),
    ],
)
def test_time_is_split_by_the_objects_time(by: Period | None, periods: list[tuple[datetime, int]]) -> None:
    minutes = (0, 59, 60, 720)
    loads = [load(at=NOON + timedelta(minutes=number)) for number in minutes]
    found = statistics_of(loads, customer="acme", by=by)
    assert [(one.period, one.objects) for one in found] == periods
    assert (found[0].first_at, found[-1].last_at) == (NOON, NOON + timedelta(hours=12))


def test_every_period_has_its_customers_and_the_platform() -> None:
    later = NOON + timedelta(hours=3)
    loads = [load(), load(at=later, customer="zenith")]
    found = statistics_of(loads, by=Period.HOUR)
    assert [(one.period, one.customer) for one in found] == [
        (NOON, "acme"), (NOON, None), (later, "zenith"), (later, None),
    ]  # fmt: skip


def test_without_loads_there_is_one_line_of_nothing() -> None:
    assert statistics_of([], customer="acme") == [LoadStatistics(customer="acme")]
    assert statistics_of([], by=Period.DAY) == [LoadStatistics(customer=None)]


def test_ledgers_figures_are_those_of_its_loads() -> None:
    ledger = fakes.FakeLedger()
    ledger.enter(fakes.load(size=7, rows_read=2, rows_written=2, started_at=NOON, ended_at=NOON))
    [found] = statistics_of(ledger.figures("acme", NOON, NOON + timedelta(hours=1)), customer="acme")
    assert (found.bytes, found.rows_written, found.statuses) == (7, 2, {LoadStatus.LOADED: 1})
