"""Which loads a question finds, in which order, and how much is read for it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from support import fakes
from support.fakes import FakeLedger

from ingest_manager.history import LoadQuery, find_loads
from ingest_manager.loads import Load, LoadStatus


class CountingLedger(FakeLedger):
    """A ledger that counts the loads that were read."""

    reads = 0

    def find_all(self, load_ids: Iterable[UUID]) -> Iterator[Load]:
        for load in super().find_all(load_ids):
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


def test_no_more_is_read_than_is_asked_for() -> None:
    known = ledger(*(minutes_ago(number) for number in range(100)))
    assert keys(known, customer="acme", limit=2) == ["0.csv", "1.csv"]
    assert known.reads <= 3


def test_days_before_the_time_asked_for_are_not_read() -> None:
    known = ledger(minutes_ago(0), minutes_ago(24 * 60))
    assert keys(known, since=fakes.WRITTEN_AT - timedelta(hours=1)) == ["0.csv"]
    assert known.reads == 1


def test_status_is_asked_of_each_load() -> None:
    known = ledger(minutes_ago(0), fakes.load(LoadStatus.FAILED, "failed.csv"))
    assert keys(known, status=LoadStatus.FAILED) == ["failed.csv"]


def test_loads_of_an_upload_are_newest_first_and_its_customers_only() -> None:
    known = ledger(
        minutes_ago(2, upload_id="u1"), minutes_ago(1, upload_id="u1"), minutes_ago(0, upload_id="u2")
    )
    assert keys(known, customer="acme", upload_id="u1") == ["1.csv", "2.csv"]
    assert keys(known, customer="acme", upload_id="u1", limit=1) == ["1.csv"]
    assert keys(known, customer="zenith", upload_id="u1") == []
