"""What a replay chooses, leaves out and publishes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from support import fakes
from support.fakes import FakeLedger, FakePublisher, FakeRegistry, FakeStore

from customer_ingestapps.registry import IngestApp
from ingest_manager.errors import ServerDown
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.ledger.replay_order import Hindrance, Replay
from ingest_manager.loading.archive import Archive
from ingest_manager.operations.replay import Plan, Replayer
from ingest_manager.operations.selection import Selection
from ingest_manager.queues.events import ObjectEvent, message_body, parse_message

APP = IngestApp("acme", "people", "abc", Path(), fakes.people_contract())
SAME = "abc-r1"


class Scene:
    """A replayer over fakes; what is entered lies in the archive unless a test says otherwise."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.publisher = FakePublisher()
        self.is_forced = False

    def enter(self, load: Load, *, archived: bool = True) -> Load:
        self.ledger.enter(load)
        if archived:
            self.store.put_version(b"", f"objects/{load.load_id}", "", f"archive-{load.customer}")
        return load

    @property
    def replayer(self) -> Replayer:
        return Replayer(
            self.ledger,  # type: ignore[arg-type]  # fakes, all three
            Archive(self.store),  # type: ignore[arg-type]
            FakeRegistry(APP),  # type: ignore[arg-type]
            {"acme"},
            self.is_forced,
            clock=lambda: fakes.NOW,
        )

    def plan(self, events: list[ObjectEvent] | None = None, **asked: Any) -> Plan:
        return self.replayer.plan(Selection(**asked), events)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def keys(plan: Plan) -> list[str]:
    return [order.event.key for order in plan.loads]


def test_loads_of_the_ledger_are_ordered_oldest_first(scene: Scene) -> None:
    for number in (2, 0, 1):
        load = fakes.load(key=f"{number}.csv", app_version=SAME, write_base=number, size=1024, rows_read=5)
        scene.enter(load)
    plan = scene.plan()
    assert keys(plan) == ["0.csv", "1.csv", "2.csv"]
    assert (plan.size, plan.rows, plan.left_out) == (3072, 15, Counter())


def test_what_cannot_or_need_not_be_replayed_is_counted_by_reason(scene: Scene) -> None:
    scene.enter(fakes.load(LoadStatus.DUPLICATE, "a.csv"))
    scene.enter(fakes.load(LoadStatus.GONE, "b.csv"))
    scene.enter(fakes.load(key="c.csv", app_version="def-r1"))
    scene.enter(fakes.load(LoadStatus.FAILED, "d.csv"), archived=False)
    scene.enter(fakes.load(LoadStatus.WAITING, "e.csv"))
    scene.enter(fakes.load(key="f.csv", customer="zenith"))
    plan = scene.plan()
    assert plan.loads == []
    assert plan.left_out == {
        Hindrance.DUPLICATE: 1, Hindrance.GONE: 1, Hindrance.OTHER_VERSION: 1, Hindrance.NO_OBJECT: 1,
        Hindrance.ON_ITS_WAY: 1, Hindrance.NO_CUSTOMER: 1,
    }  # fmt: skip


def test_object_that_is_still_in_staging_can_be_replayed(scene: Scene) -> None:
    load = scene.enter(fakes.load(app_version=SAME), archived=False)
    scene.store.put_version(b"", load.key, load.version_id)
    assert keys(scene.plan()) == ["people.csv"]


def test_force_orders_what_another_version_has_loaded(scene: Scene) -> None:
    scene.is_forced = True
    scene.enter(fakes.load(app_version="def-r1"))
    assert keys(scene.plan()) == ["people.csv"]


def test_load_that_got_stuck_is_ordered_where_its_status_is_named_and_never_over_an_outcome(
    scene: Scene,
) -> None:
    stuck = scene.enter(fakes.load(LoadStatus.LOADING, replays=2, app_version=SAME))
    [order] = scene.plan(statuses=frozenset({LoadStatus.LOADING})).loads
    ended = fakes.load(replays=stuck.replays, app_version=SAME)
    assert Replay(scene.plan().id, order.after).is_due(ended, SAME) is False


def test_discarded_dead_letter_is_left_out_unless_all_or_its_id_is_asked_for(scene: Scene) -> None:
    load = scene.enter(fakes.load(LoadStatus.FAILED, discarded_at=fakes.NOW))
    failed = frozenset({LoadStatus.FAILED})
    assert scene.plan(statuses=failed).left_out == {Hindrance.DISCARDED: 1}
    assert keys(scene.plan(statuses=failed, has_discarded=True)) == ["people.csv"]
    assert keys(scene.plan(ids=frozenset({load.load_id}))) == ["people.csv"]


