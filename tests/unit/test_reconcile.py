"""Which object versions get an event from us, and which are left alone."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeLedger, FakePublisher, FakeStore

from ingest_manager.errors import ObjectGone, TransientError
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.operations.reconcile import Reconciled, Reconciler
from ingest_manager.queues.events import event_of_version, parse_message

MINUTE = timedelta(minutes=1)


class Scene:
    """A reconciler with fakes; `waiting` holds how many messages its queues have."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.publisher = FakePublisher(self.ledger.effects)
        self.waiting: dict[str, int] = {}

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.store,  # type: ignore[arg-type]  # fakes, all three
            self.ledger,  # type: ignore[arg-type]
            self.publisher,  # type: ignore[arg-type]
            lambda queue: self.waiting.get(queue, 0),
            2 * MINUTE,
            (1, 300),
            fakes.SEAL_KEY,
            clock=lambda: fakes.NOW,
        )

    def reconcile(self, **constraints: Any) -> Reconciled:
        return self.reconciler.reconcile(fakes.customer(**constraints))

    def published(self, **constraints: Any) -> int:
        found = self.reconcile(**constraints)
        return found.lost + found.again

    def stage(self, status: LoadStatus | None = None, **values: Any) -> None:
        """Put an object into staging, with a load if it has a status."""
        self.store.put_version(b"id,name\n")
        if status is not None:
            self.ledger.enter(fakes.load(status, **values))

    def published_keys(self) -> list[str]:
        return [parse_message(message.body)[0].key for message in self.publisher.messages]


def test_version_without_a_load_is_queued_and_then_published() -> None:
    scene = Scene()
    scene.stage()
    assert scene.reconcile() == Reconciled(looked_at=1, lost=1, again=0)
    assert scene.ledger.effects == ["register", "publish bucket-events"]
    [message] = scene.publisher.messages
    assert (message.routing_key, message.headers) == ("objects", {"minio-bucket": "staging-acme"})
    [event] = parse_message(message.body)
    assert (event.key, event.version_id, event.written_us, event.size) == (
        "people.csv", "v1", fakes.WRITTEN_US, 8,
    )  # fmt: skip


def test_second_look_publishes_nothing_while_the_first_event_waits() -> None:
    scene = Scene()
    scene.stage()
    scene.reconcile()
    scene.waiting["ingest.acme"] = 1
    assert scene.published() == 0


def test_young_version_is_left_to_its_event() -> None:
    scene = Scene()
    scene.stage()
    scene.store.modified_at = fakes.NOW - MINUTE
    assert scene.published() == 0
    assert scene.ledger.loads == {}


def test_bucket_that_is_not_there_yet_is_no_fault() -> None:
    scene = Scene()
    scene.store.faults["versions"] = [ObjectGone("no such bucket")]
    assert scene.published() == 0


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (LoadStatus.QUEUED, {}),
        (LoadStatus.LOADING, {"lease_until": fakes.NOW - MINUTE}),
        (LoadStatus.WAITING, {"retry_at": fakes.NOW - 3 * MINUTE}),
        (LoadStatus.LOADED, {"placed_at": None}),
    ],
)
def test_load_that_got_stuck_is_published_again(status: LoadStatus, values: dict[str, Any]) -> None:
    scene = Scene()
    scene.stage(status, **values)
    assert scene.reconcile() == Reconciled(looked_at=1, lost=0, again=1)
    assert scene.published_keys() == ["people.csv"]


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (LoadStatus.LOADING, {"lease_until": fakes.NOW + MINUTE}),
        (LoadStatus.WAITING, {"retry_at": fakes.NOW + MINUTE}),
        (LoadStatus.WAITING, {"retry_at": fakes.NOW - MINUTE}),
    ],
)
def test_load_that_is_under_way_is_left_alone(status: LoadStatus, values: dict[str, Any]) -> None:
    scene = Scene()
    scene.stage(status, **values)
    assert scene.published() == 0


def test_stuck_load_is_left_to_the_messages_that_its_customer_still_has() -> None:
    scene = Scene()
    scene.stage(LoadStatus.QUEUED)
    scene.waiting["ingest.acme"] = 1
    assert scene.published() == 0


def test_retries_of_others_do_not_keep_a_stuck_load_back() -> None:
    scene = Scene()
    scene.stage(LoadStatus.QUEUED)
    scene.waiting = {"retry.1s": 5, "retry.300s": 1}
    assert scene.published() == 1


def test_object_that_waits_for_its_move_may_have_its_copy_in_the_longest_pause() -> None:
    scene = Scene()
    scene.stage(LoadStatus.LOADED, placed_at=None)
    scene.waiting["retry.300s"] = 1
    assert scene.published() == 0


