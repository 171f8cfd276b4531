"""The life of a load: the order of its effects, and every way in which it can end."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from support import fakes
from support.fakes import (
    SEAL_KEY,
    WRITTEN_AT,
    WRITTEN_US,
    FakeAllowances,
    FakeGrants,
    FakeLedger,
    FakeRegistry,
    FakeStore,
    FakeWriter,
)

from bucket_policies.tokens import seal_grant
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reason
from customer_ingestapps.registry import IngestApp
from ingest_manager.admission import Admission
from ingest_manager.archive import Archive
from ingest_manager.errors import LeaseLost, ObjectGone, PermanentError, ServerDown, TransientError
from ingest_manager.loading import Loading
from ingest_manager.loads import Load, LoadStatus
from ingest_manager.replay_order import Replay
from ingest_manager.settlements import (
    Assignment,
    Busy,
    HandedOn,
    Retry,
    Returned,
    Settled,
    Settlement,
    Unplaced,
)

APP = IngestApp("acme", "people", "abc", Path(), fakes.people_contract())
GOOD = b"id,name\n1,Ann\n2,Bob\n"
ONE_BAD = b"id,name\n1,Ann\nx,Bob\n"


class Scene:
    """A loading with fakes that note their effects in one list, and one staged object."""

    def __init__(self, body: bytes = GOOD) -> None:
        self.effects: list[str] = []
        self.attempts = 3
        self.ledger = FakeLedger(self.effects)
        self.store = FakeStore(self.effects)
        self.store.put_version(body)
        self.writer = FakeWriter(self.effects)
        self.grants = FakeGrants()
        self.allowances = FakeAllowances()
        self.registry = FakeRegistry(APP)
        self.should_stop: Callable[[], bool] = lambda: False

    def load(self, assignment: Assignment | None = None, **constraints: Any) -> Settlement:
        fakes_of_admission: Any = (self.ledger, self.grants, self.allowances)
        loading = Loading(
            ledger=self.ledger,  # type: ignore[arg-type]  # fakes, all of them
            archive=Archive(self.store),  # type: ignore[arg-type]
            registry=self.registry,  # type: ignore[arg-type]
            writer=self.writer,  # type: ignore[arg-type]
            admission=Admission(*fakes_of_admission, SEAL_KEY),
            attempts=self.attempts,
            renew_seconds=60,
            should_stop=self.should_stop,
        )
        return loading.load(assignment or fakes.assignment(), fakes.customer(**constraints))

    def stored(self) -> Load:
        return self.ledger.loads[fakes.event().load_id]


def settled(settlement: Settlement) -> Load:
    assert isinstance(settlement, Settled)
    return settlement.load


def test_effects_of_a_load_come_in_the_order_that_a_crash_can_repeat() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load())
    assert load.status is LoadStatus.PARTLY_LOADED
    assert scene.effects == [
        "claim", "index", "write", "flush", "put", "finish", "copy", "delete", "mark_placed",
    ]  # fmt: skip


def test_loaded_object_lies_in_the_archive_with_its_accounts_in_the_ledger() -> None:
    scene = Scene()
    load = settled(scene.load())
    assert (load.status, load.rows_read, load.rows_written, load.rows_rejected) == ("loaded", 2, 2, 0)
    assert (load.size, load.attempts, load.app, load.placed_at) == (20, 1, "people", fakes.NOW)
    assert load.sha256 == "265065e968dec3d991e9d94af8021ea828dc1f0c33db23e2cd2c81034ee47488"
    assert scene.store.objects == {("archive-acme", f"objects/{load.load_id}", ""): GOOD}
    assert scene.writer.tables == [("acme", "people")]


def test_rows_are_written_with_the_objects_time() -> None:
    scene = Scene()
    scene.load()
    assert scene.writer.rows == [
        ((b"\0\0\0\1", b"Ann"), WRITTEN_US),
        ((b"\0\0\0\2", b"Bob"), WRITTEN_US),
    ]


def test_rejects_are_kept_as_a_file_beside_the_object() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load())
    rejects = scene.store.objects["archive-acme", f"rejects/{load.load_id}.csv", ""]
    assert rejects == b"id,name,line,column,reason\nx,Bob,3,id,bad_value\n"
    assert (load.rows_read, load.rows_written, load.rows_rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("after_load", "staged", "archived"), [("keep", 1, 0), ("delete", 0, 0), ("archive", 0, 1)]
)
def test_object_goes_where_the_customers_document_says(after_load: str, staged: int, archived: int) -> None:
    scene = Scene()
    scene.load(after_load=after_load)
    buckets = [bucket for bucket, _, _ in scene.store.objects]
    assert (buckets.count("staging-acme"), buckets.count("archive-acme")) == (staged, archived)


def test_object_that_breaks_a_constraint_is_rejected_without_being_read() -> None:
    scene = Scene()
    load = settled(scene.load(formats=[".txt"]))
    assert (load.status, load.reason, load.rows_written) == ("rejected", "format", 0)
    assert scene.effects == ["claim", "index", "finish", "copy", "delete", "mark_placed"]


def test_object_that_no_app_takes_is_rejected() -> None:
    scene = Scene()
    scene.registry.app = FileRejected(Reason.NO_APP, "no ingest app takes 'people.csv'")
    load = settled(scene.load())
    assert (load.status, load.reason, load.app) == ("rejected", "no_app", None)


def test_refused_apps_are_tried_again_and_end_as_failed_for_the_admin() -> None:
    scene = Scene()
    scene.registry.app = ContractError("app.toml: columns: unknown type")
    settlement = scene.load()
    assert isinstance(settlement, Retry)
    assert settlement.error == "the customer's apps are refused: app.toml: columns: unknown type"
    assert scene.effects == ["claim", "index"]


def test_object_without_a_byte_is_rejected_for_its_missing_header() -> None:
    load = settled(Scene(b"").load())
    assert (load.status, load.reason, load.size, load.rows_read) == ("rejected", "no_header", 0, 0)


def test_file_that_cannot_be_read_writes_nothing_when_it_is_small() -> None:
    scene = Scene(b'id,name\n1,Ann\n2,"never closed\n')
    load = settled(scene.load())
    assert (load.status, load.reason, load.rows_written) == ("rejected", "unclosed_quote", 0)
    assert scene.writer.rows == []


def test_too_many_rejects_reject_a_small_file_whole_and_keep_its_rejects() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load(max_rejects=0))
    assert (load.status, load.reason, load.rows_read, load.rows_written, load.rows_rejected) == (
        "rejected", "too_many_rejects", 1, 0, 1,
    )  # fmt: skip
    assert load.message == "1 of 2 rows rejected, allowed: 0, passed on line 3"
    assert scene.writer.rows == []
    assert ("archive-acme", f"rejects/{load.load_id}.csv", "") in scene.store.objects


def test_table_that_is_not_as_declared_rejects_the_object() -> None:
    scene = Scene()
    scene.writer.faults["open"] = [
        PermanentError("table acme.people does not exist", reason="table_mismatch")
    ]
    load = settled(scene.load())
    assert (load.status, load.reason) == ("rejected", "table_mismatch")


def test_object_that_is_nowhere_is_gone_and_shown_in_the_history() -> None:
    scene = Scene()
    scene.store.objects.clear()
    load = settled(scene.load(fakes.assignment(fakes.event(upload_id="u1"))))
    assert (load.status, load.reason) == ("gone", "gone")
    assert scene.ledger.ids_of_day("acme", fakes.WRITTEN_AT.date()) == [load.load_id]
    assert scene.ledger.ids_of_upload("acme", "u1") == [load.load_id]


def test_object_that_was_moved_already_is_read_from_the_archive() -> None:
    scene = Scene()
    scene.store.objects = {("archive-acme", f"objects/{fakes.event().load_id}", ""): GOOD}
    assert settled(scene.load()).rows_written == 2


def test_second_version_under_one_upload_and_key_is_a_duplicate_and_deleted() -> None:
    scene = Scene()
    first, second = (fakes.event(version=version, upload_id="u1") for version in ("v1", "v2"))
    scene.store.put_version(GOOD, version="v2")
    scene.load(fakes.assignment(first))
    load = settled(scene.load(fakes.assignment(second)))
    assert (load.status, load.message) == ("duplicate", f"of load {first.load_id}")
    assert len(scene.writer.rows) == 2
    assert list(scene.store.objects) == [("archive-acme", f"objects/{first.load_id}", "")]


def test_upload_id_of_an_event_that_lacks_it_is_taken_from_the_object() -> None:
    scene = Scene()
    seal = seal_grant("u1", "staging-acme", "people.csv", secret=SEAL_KEY)
    scene.store.metadata["people.csv"] = {"upload-id": "u1", "grant": seal}
    load = settled(scene.load())
    assert load.upload_id == "u1"
    assert scene.ledger.ids_of_upload("acme", "u1") == [load.load_id]
    assert scene.grants.released == [("acme", "u1", "people.csv")]


@pytest.mark.parametrize(
    "seal",
    [
        None,
        "",
        "x",
        seal_grant("u2", "staging-acme", "people.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-acme", "other.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-zenith", "people.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-acme", "people.csv", secret=b"another key of ours"),
    ],
)
def test_upload_id_that_no_grant_vouches_for_counts_as_none(seal: str | None) -> None:
    scene = Scene()
    scene.allowances.places = 1
    scene.store.metadata["people.csv"] = {"upload-id": "u1"} | ({} if seal is None else {"grant": seal})
    load = settled(scene.load(fakes.assignment(fakes.event(upload_id="u1", seal=seal))))
    assert (load.status, load.upload_id) == ("loaded", None)
    assert scene.ledger.ids_of_upload("acme", "u1") == []
    assert scene.grants.released == []
    assert scene.allowances.taken == {load.load_id: WRITTEN_AT}


def test_object_with_a_grant_takes_no_place_of_an_allowance() -> None:
    scene = Scene()
    scene.allowances.places = 0
    assert settled(scene.load(fakes.assignment(fakes.event(upload_id="u1")))).status == "loaded"


def test_object_beyond_the_allowance_is_rejected_unread_and_kept_in_the_archive() -> None:
    scene = Scene()
    scene.allowances.places = 0
    load = settled(scene.load())
    assert (load.status, load.reason, load.message) == ("rejected", "too_many_files", "one more")
    assert (load.rows_read, load.rows_written, load.size) == (0, 0, 20)
    assert scene.writer.tables == []
    assert scene.store.objects == {("archive-acme", f"objects/{load.load_id}", ""): GOOD}


def test_retry_of_a_load_needs_no_second_place() -> None:
    scene = Scene()
    scene.allowances.places = 1
    scene.writer.faults["write"] = [TransientError("no answer")]
    first = scene.load()
    assert isinstance(first, Retry)
    scene.ledger.loads[first.load.load_id] = replace(first.load, status=LoadStatus.WAITING)
    load = settled(scene.load(fakes.assignment(retry_of=1)))
    assert (load.status, load.attempts) == ("loaded", 2)


def test_passing_fault_asks_for_a_retry_and_leaves_no_outcome() -> None:
    scene = Scene()
    scene.store.faults["open"] = [TransientError("the store answered SlowDown", reason="SlowDown")]
    settlement = scene.load()
    assert isinstance(settlement, Retry)
    assert (settlement.error, settlement.load.attempts) == ("the store answered SlowDown", 1)
    assert scene.stored().status is LoadStatus.LOADING


def test_passing_fault_of_the_last_attempt_ends_the_load_as_failed() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.QUEUED, attempts=2))
    scene.store.faults["open"] = [TransientError("the store answered AccessDenied", reason="AccessDenied")]
    load = settled(scene.load())
    assert (load.status, load.reason, load.attempts) == ("failed", "AccessDenied", 3)
    assert ("archive-acme", f"objects/{load.load_id}", "") in scene.store.objects


def test_load_whose_worker_died_at_every_attempt_is_failed_unread_and_in_the_history() -> None:
    scene = Scene()
    entered = fakes.load(LoadStatus.QUEUED, attempts=3, first_error="worker here/1 died (exit code -9)")
    scene.ledger.loads[entered.load_id] = entered
    load = settled(scene.load())
    assert (load.status, load.reason) == ("failed", "worker_died")
    assert load.message == "worker here/1 died (exit code -9)"
    assert scene.ledger.ids_of_day("acme", fakes.WRITTEN_AT.date()) == [load.load_id]
    assert "write" not in scene.effects


def test_load_that_is_asked_to_stop_is_given_back_uncounted() -> None:
    scene = Scene()
    scene.should_stop = lambda: True
    assert scene.load() == Returned()
    assert (scene.stored().status, scene.stored().attempts) == ("queued", 0)
    assert scene.writer.rows == []


def test_lost_server_leaves_the_claim_to_the_same_assignment() -> None:
    scene = Scene()
    assignment = fakes.assignment()
    scene.store.faults["open"] = [ServerDown("the store cannot be reached", server="minio")]
    with pytest.raises(ServerDown):
        scene.load(assignment)
    assert settled(scene.load(assignment)).attempts == 1


def test_worker_that_lost_its_lease_stores_nothing() -> None:
    scene = Scene()
    scene.ledger.faults["finish"] = [LeaseLost("held by another worker")]
    with pytest.raises(LeaseLost):
        scene.load()
    assert scene.stored().status is LoadStatus.LOADING
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_object_that_cannot_be_moved_has_its_outcome_all_the_same() -> None:
    scene = Scene()
    scene.store.faults["copy"] = [TransientError("the store answered NoSuchBucket", reason="NoSuchBucket")]
    settlement = scene.load()
    assert isinstance(settlement, Unplaced)
    assert (settlement.load.status, settlement.is_new) == ("loaded", True)
    assert scene.stored().placed_at is None
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_next_delivery_finishes_the_move_and_writes_no_row() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(placed_at=None, rows_read=2, rows_written=2))
    settlement = scene.load()
    assert isinstance(settlement, Settled)
    assert (settlement.is_new, settlement.load.placed_at) == (False, fakes.NOW)
    assert scene.effects == ["copy", "delete", "mark_placed"]


def test_move_that_a_crash_left_after_the_copy_is_finished() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(placed_at=None))
    scene.store.objects = {("archive-acme", f"objects/{fakes.event().load_id}", ""): GOOD}
    assert settled(scene.load()).placed_at == fakes.NOW


def test_finished_load_is_left_alone() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load())
    assert scene.load() == Settled(fakes.load(), is_new=False)
    assert scene.effects == []


def test_load_of_another_worker_is_left_to_it() -> None:
    scene = Scene()
    lease = {"claim": fakes.assignment().claim, "lease_until": fakes.NOW.replace(minute=1)}
    scene.ledger.enter(fakes.load(LoadStatus.LOADING, **lease))
    assert scene.load() == Busy()


def test_load_whose_retry_is_on_its_way_is_left_to_that() -> None:
    scene = Scene()
    waiting = fakes.load(LoadStatus.WAITING, retry_at=fakes.NOW.replace(minute=1))
    scene.ledger.enter(waiting)
    assert scene.load() == HandedOn()
    retry = replace(fakes.assignment(), retry_of=1)
    assert settled(scene.load(retry)).attempts == 2


def test_archive_that_is_missing_when_rejects_are_kept_never_makes_the_object_gone() -> None:
    scene = Scene(ONE_BAD)
    scene.store.faults["put"] = [TransientError("the store answered NoSuchBucket", reason="NoSuchBucket")]
    assert isinstance(scene.load(), Retry)
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_object_that_vanishes_while_it_is_read_is_gone() -> None:
    scene = Scene()
    scene.store.faults["read_range"] = [ObjectGone("'people.csv' is not in the store")]
    assert settled(scene.load()).status is LoadStatus.GONE


def replay(after: int = 0, *, is_forced: bool = False) -> Assignment:
    return fakes.assignment(replay=Replay(uuid.uuid4(), after, is_forced))


def test_replay_of_a_loaded_object_writes_the_same_cells_with_the_same_times() -> None:
    scene = Scene()
    first = settled(scene.load())
    written = list(scene.writer.rows)
    again = settled(scene.load(replay()))
    assert scene.writer.rows == written * 2
    assert (again.status, again.attempts, again.replays, again.rows_read) == ("loaded", 1, 1, 2)
    assert (again.write_base, again.first_placed_at) == (first.write_base, first.placed_at)
    assert scene.store.objects == {("archive-acme", f"objects/{first.load_id}", ""): GOOD}


def test_replay_of_a_failed_load_ends_as_if_it_had_never_failed() -> None:
    scene = Scene()
    scene.registry.app = ContractError("app.toml: columns: unknown type")
    scene.ledger.enter(fakes.load(LoadStatus.QUEUED, attempts=2))
    failed = settled(scene.load())
    assert (failed.status, failed.reason, failed.attempts) == ("failed", "app_refused", 3)
    scene.registry.app = APP
    load = settled(scene.load(replay()))
    assert (load.status, load.reason, load.message, load.attempts) == ("loaded", None, None, 1)
    assert [time for _, time in scene.writer.rows] == [WRITTEN_US, WRITTEN_US]


def test_failed_load_is_written_above_what_another_version_of_its_app_wrote() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.FAILED, app_version="old", write_high=WRITTEN_US + 64))
    load = settled(scene.load(replay()))
    assert (load.write_base, load.app_version) == (WRITTEN_US + 65, "abc-r1")
    assert [time for _, time in scene.writer.rows] == [WRITTEN_US + 65, WRITTEN_US + 65]


def test_what_another_version_has_loaded_is_reloaded_by_force_only_and_once() -> None:
    scene = Scene()
    loaded = fakes.load(app_version="old", write_high=WRITTEN_US + 64)
    scene.ledger.enter(loaded)
    assert scene.load(replay()) == Settled(loaded, is_new=False)
    forced = replay(is_forced=True)
    assert settled(scene.load(forced)).write_base == WRITTEN_US + 65
    assert settled(scene.load(replace(forced, claim=uuid.uuid4()))).write_base == WRITTEN_US + 65
    assert len(scene.writer.rows) == 2


def test_force_writes_above_also_what_the_same_version_has_loaded() -> None:
    scene = Scene()
    first = settled(scene.load())
    assert settled(scene.load(replay(is_forced=True))).write_base == first.write_high + 1


def test_archive_counts_from_the_first_move_however_often_a_load_is_replayed() -> None:
    scene = Scene()
    settled(scene.load())
    for after in (0, 1):
        scene.ledger.clock = lambda after=after: fakes.NOW + timedelta(days=after + 1)
        load = settled(scene.load(replay(after)))
    assert (load.first_placed_at, load.placed_at) == (fakes.NOW, fakes.NOW + timedelta(days=2))


def test_replay_whose_object_has_expired_leaves_the_earlier_outcome_and_accounts() -> None:
    scene = Scene(ONE_BAD)
    before = settled(scene.load())
    del scene.store.objects["archive-acme", f"objects/{before.load_id}", ""]
    settlement = scene.load(replay())
    assert isinstance(settlement, Settled)
    assert settlement.is_new is False
    of_replay = ("claim", "lease_until", "replays", "replay_id", "replayed_at", "first_placed_at", "earlier")
    unchanged = {name: getattr(before, name) for name in of_replay}
    assert replace(scene.stored(), **unchanged) == before
    assert scene.stored().replays == 1


def test_replay_killed_after_its_claim_still_knows_the_earlier_outcome() -> None:
    scene = Scene(ONE_BAD)
    before = settled(scene.load())
    order = replay()
    scene.writer.faults["flush"] = [ServerDown("away", server="cassandra")]
    with pytest.raises(ServerDown):
        scene.load(order)
    scene.store.objects.clear()
    scene.ledger.clock = lambda: fakes.NOW.replace(hour=14)
    settlement = scene.load(replace(order, claim=uuid.uuid4()))
    assert isinstance(settlement, Settled)
    assert (settlement.load.status, settlement.load.rows_rejected) == ("partly_loaded", 1)
    assert settlement.load.placed_at == before.placed_at


def test_replay_finishes_an_earlier_move_and_comes_back() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(placed_at=None, app_version="abc-r1"))
    order = replay()
    assert scene.load(order) == Busy()
    assert scene.stored().placed_at == fakes.NOW
    assert settled(scene.load(order)).replays == 1


def test_rejects_of_the_earlier_outcome_go_and_so_does_an_object_that_is_to_be_deleted() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load())
    scene.store.put_version(GOOD, f"objects/{load.load_id}", "", "archive-acme")
    settled(scene.load(replay(), after_load="delete"))
    assert scene.store.objects == {}


def test_replayed_object_of_a_customer_who_keeps_objects_stays_in_the_archive() -> None:
    scene = Scene()
    load = settled(scene.load(max_rejects=0))
    settled(scene.load(replay(), after_load="keep"))
    assert list(scene.store.objects) == [("archive-acme", f"objects/{load.load_id}", "")]


MESSAGES = {
    "event": None,
    "first order": Replay(uuid.UUID(int=1), 0),
    "other order": Replay(uuid.UUID(int=2), 0),
    "later order": Replay(uuid.UUID(int=3), 1),
    "forced order": Replay(uuid.UUID(int=4), 0, is_forced=True),
}
CRASHES = ["", "write", "finish", "copy"]
DELIVERIES = strategies.tuples(strategies.sampled_from(sorted(MESSAGES)), strategies.sampled_from(CRASHES))


@given(strategies.lists(DELIVERIES, max_size=10))
@settings(max_examples=50, deadline=None)
def test_any_order_of_copies_orders_and_crashes_ends_in_one_outcome(
    deliveries: list[tuple[str, str]],
) -> None:
    scene = Scene(ONE_BAD)
    scene.attempts = 100
    hours = iter(range(1, 100))
    for message, crash in [*deliveries, *((message, "") for message in sorted(MESSAGES) * 3)]:
        for part in (scene.ledger, scene.writer, scene.store):
            part.faults = {crash: [ServerDown("away", server="minio")]} if crash else {}
        now = fakes.NOW + timedelta(hours=next(hours))  # every lease of before has ended
        scene.ledger.clock = lambda now=now: now
        with suppress(ServerDown):
            scene.load(fakes.assignment(replay=MESSAGES[message]))
    load = scene.stored()
    assert (load.status, load.rows_read, load.rows_rejected, load.replays) == ("partly_loaded", 2, 1, 2)
    assert load.placed_at is not None
    assert {row for row, _ in scene.writer.rows} == {(b"\0\0\0\1", b"Ann")}
    assert sorted(key for _, key, _ in scene.store.objects) == [
        f"objects/{load.load_id}", f"rejects/{load.load_id}.csv",
    ]  # fmt: skip