def test_replay_that_lost_its_message_after_its_claim_is_found_by_what_its_load_was(scene: Scene) -> None:
    before = fakes.load(LoadStatus.FAILED, reason="app_refused")
    earlier = TypeAdapter(Load).dump_json(before).decode()
    lost = replace(before, status=LoadStatus.LOADING, reason=None, replays=1, earlier=earlier)
    for age, found in ((1, []), (3, ["people.csv"])):
        scene.enter(replace(lost, lease_until=fakes.NOW - timedelta(minutes=age)))
        plan = scene.plan(statuses=frozenset({LoadStatus.FAILED}), reason="app_refused")
        assert keys(plan) == found
    assert [order.after for order in plan.loads] == [0]  # a copy of what was lost: no further replay


def test_copies_of_an_event_are_one_load_and_versions_of_a_key_are_two(scene: Scene) -> None:
    for version in ("v1", "v2"):
        scene.enter(fakes.load(LoadStatus.FAILED, version=version))
    events = [fakes.event(version=version) for version in ("v1", "v2", "v1", "v2", "v1")]
    assert [order.event.version_id for order in scene.plan(events).loads] == ["v1", "v2"]


def test_filters_ask_the_ledger_for_the_events_of_the_log(scene: Scene) -> None:
    scene.enter(fakes.load(LoadStatus.FAILED, "failed.csv", reason="app_refused"))
    scene.enter(fakes.load(key="loaded.csv", app_version=SAME))
    events = [fakes.event("failed.csv"), fakes.event("loaded.csv"), fakes.event("failed.csv")]
    assert keys(scene.plan(events, reason="app_refused")) == ["failed.csv"]


def test_event_that_the_ledger_does_not_know_is_ordered_if_there_is_an_object(scene: Scene) -> None:
    scene.store.put_version(b"", "lost.csv")
    events = [fakes.event("lost.csv"), fakes.event("nowhere.csv"), fakes.event(bucket="other")]
    plan = scene.plan(events)
    assert [(order.event.key, order.status, order.after) for order in plan.loads] == [
        ("lost.csv", "unknown", 0)
    ]
    assert plan.left_out == {Hindrance.NO_OBJECT: 1}


def test_event_that_the_ledger_does_not_know_is_ordered_with_the_seal_of_its_upload(scene: Scene) -> None:
    lost = fakes.event("lost.csv", upload_id="u1")
    scene.store.put_version(b"", "lost.csv")
    [planned] = scene.plan([lost]).loads
    assert planned.event == lost
    assert planned.event.seal is not None


def test_many_loads_are_looked_up_and_chosen_completely(scene: Scene) -> None:
    events = [fakes.event(f"{number}.csv") for number in range(450)]
    for number in range(450):
        scene.enter(fakes.load(key=f"{number}.csv", app_version=SAME))
    assert len(scene.plan(events * 2).loads) == 450


def test_order_goes_to_the_headers_exchange_with_what_the_ledger_knows(scene: Scene) -> None:
    load = scene.enter(fakes.load(LoadStatus.FAILED, replays=3, upload_id="u1", size=20))
    plan = scene.plan([fakes.event()])
    scene.replayer.publish(plan, scene.publisher)  # type: ignore[arg-type]  # a fake
    [message] = scene.publisher.messages
    assert (message.exchange, message.headers) == (
        "events-by-bucket",
        {"minio-bucket": "staging-acme", "ingest-replay": str(plan.id), "ingest-replay-after": 3},
    )
    assert parse_message(message.body) == [replace(fakes.event(upload_id="u1", size=20), seal=None)]
    assert parse_message(message.body)[0].load_id == load.load_id
    assert message.body == message_body(plan.loads[0].event)


def test_forced_order_says_so(scene: Scene) -> None:
    scene.is_forced = True
    scene.enter(fakes.load(app_version="def-r1"))
    scene.replayer.publish(scene.plan(), scene.publisher)  # type: ignore[arg-type]  # a fake
    assert scene.publisher.messages[0].headers["ingest-force"] is True


def test_broker_that_goes_away_in_the_middle_is_told_with_how_far_it_came(scene: Scene) -> None:
    for number in range(3):
        scene.enter(fakes.load(key=f"{number}.csv", app_version=SAME))
    plan = scene.plan()

    def break_the_broker() -> None:
        scene.publisher.refusals = 1

    with pytest.raises(ServerDown, match="1 of 3 loads were ordered"):
        scene.replayer.publish(plan, scene.publisher, on_published=break_the_broker)  # type: ignore[arg-type]  # a fake


def test_rate_spreads_the_orders(scene: Scene) -> None:
    for number in range(3):
        scene.enter(fakes.load(key=f"{number}.csv", app_version=SAME))
    pauses: list[float] = []
    scene.replayer.publish(scene.plan(), scene.publisher, rate=0.001, pause=pauses.append)  # type: ignore[arg-type]  # a fake
    assert [round(pause, -2) for pause in pauses] == [0, 1000, 2000]
