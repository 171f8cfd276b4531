"""The figures of a customer, from ledger, staging, grants and broker; open where a server is away."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeGrants, FakeLedger, FakePauses, FakeStore

from bucket_policies.customers import Customer
from ingest_manager.errors import ObjectGone, ServerDown
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.ledger.pauses import Pause
from ingest_manager.monitoring.customer_state import CustomerState, Observer, Records
from ingest_manager.queues.broker import QueueState

MINUTE = timedelta(minutes=1)
ACME: Mapping[str, Customer | None] = {"acme": fakes.customer(quota_kib=100)}
AWAY = {name: ServerDown(f"{name} is away", server=name) for name in ("cassandra", "minio", "rabbitmq")}  # type: ignore[arg-type]  # their names


class Scene:
    """An observer with fakes."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.grants = FakeGrants()
        self.pauses = FakePauses()
        self.queues: dict[str, QueueState] | Exception = {}
        self.quota: int | None = 102_400
        records = Records(self.ledger, self.grants, self.pauses)  # type: ignore[arg-type]  # fakes
        self.observer = Observer(
            records,
            self.store,  # type: ignore[arg-type]  # a fake
            lambda _: self.quota,
            self._queue_states,
            clock=lambda: fakes.NOW,
        )

    def _queue_states(self, queues: Iterable[str]) -> Mapping[str, QueueState]:
        if isinstance(self.queues, Exception):
            raise self.queues
        return {queue: state for queue, state in self.queues.items() if queue in set(queues)}

    def state(self, customers: Mapping[str, Customer | None] = ACME) -> CustomerState:
        [state] = self.observer.states(customers)
        return state

    def stage(
        self, version: str, status: LoadStatus | None = None, body: bytes = b"id\n", **values: Any
    ) -> None:
        """Put an object into staging, with a load if it has a status."""
        self.store.put_version(body, version=version)
        if status is not None:
            self.ledger.enter(fakes.load(status, version=version, **values))


def test_customer_of_whom_nothing_has_come_has_nothing_but_its_quota() -> None:
    assert Scene().state() == CustomerState(
        customer="acme",
        has_document=True,
        paused=False,
        queue_depth=0,
        consumers=0,
        without_outcome=0,
        oldest_waiting_seconds=0,
        in_flight=0,
        waiting_for_retry=0,
        unplaced=0,
        loads_last_hour=0,
        rejects_last_hour=0,
        dead_letters=0,
        refused_by_app=0,
        quota_declared_bytes=102_400,
        quota_set_bytes=102_400,
        used_bytes=0,
    )


def test_everything_is_counted_where_it_belongs() -> None:
    scene = Scene()
    scene.grants.promised = [("k", 1_000)]
    scene.queues = {"ingest.acme": QueueState(7, 2), "ingest.zenith": QueueState(9, 9)}
    scene.pauses.pauses["acme"] = Pause("acme", fakes.NOW, "root@here")
    scene.stage("unknown", body=b"12345")
    scene.stage("queued", LoadStatus.QUEUED, message="waits until its customer is taken up: no such type")
    scene.stage("held", LoadStatus.LOADING, lease_until=fakes.NOW + MINUTE)
    scene.stage("let go", LoadStatus.LOADING, lease_until=fakes.NOW - MINUTE)
    scene.stage("again", LoadStatus.WAITING, lease_until=fakes.NOW + MINUTE)
    scene.stage("unplaced", LoadStatus.LOADED, placed_at=None)
    scene.stage("kept", LoadStatus.LOADED)
    scene.ledger.enter(
        fakes.load(LoadStatus.PARTLY_LOADED, version="1", ended_at=fakes.NOW - 59 * MINUTE, rows_rejected=3),
        fakes.load(LoadStatus.REJECTED, version="2", ended_at=fakes.NOW - 60 * MINUTE, rows_rejected=4),
        fakes.load(LoadStatus.PARTLY_LOADED, version="3", ended_at=fakes.NOW - 61 * MINUTE, rows_rejected=9),
        fakes.load(LoadStatus.FAILED, version="4", reason="app_refused"),
        fakes.load(LoadStatus.FAILED, version="5", reason="worker_died"),
        fakes.load(LoadStatus.FAILED, version="6", customer="zenith"),
        fakes.load(LoadStatus.FAILED, version="7", reason="worker_died", discarded_at=fakes.NOW),
    )
    assert scene.state() == CustomerState(
        customer="acme",
        has_document=True,
        paused=True,
        paused_at=fakes.NOW,
        paused_by="root@here",
        queue_depth=7,
        consumers=2,
        without_outcome=5,
        oldest_waiting_seconds=3_600,
        in_flight=1,
        waiting_for_retry=1,
        unplaced=1,
        loads_last_hour=2,
        rejects_last_hour=7,
        dead_letters=2,
        refused_by_app=2,
        quota_declared_bytes=102_400,
        quota_set_bytes=102_400,
        used_bytes=1_000 + 5 + 6 * 3,
    )


