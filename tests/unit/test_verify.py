"""Each kind of difference that `verify` finds, and what it counts apart."""

from datetime import timedelta
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeLedger, FakeStore

from ingest_manager.errors import ObjectGone
from ingest_manager.loads import Load, LoadStatus
from ingest_manager.verify import Report, Verification


class Scene:
    """Buckets and a ledger that agree until a test changes them."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()

    def verify(self, **constraints: Any) -> Report:
        verification = Verification(
            self.store,  # type: ignore[arg-type]  # fakes, both
            self.ledger,  # type: ignore[arg-type]
            timedelta(minutes=2),
            clock=lambda: fakes.NOW,
        )
        verification.verify(fakes.customer(**constraints))
        return verification.report

    def messages(self, **constraints: Any) -> list[str]:
        return [difference.message for difference in self.verify(**constraints).differences]

    def enter(
        self, load: Load, *, staged: bool = False, archived: bool = False, rejects: bool = False
    ) -> None:
        self.ledger.enter(load)
        if staged:
            self.store.put_version(b"", load.key, load.version_id)
        if archived:
            self.store.put_version(b"", f"objects/{load.load_id}", "", "archive-acme")
        if rejects:
            self.store.put_version(b"", f"rejects/{load.load_id}.csv", "", "archive-acme")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_loads_whose_objects_are_where_they_belong_make_no_difference(scene: Scene) -> None:
    scene.enter(fakes.load(rows_read=3, rows_written=2, rows_dropped=1), archived=True)
    scene.enter(
        fakes.load(LoadStatus.PARTLY_LOADED, "b.csv", rows_read=2, rows_written=1, rows_rejected=1),
        archived=True, rejects=True,
    )  # fmt: skip
    scene.enter(fakes.load(LoadStatus.REJECTED, "c.csv"), archived=True)
    scene.enter(fakes.load(LoadStatus.FAILED, "d.csv"), archived=True)
    scene.enter(fakes.load(LoadStatus.DUPLICATE, "e.csv"))
    scene.enter(fakes.load(LoadStatus.GONE, "f.csv"))
    report = scene.verify()
    assert report.differences == []
    assert dict(report.counts) == {
        "loaded": 1, "partly_loaded": 1, "rejected": 1, "failed": 1, "duplicate": 1, "gone": 1,
    }  # fmt: skip


def test_version_without_a_load_is_a_difference(scene: Scene) -> None:
    scene.store.put_version(b"")
    [difference] = scene.verify().differences
    assert (difference.customer, difference.key) == ("acme", "people.csv")
    assert difference.load_id == str(fakes.event().load_id)
    assert difference.message == "is in staging, but the ledger does not know it"


def test_version_that_has_just_arrived_is_counted_apart(scene: Scene) -> None:
    scene.store.put_version(b"")
    scene.store.modified_at = fakes.NOW - timedelta(minutes=1)
    report = scene.verify()
    assert (report.differences, report.counts["just arrived"]) == ([], 1)


def test_rows_that_do_not_add_up_are_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(rows_read=3, rows_written=2), archived=True)
    assert scene.messages() == ["3 rows read are not written + rejected + dropped"]


def test_loaded_object_that_is_still_in_staging_is_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(), staged=True, archived=True)
    assert scene.messages() == ["is loaded, but its object is still in staging"]


def test_loaded_object_that_is_not_in_the_archive_is_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load())
    assert scene.messages() == [f"is loaded, but objects/{fakes.event().load_id} is not in the archive"]


def test_missing_rejects_are_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(LoadStatus.PARTLY_LOADED, rows_read=1, rows_rejected=1), archived=True)
    expected = f"is partly_loaded, but rejects/{fakes.event().load_id}.csv is not in the archive"
    assert scene.messages() == [expected]


def test_object_that_the_archive_need_no_longer_keep_has_expired(scene: Scene) -> None:
    scene.enter(fakes.load(placed_at=fakes.NOW - timedelta(days=3)))
    report = scene.verify(replay_days=3)
    assert (report.differences, report.counts["expired"]) == ([], 1)


def test_object_that_the_customer_keeps_must_be_in_staging(scene: Scene) -> None:
    scene.enter(fakes.load(), staged=True)
    scene.enter(fakes.load(key="b.csv"))
    assert scene.messages(after_load="keep") == ["is loaded, but its object is no longer in staging"]


def test_object_in_the_archive_without_a_load_is_a_difference(scene: Scene) -> None:
    scene.store.put_version(b"", "objects/0000", "", "archive-acme")
    [difference] = scene.verify().differences
    assert difference.key == "objects/0000"
    assert difference.message == "is in the archive, but the ledger does not know its load"


@pytest.mark.parametrize("status", [LoadStatus.QUEUED, LoadStatus.LOADING, LoadStatus.WAITING])
def test_load_under_way_is_counted_apart(scene: Scene, status: LoadStatus) -> None:
    scene.enter(fakes.load(status), staged=True)
    report = scene.verify()
    assert (report.differences, report.counts["in flight"]) == ([], 1)


def test_load_under_way_whose_object_has_vanished_is_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(LoadStatus.WAITING))
    assert scene.messages() == ["is waiting, but its object is not in staging"]


def test_outcome_whose_object_is_not_moved_yet_is_in_flight(scene: Scene) -> None:
    scene.enter(fakes.load(placed_at=None), staged=True)
    report = scene.verify()
    assert (report.differences, report.counts["in flight"]) == ([], 1)


@pytest.mark.parametrize("changed", ["started_at", "ended_at", "placed_at"])
def test_load_that_moved_on_after_the_buckets_were_listed_is_not_compared(scene: Scene, changed: str) -> None:
    scene.enter(fakes.load(**{changed: fakes.NOW}), staged=True)
    report = scene.verify()
    assert (report.differences, report.counts["in flight"]) == ([], 1)


def test_ended_load_of_a_staged_object_that_the_history_lacks_is_a_difference(scene: Scene) -> None:
    scene.store.put_version(b"")
    scene.enter(fakes.load(customer="zenith"))
    assert scene.messages(after_load="keep") == ["is missing in the history"]


def test_customer_without_buckets_is_a_difference(scene: Scene) -> None:
    scene.store.faults["versions"] = [ObjectGone("'staging-acme' is not in the store")]
    assert scene.messages() == ["has no buckets yet: 'staging-acme' is not in the store"]


def test_loads_of_other_customers_are_not_looked_at(scene: Scene) -> None:
    scene.enter(fakes.load(customer="zenith", rows_read=1))
    assert scene.messages() == []


def test_replayed_object_of_a_customer_who_keeps_objects_may_be_in_the_archive(scene: Scene) -> None:
    scene.enter(fakes.load(replays=1), archived=True)
    assert scene.messages(after_load="keep") == []


def test_replayed_object_that_is_nowhere_is_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(replays=1))
    expected = f"is loaded, but objects/{fakes.event().load_id} is not in the archive"
    assert scene.messages(after_load="keep") == [expected]


def test_archive_keeps_a_replayed_object_from_its_first_move_on(scene: Scene) -> None:
    first = fakes.NOW - timedelta(days=3)
    scene.enter(fakes.load(replays=1, first_placed_at=first))
    report = scene.verify(replay_days=3)
    assert (report.differences, report.counts["expired"]) == ([], 1)


def test_load_in_replay_may_have_its_object_in_the_archive_and_a_first_load_may_not(scene: Scene) -> None:
    scene.enter(fakes.load(LoadStatus.LOADING, "a.csv", replays=1, earlier="{}"), archived=True)
    scene.enter(fakes.load(LoadStatus.LOADING, "b.csv"), archived=True)
    report = scene.verify()
    assert [(one.key, one.message) for one in report.differences] == [
        ("b.csv", "is loading, but its object is not in staging")
    ]
    assert report.counts["in flight"] == 2
