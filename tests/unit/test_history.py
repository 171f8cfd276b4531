"""Which loads a question finds, in which order, and how much is read for it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from support import fakes
from support.fakes import FakeLedger

from ingest_manager.ledger.history import LoadQuery, find_loads
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import Load, LoadStatus


class CountingLedger(FakeLedger):
    """A ledger that counts the loads that were read."""

    reads = 0

    def search(self, wanted: LoadFilter, at_most: int | None = None) -> Iterator[Load]:
        for load in super().search(wanted, at_most):
            self.reads += 1
            yield load


def ledger(*loads: Load) -> CountingLedger:
    made = CountingLedger()
    made.enter(*loads)
    return made


def keys(of: FakeLedger, **query: Any) -> list[str]:
    return [load.key for load in find_loads(of, LoadQuery(**query))]  # type: ignore[arg-type]  # a fake


def minutes_ago(minutes: int, **values: Any) -> Load:
    moment = fakes.WRITTEN_AT - timedelta(minutes=minutes)
    return fakes.load(key=f"{minutes}.csv", event_at=moment, **values)


def test_loads_of_all_customers_come_newest_first() -> None:
    known = ledger(
        minutes_ago(3), minutes_ago(2, customer="zenith"), minutes_ago(1), minutes_ago(0, customer="zenith"),
        minutes_ago(24 * 60), minutes_ago(25 * 60, customer="zenith"),
    )  # fmt: skip
    assert keys(known) == ["0.csv", "1.csv", "2.csv", "3.csv", "1440.csv", "1500.csv"]
    assert keys(known, customer="zenith") == ["0.csv", "2.csv", "1500.csv"]


def test_little_more_is_read_than_is_asked_for() -> None:
    known = ledger(*(minutes_ago(number) for number in range(5_000)))
    assert keys(known, customer="acme", limit=2) == ["0.csv", "1.csv"]
    assert known.reads < 1_500


def test_few_loads_among_many_are_read_and_no_others() -> None:
    failed = [minutes_ago(number, status=LoadStatus.FAILED) for number in (7, 1_000_000, 70)]
    known = ledger(*failed, *(minutes_ago(number) for number in range(100, 2_000)))
    assert keys(known, status=LoadStatus.FAILED) == ["7.csv", "70.csv", "1000000.csv"]
    assert known.reads == 3


def test_all_loads_come_once_and_in_order_through_bursts_and_gaps() -> None:
    burst = [fakes.load(key=f"burst-{number}.csv", event_at=fakes.WRITTEN_AT) for number in range(1_500)]
    before = [minutes_ago(number) for number in (*range(1, 1_500), 1_000_000)]
    newest_first = keys(ledger(*before, minutes_ago(-60), *burst), limit=10_000)
    assert newest_first[0] == "-60.csv"
    assert set(newest_first[1:1_501]) == {load.key for load in burst}
    assert newest_first[1_501:] == [load.key for load in before]


def test_older_loads_follow_those_of_one_moment() -> None:
    burst = [fakes.load(key=f"burst-{number}.csv", event_at=fakes.WRITTEN_AT) for number in range(1_500)]
    newest_first = keys(ledger(*burst, minutes_ago(1)), limit=10_000)
    assert (len(newest_first), newest_first[-1]) == (1_501, "1.csv")


def test_objects_before_and_after_the_times_asked_for_are_not_read() -> None:
    known = ledger(*(minutes_ago(number) for number in range(10)))
    asked = {
        "since": fakes.WRITTEN_AT - timedelta(minutes=7),
        "until": fakes.WRITTEN_AT - timedelta(minutes=5),
    }
    assert keys(known, **asked) == ["6.csv", "7.csv"]
    assert known.reads == 2
    assert keys(known, since=fakes.WRITTEN_AT + timedelta(days=1)) == []


def test_status_and_key_are_asked_of_each_load() -> None:
    known = ledger(minutes_ago(0), fakes.load(LoadStatus.FAILED, "failed.csv"), minutes_ago(1))
    assert keys(known, status=LoadStatus.FAILED) == ["failed.csv"]
    assert keys(known, key="1.csv") == ["1.csv"]
    assert known.reads == 2


def test_loads_in_work_come_newest_first_too() -> None:
    known = ledger(*(minutes_ago(number, status=LoadStatus.LOADING) for number in (2, 1, 3)))
    assert keys(known, status=LoadStatus.LOADING, limit=2) == ["1.csv", "2.csv"]


def test_loads_of_an_upload_are_newest_first_and_its_customers_only() -> None:
    known = ledger(
        minutes_ago(2, upload_id="u1"), minutes_ago(1, upload_id="u1"), minutes_ago(0, upload_id="u2")
    )
    assert keys(known, customer="acme", upload_id="u1") == ["1.csv", "2.csv"]
    assert keys(known, customer="acme", upload_id="u1", limit=1) == ["1.csv"]
    assert keys(known, customer="zenith", upload_id="u1") == []
