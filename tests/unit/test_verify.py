"""Each kind of difference that `verify` finds, and what it counts apart."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeLedger, FakeStore

from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load, LoadStatus, Place
from ingest_manager.operations.verify import Report, Verification


class Scene:
    """Buckets and a ledger that agree until a test changes them."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.paused: set[str] = set()

    @property
    def verification(self) -> Verification:
        return Verification(
            self.store,  # type: ignore[arg-type]  # fakes, both
            self.ledger,  # type: ignore[arg-type]
            timedelta(minutes=2),
            clock=lambda: fakes.NOW,
            paused=self.paused,
        )

    def verify(self, **constraints: Any) -> Report:
        verification = self.verification
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


def test_version_that_waits_as_its_customer_is_paused_is_no_difference(scene: Scene) -> None:
    scene.store.put_version(b"")
    scene.paused = {"zenith"}
    assert len(scene.verify().differences) == 1
    scene.paused = {"acme"}
    report = scene.verify()
    assert (report.differences, report.waiting) == ([], {("acme", "its customer is paused"): 1})


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
    assert difference.message == "is archived, but no load names it"


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


def test_figures_that_statistics_lack_or_have_otherwise_are_a_difference(scene: Scene) -> None:
    loads = [fakes.load(key=key, rows_read=1, rows_written=1) for key in ("a.csv", "b.csv", "c.csv", "d.csv")]
    for load in loads:
        scene.enter(load, archived=True)
    scene.ledger.project(replace(loads[0], status=LoadStatus.FAILED))
    scene.ledger.project(replace(loads[1], rows_written=0))
    del scene.ledger.figures_of[loads[2].load_id]
    scene.ledger.figures_of[loads[3].load_id] = None
    differences = scene.verify().differences
    assert sorted((difference.key, difference.message) for difference in differences) == [
        ("a.csv", "differs in the statistics"),
        ("b.csv", "differs in the statistics"),
        ("c.csv", "is missing in the statistics"),
    ]


def test_figures_of_a_load_that_the_ledger_does_not_know_are_a_difference(scene: Scene) -> None:
    scene.ledger.project(fakes.load())
    assert scene.messages() == ["is in the statistics, but the ledger does not know it"]


def test_figures_of_what_is_replayed_or_not_placed_yet_are_not_compared(scene: Scene) -> None:
    load = fakes.load(placed_at=None)
    scene.enter(load, staged=True)
    scene.ledger.project(replace(load, status=LoadStatus.FAILED))
    assert scene.messages() == []


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


@pytest.mark.parametrize(
    ("place", "staged", "archived"),
    [("archive", False, True), ("staging", True, False), ("deleted", False, False)],
)
@pytest.mark.parametrize("after_load", ["archive", "keep", "delete"])
def test_object_is_looked_for_where_it_was_placed_whatever_the_document_says_now(
    scene: Scene, place: Place, staged: bool, archived: bool, after_load: str
) -> None:
    scene.enter(fakes.load(placed_in=place), staged=staged, archived=archived)
    assert scene.messages(after_load=after_load) == []


def test_object_that_was_placed_in_staging_and_is_archived_too_is_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(placed_in="staging"), staged=True, archived=True)
    [difference] = scene.verify().differences
    assert difference.key == f"objects/{fakes.event().load_id}"
    assert difference.message == "is archived, but no load names it"


def test_rejects_that_their_load_does_not_count_are_a_difference(scene: Scene) -> None:
    scene.enter(fakes.load(placed_in="archive"), archived=True, rejects=True)
    [difference] = scene.verify().differences
    assert difference.key == f"rejects/{fakes.event().load_id}.csv"


def test_what_waits_is_counted_with_its_reason(scene: Scene) -> None:
    for number, message in enumerate(("refused", "refused", "timed out")):
        scene.enter(fakes.load(LoadStatus.QUEUED, f"{number}.csv", message=message), staged=True)
    scene.enter(fakes.load(LoadStatus.LOADING, "a.csv", message="of its last attempt"), staged=True)
    report = scene.verify()
    assert report.differences == []
    assert dict(report.waiting) == {("acme", "refused"): 2, ("acme", "timed out"): 1}


def test_customer_without_a_document_is_compared_by_what_the_ledger_kept(scene: Scene) -> None:
    scene.enter(fakes.load(key="a.csv", placed_in="archive"), archived=True)
    scene.enter(fakes.load(key="b.csv", placed_in="archive"))  # perhaps expired, nobody can tell
    scene.enter(fakes.load(key="c.csv"), staged=True)  # nobody kept where it was placed
    scene.enter(fakes.load(key="d.csv", placed_in="archive"), archived=True, staged=True)
    scene.enter(fakes.load(key="e.csv", placed_in="archive", rows_read=1), archived=True)
    scene.store.put_version(b"", "late.csv")
    verification = scene.verification
    verification.verify_without_document("acme")
    report = verification.report
    assert sorted((one.key, one.message) for one in report.differences) == [
        ("d.csv", "is loaded, but its object is still in staging"),
        ("e.csv", "1 rows read are not written + rejected + dropped"),
    ]
    assert (report.without_document, report.counts["expired or deleted"]) == (["acme"], 1)
    assert dict(report.waiting) == {("acme", "its customer has no document"): 1}


def test_customer_without_document_and_buckets_makes_no_difference(scene: Scene) -> None:
    scene.enter(fakes.load(placed_in="archive"))
    scene.store.faults["versions"] = [ObjectGone("'staging-acme' is not in the store")]
    verification = scene.verification
    verification.verify_without_document("acme")
    assert verification.report.differences == []


def test_everybody_with_loads_or_a_staging_bucket_is_known(scene: Scene) -> None:
    scene.enter(fakes.load(customer="zenith"))
    scene.store.put_version(b"", bucket="staging-globex")
    scene.store.put_version(b"", bucket="archive-initech")
    scene.store.put_version(b"", bucket="staging-x")  # no customer can be called so
    assert scene.verification.known_customers() == {"zenith", "globex"}


def test_loads_whose_rows_can_be_looked_for_are_returned_newest_first(scene: Scene) -> None:
    written = fakes.WRITTEN_US
    scene.enter(fakes.load(key="a.csv", placed_in="archive", write_base=written), archived=True)
    scene.enter(fakes.load(key="b.csv", placed_in="staging", write_base=written + 1), staged=True)
    scene.enter(fakes.load(key="c.csv", placed_in="deleted"))
    scene.enter(fakes.load(LoadStatus.REJECTED, "d.csv", placed_in="archive"), archived=True)
    scene.enter(fakes.load(key="e.csv", placed_at=None), staged=True)
    written_loads = scene.verification.verify(fakes.customer())
    assert [load.key for load in written_loads.loads] == ["b.csv", "a.csv"]
    assert written_loads.cleared_us == {}


def test_load_that_was_written_above_its_earlier_runs_may_have_cleared_cells_of_their_time(
    scene: Scene,
) -> None:
    for key, first in (("a.csv", 10), ("b.csv", 20)):
        times = {"write_first": first, "write_base": first + 100}
        scene.enter(fakes.load(key=key, app="people", placed_in="archive", **times), archived=True)
    scene.enter(fakes.load(key="c.csv", app="weather", placed_in="archive"), archived=True)
    assert scene.verification.verify(fakes.customer()).cleared_us == {"people": 119}
