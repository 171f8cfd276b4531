"""The life of a load that is replayed: what its order may do, whatever was there before."""

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies
from support import fakes
from support.fakes import (
    WRITTEN_US,
)
from support.loading_scene import APP, GOOD, ONE_BAD, Scene, settled

from customer_ingestapps.errors import ContractError
from ingest_manager.errors import ServerDown
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.loading.settlements import Busy, Settled


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


def test_ordinary_loads_and_replays_clear_nothing() -> None:
    scene = Scene()
    settled(scene.load())
    settled(scene.load(replay()))
    assert [len(earlier) for earlier in scene.writer.cleared] == [0, 0]


def test_every_forced_load_clears_what_all_runs_before_have_written() -> None:
    scene = Scene()
    settled(scene.load())
    for after in (0, 1):
        settled(scene.load(replay(after, is_forced=True)))
    assert scene.writer.cleared[1:] == [
        range(WRITTEN_US, WRITTEN_US + 65), range(WRITTEN_US, WRITTEN_US + 130)
    ]  # fmt: skip
    settled(scene.load(replay(after=2)))
    assert scene.writer.cleared[3] == scene.writer.cleared[2]  # it repeats the forced load, with its times


def test_forced_load_that_was_interrupted_is_finished_with_the_same_clearing_by_any_message() -> None:
    scene = Scene()
    settled(scene.load())
    scene.writer.faults["flush"] = [ServerDown("away", server="cassandra")]
    with suppress(ServerDown):
        scene.load(replay(is_forced=True))
    scene.ledger.clock = lambda: fakes.NOW + timedelta(hours=1)
    load = settled(scene.load())
    assert (load.attempts, load.write_base) == (2, WRITTEN_US + 65)
    assert scene.writer.cleared[1:] == [range(WRITTEN_US, WRITTEN_US + 65)] * 2


def test_forced_load_that_found_no_object_leaves_its_writes_to_the_next_one() -> None:
    scene = Scene()
    before = settled(scene.load())
    archived = ("archive-acme", f"objects/{before.load_id}", "")
    body = scene.store.objects.pop(archived)
    restored = scene.load(replay(is_forced=True))
    assert isinstance(restored, Settled)
    assert len(restored.load.earlier_writes) == 0
    scene.store.objects[archived] = body
    settled(scene.load(replay(after=1, is_forced=True)))
    assert scene.writer.cleared[-1] == range(WRITTEN_US, WRITTEN_US + 130)


def test_failed_load_clears_what_another_version_of_its_app_wrote() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.FAILED, app_version="old", write_high=WRITTEN_US + 64))
    settled(scene.load(replay()))
    assert scene.writer.cleared == [range(WRITTEN_US, WRITTEN_US + 65)]


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