def test_object_that_the_customer_keeps_in_staging_is_done() -> None:
    scene = Scene()
    scene.stage(LoadStatus.LOADED)
    assert scene.published(after_load="keep") == 0


def test_fault_of_the_ledger_is_told() -> None:
    scene = Scene()
    scene.stage()
    scene.ledger.faults["find_all"] = [TransientError("timed out")]
    with pytest.raises(TransientError):
        scene.reconcile()


def test_many_versions_are_compared_in_slices() -> None:
    scene = Scene()
    for number in range(450):
        scene.store.put_version(b"", f"{number:03}.csv")
    scene.ledger.enter(fakes.load(key="007.csv"))
    assert scene.published() == 449


def test_version_of_a_listing_has_its_time_to_the_millisecond() -> None:
    modified_at = fakes.WRITTEN_AT.replace(microsecond=353_000)
    version = next(
        iter(
            FakeStore(objects={("staging-acme", "a.csv", "v1"): b""}, modified_at=modified_at).versions(
                "staging-acme"
            )
        )
    )
    assert event_of_version(version).written_us == fakes.WRITTEN_US + 353_000


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (LoadStatus.LOADING, {"lease_until": fakes.NOW - MINUTE}),
        (LoadStatus.WAITING, {"retry_at": fakes.NOW - 3 * MINUTE}),
        (LoadStatus.QUEUED, {}),
    ],
)
def test_replay_whose_message_was_lost_is_ordered_again_though_its_object_is_archived(
    status: LoadStatus, values: dict[str, Any]
) -> None:
    scene = Scene()
    order = uuid.uuid4()
    replayed = {"replays": 2, "replay_id": order, "earlier": "{}", "started_at": fakes.NOW - 3 * MINUTE}
    scene.ledger.enter(fakes.load(status, **replayed, **values))
    assert scene.reconcile() == Reconciled(looked_at=0, lost=0, again=1)
    [message] = scene.publisher.messages
    assert (message.exchange, message.routing_key) == ("events-by-bucket", "")
    assert Replay.of(message.headers) == Replay(order, after=1)
    assert message.headers["minio-bucket"] == "staging-acme"


def test_stuck_load_whose_object_was_taken_away_is_published_so_that_it_ends_as_gone() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.LOADING, lease_until=fakes.NOW - MINUTE))
    assert scene.reconcile() == Reconciled(looked_at=0, lost=0, again=1)
    assert [message.exchange for message in scene.publisher.messages] == ["bucket-events"]


def test_load_that_has_just_begun_is_not_stuck_though_staging_does_not_list_it() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.QUEUED, started_at=fakes.NOW - MINUTE))
    assert scene.reconcile() == Reconciled()


def test_outcomes_are_not_ordered_again() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.LOADED, replays=1, replay_id=uuid.uuid4()))
    assert scene.reconcile() == Reconciled()


def test_lost_event_is_entered_with_the_upload_that_its_object_names() -> None:
    scene = Scene()
    scene.stage()
    granted = fakes.event(upload_id="u1")
    scene.store.metadata["people.csv"] = {"upload-id": "u1", "grant": granted.seal or ""}
    scene.reconcile()
    assert scene.ledger.ids_of_upload("acme", "u1") == [granted.load_id]
    [event] = parse_message(scene.publisher.messages[0].body)
    assert (event.upload_id, event.seal) == ("u1", granted.seal)


def test_upload_that_no_grant_vouches_for_is_not_entered() -> None:
    scene = Scene()
    scene.stage()
    scene.store.metadata["people.csv"] = {"upload-id": "u1", "grant": "x"}
    scene.reconcile()
    assert [load.upload_id for load in scene.ledger.loads.values()] == [None]


def test_held_object_is_entered_with_the_reason_and_not_published() -> None:
    scene = Scene()
    scene.stage()
    scene.reconciler.hold("acme", "waits until its app is mended")
    [load] = scene.ledger.loads.values()
    assert (load.status, load.message, load.attempts) == ("queued", "waits until its app is mended", 0)
    assert scene.publisher.messages == []


def test_reason_of_a_held_object_follows_and_other_loads_keep_theirs() -> None:
    scene = Scene()
    scene.stage(LoadStatus.QUEUED, message="the first reason")
    scene.store.put_version(b"", "b.csv")
    scene.ledger.enter(fakes.load(LoadStatus.FAILED, "b.csv", message="its own"))
    for _ in range(2):
        scene.reconciler.hold("acme", "another reason")
    assert [load.message for load in scene.ledger.loads.values()] == ["another reason", "its own"]
    assert scene.ledger.effects == ["explain"]


def test_young_version_is_not_held() -> None:
    scene = Scene()
    scene.stage()
    scene.store.modified_at = fakes.NOW - MINUTE
    scene.reconciler.hold("acme", "waits")
    assert scene.ledger.loads == {}