def test_replay_under_way_is_as_old_as_its_order_and_not_as_its_object() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.WAITING, replays=1, replayed_at=fakes.NOW - MINUTE))
    state = scene.state()
    assert (state.without_outcome, state.oldest_waiting_seconds) == (1, 60)


def test_load_that_ended_between_two_looks_is_counted_as_ended() -> None:
    scene = Scene()
    scene.stage("v1", LoadStatus.LOADED, placed_at=None)
    state = scene.state()
    assert (state.without_outcome, state.unplaced) == (0, 1)


def test_customer_without_a_document_or_a_bucket_is_shown_by_what_is_left_of_it() -> None:
    scene = Scene()
    scene.quota = None
    scene.store.faults["versions"] = [ObjectGone("no such bucket")]
    scene.queues = {"ingest.acme": QueueState(1, 0)}
    state = scene.state({"acme": None})
    assert (state.has_document, state.quota_declared_bytes, state.quota_set_bytes) == (False, None, None)
    assert (state.queue_depth, state.consumers, state.used_bytes) == (1, 0, 0)


def test_cassandra_away_leaves_what_the_others_tell() -> None:
    scene = Scene()
    scene.pauses.faults = [AWAY["cassandra"]]
    scene.ledger.faults["loads_in"] = [AWAY["cassandra"]]
    state = scene.state()
    assert (state.paused, state.dead_letters, state.without_outcome) == (None, None, None)
    assert (state.queue_depth, state.quota_set_bytes) == (0, 102_400)
    assert scene.observer.away == {"cassandra": "cassandra is away"}


def test_cassandra_away_from_the_start_leaves_the_same() -> None:
    scene = Scene()
    scene.observer.records = None
    state = scene.state()
    assert (state.paused, state.dead_letters, state.used_bytes, state.queue_depth) == (None, None, None, 0)


def test_store_away_leaves_what_the_others_tell() -> None:
    scene = Scene()
    scene.store.faults["versions"] = [AWAY["minio"]]
    state = scene.state()
    assert (state.used_bytes, state.without_outcome, state.oldest_waiting_seconds) == (None, None, None)
    assert (state.dead_letters, state.in_flight) == (0, 0)
    assert scene.observer.away == {"minio": "minio is away"}


def test_broker_away_leaves_what_the_others_tell() -> None:
    scene = Scene()
    scene.queues = AWAY["rabbitmq"]
    state = scene.state()
    assert (state.queue_depth, state.consumers, state.without_outcome) == (None, None, 0)
    assert scene.observer.away == {"rabbitmq": "rabbitmq is away"}


def test_customers_come_in_the_order_in_which_they_are_asked_for() -> None:
    states = Scene().observer.states({"zenith": None, "acme": fakes.customer()})
    assert [state.customer for state in states] == ["zenith", "acme"]


def test_customer_is_known_by_a_queue_a_pause_or_a_load_that_it_has_left() -> None:
    scene = Scene()
    assert scene.observer.has_traces("acme") is False
    scene.ledger.enter(fakes.load(customer="acme"))
    scene.pauses.pauses["bolt"] = Pause("bolt", fakes.NOW, "root@here")
    scene.queues = {"ingest.zenith": QueueState(0, 0)}
    found = {name: scene.observer.has_traces(name) for name in ("acme", "bolt", "zenith", "nobody")}
    assert found == {"acme": True, "bolt": True, "zenith": True, "nobody": False}


def test_whether_a_customer_is_known_is_not_guessed_while_cassandra_is_away() -> None:
    scene = Scene()
    scene.observer.records = None
    scene.observer.away["cassandra"] = "Cassandra cannot be reached"
    with pytest.raises(ServerDown, match="Cassandra cannot be reached"):
        scene.observer.has_traces("acme")
