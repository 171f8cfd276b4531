"""What becomes of a delivery, by its body and by what a worker says of it."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from support import fakes
from support.fakes import FakeDelivery, FakeLedger, FakePublisher, FakeWorker
from support.scrapes import Scrape
from support.testbed import eventually

from ingest_manager.errors import PermanentError, ServerDown, TransientError
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.loading.dispatcher import Dispatcher
from ingest_manager.loading.outages import Outages
from ingest_manager.loading.settlements import (
    Busy,
    HandedOn,
    Retry,
    Returned,
    ServerLost,
    Settled,
    Settlement,
    Unplaced,
)
from ingest_manager.loading.settler import Settler
from ingest_manager.loading.worker_pool import WorkerDied
from ingest_manager.monitoring.measures import Measures
from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.queues.events import ObjectEvent, message_body


class Scene:
    """A running dispatcher with one worker; settler and outages run where a test starts them."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.publisher = FakePublisher()
        self.worker = FakeWorker([])
        self.is_cassandra_away = False
        self.metrics = ManagerMetrics()
        doors: Any = (self.publisher, self.ledger)  # fakes
        self.settler = Settler(*doors, (1, 10), pause_seconds=0, metrics=self.metrics)
        self.outages = Outages({"cassandra": self._probe}, pauses=(0.01,), on_lost=self.metrics.server_lost)
        worker: Any = self.worker
        ledger: Any = self.ledger
        self.dispatcher = Dispatcher([worker], self.settler, ledger, self.outages, metrics=self.metrics)
        self.dispatcher.start()

    def _probe(self) -> None:
        if self.is_cassandra_away:
            raise ServerDown("away", server="cassandra")

    def deliver(self, event: ObjectEvent | None = None, **headers: Any) -> FakeDelivery:
        return self.deliver_body(message_body(event or fakes.event()), **headers)

    def deliver_body(self, body: bytes, **headers: Any) -> FakeDelivery:
        delivery = FakeDelivery(body, {"minio-bucket": "staging-acme"} | headers)
        self.dispatcher.take_delivery(delivery)  # type: ignore[arg-type]  # a fake
        return delivery

    def end(self) -> None:
        """Let everything that was handed out end."""
        self.dispatcher.stop(5)
        self.settler.stop()
        self.settler.run()

    def counted(self, name: str) -> dict[str, float]:
        return Scrape(self.metrics.catalogue.text().decode()).values(f"ingest_manager_{name}")

    def published(self) -> list[str]:
        return [message.exchange or message.routing_key for message in self.publisher.messages]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.dispatcher.stop(5)
    made.outages.stop()


def settle(scene: Scene, *answers: Settlement | Exception) -> FakeDelivery:
    """Deliver one event, let the worker answer, and return the ended delivery."""
    scene.worker.answers = list(answers)
    delivery = scene.deliver()
    eventually(lambda: not scene.worker.answers, within=5, what="every answer")
    scene.end()
    return delivery


def failed() -> Load:
    return fakes.load(LoadStatus.FAILED, reason="AccessDenied")


def test_message_that_asks_for_no_load_is_acknowledged(scene: Scene) -> None:
    assert scene.deliver_body(b'{"Event": "s3:TestEvent"}').effects == ["ack"]


def test_body_that_is_no_event_is_dead_lettered_with_its_body_kept(scene: Scene) -> None:
    delivery = scene.deliver_body(b"not JSON")
    scene.end()
    assert delivery.effects == ["ack"]
    assert scene.published() == ["dead-letters"]
    assert [body for _, _, body in scene.ledger.unusable] == [b"not JSON"]


@pytest.mark.parametrize("key", ["\\ud800.csv", ""])
def test_key_that_no_object_can_have_is_dead_lettered(scene: Scene, key: str) -> None:
    body = message_body(fakes.event()).replace(b'"people.csv"', f'"{key}"'.encode())
    scene.deliver_body(body)
    scene.end()
    assert scene.published() == ["dead-letters"]


def test_event_of_a_bucket_that_is_no_staging_bucket_is_dead_lettered(scene: Scene) -> None:
    scene.deliver(fakes.event(bucket="archive-acme"))
    scene.end()
    assert scene.published() == ["dead-letters"]


def test_event_in_another_customers_queue_goes_to_its_own(scene: Scene) -> None:
    delivery = scene.deliver(fakes.event(bucket="staging-zenith"))
    scene.end()
    assert delivery.effects == ["ack"]
    [message] = scene.publisher.messages
    assert (message.exchange, message.headers) == ("events-by-bucket", {"minio-bucket": "staging-zenith"})


def test_message_of_several_events_is_split(scene: Scene) -> None:
    records = [
        record
        for key in ("a.csv", "b.csv")
        for record in json.loads(message_body(fakes.event(key)))["Records"]
    ]
    scene.deliver_body(json.dumps({"Records": records}).encode())
    scene.end()
    assert scene.published() == ["events-by-bucket", "events-by-bucket"]


def test_loaded_object_is_acknowledged_and_nothing_published(scene: Scene) -> None:
    assert settle(scene, Settled(fakes.load())).effects == ["ack"]
    assert scene.published() == []


def test_second_copy_of_a_finished_load_is_acknowledged_without_asking_anybody(scene: Scene) -> None:
    settle(scene, Settled(fakes.load()))
    assert scene.deliver().effects == ["ack"]
    assert len(scene.worker.assignments) == 1


def test_load_that_a_replay_began_anew_is_asked_for_again(scene: Scene) -> None:
    scene.worker.answers = [Settled(fakes.load()), Busy(), Settled(fakes.load(), is_new=False)]
    first = scene.deliver()
    eventually(lambda: first.effects == ["ack"], within=5)
    scene.deliver(**Replay(uuid.UUID(int=7), after=0).headers())
    eventually(lambda: len(scene.worker.answers) == 1, within=5)
    scene.deliver()
    eventually(lambda: not scene.worker.answers, within=5)


def test_failed_load_is_dead_lettered_once(scene: Scene) -> None:
    settle(scene, Settled(failed()))
    [message] = scene.publisher.messages
    assert (message.exchange, message.headers["reason"]) == ("dead-letters", "AccessDenied")


def test_failed_load_that_another_delivery_ended_is_only_acknowledged(scene: Scene) -> None:
    assert settle(scene, Settled(failed(), is_new=False)).effects == ["ack"]
    assert scene.published() == []


def test_failed_load_that_comes_again_is_dead_lettered_unless_it_was_discarded(scene: Scene) -> None:
    """Whoever had the delivery before may have died between the outcome and its dead letter."""
    scene.worker.answers = [
        Settled(failed(), is_new=False),
        Unplaced(failed(), "AccessDenied", is_new=False),
        Settled(replace(failed(), discarded_at=fakes.NOW), is_new=False),
    ]
    for _ in range(3):
        delivery = FakeDelivery(message_body(fakes.event()), is_redelivered=True)
        scene.dispatcher.take_delivery(delivery)  # type: ignore[arg-type]  # a fake
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    assert scene.published() == ["dead-letters", "dead-letters", "retry.10s"]


@pytest.mark.parametrize(
    "cut_off",
    [WorkerDied("here/7", -9), Busy(is_cut_off=True)],
    ids=["worker died", "ledger failed"],
)
def test_copy_of_a_delivery_that_was_cut_off_says_that_its_load_may_have_ended(
    scene: Scene, cut_off: Settlement | Exception
) -> None:
    settle(scene, cut_off)
    [copy] = scene.publisher.messages
    assert (copy.routing_key, copy.headers["ingest-redelivered"]) == ("retry.1s", 1)


def test_failed_load_whose_server_was_lost_amid_its_move_is_dead_lettered_once(scene: Scene) -> None:
    scene.outages.start()
    settle(scene, ServerLost("cassandra", "away"), Settled(failed(), is_new=False))
    assert scene.published() == ["dead-letters"]


def test_object_that_cannot_be_moved_comes_back_late(scene: Scene) -> None:
    settle(scene, Unplaced(fakes.load(), "no such bucket"))
    assert scene.published() == ["retry.10s"]


def test_failed_object_that_cannot_be_moved_is_dead_lettered_at_its_outcome_only(scene: Scene) -> None:
    settle(scene, Unplaced(failed(), "AccessDenied"))
    assert scene.published() == ["dead-letters", "retry.10s"]


def test_failed_object_that_still_cannot_be_moved_only_comes_back(scene: Scene) -> None:
    settle(scene, Unplaced(failed(), "AccessDenied", is_new=False))
    assert scene.published() == ["retry.10s"]


def test_passing_fault_goes_to_the_retry_queue_of_its_attempt(scene: Scene) -> None:
    load = fakes.load(LoadStatus.LOADING, attempts=2)
    scene.ledger.enter(load)
    assert settle(scene, Retry(load, "timed out")).effects == ["ack"]
    [message] = scene.publisher.messages
    assert (message.routing_key, message.headers["ingest-retry"]) == ("retry.10s", 2)
    assert scene.ledger.loads[load.load_id].status == "waiting"


@pytest.mark.parametrize(
    "fault", [TransientError("timed out"), PermanentError("no such table", reason="cassandra_refused")]
)
def test_ledger_that_answers_with_a_fault_is_not_away(scene: Scene, fault: Exception) -> None:
    load = fakes.load(LoadStatus.LOADING)
    scene.ledger.enter(load)
    scene.ledger.faults["ping"] = [fault]
    settle(scene, Retry(load, "timed out"))
    assert scene.published() == ["retry.1s"]


def test_delivery_whose_load_another_worker_has_comes_back_shortly(scene: Scene) -> None:
    assert settle(scene, Busy()).effects == ["ack"]
    [copy] = scene.publisher.messages
    assert (copy.routing_key, copy.headers) == ("retry.1s", {"minio-bucket": "staging-acme"})


def test_delivery_whose_event_has_another_copy_is_acknowledged(scene: Scene) -> None:
    assert settle(scene, HandedOn()).effects == ["ack"]
    assert scene.published() == []


def test_delivery_of_a_load_given_back_returns_to_its_queue(scene: Scene) -> None:
    assert settle(scene, Returned()).effects == ["requeue"]


def test_worker_that_died_has_its_lease_released_and_its_delivery_comes_back(scene: Scene) -> None:
    settle(scene, WorkerDied("here/7", -9))
    assert scene.ledger.released == [(fakes.event().load_id, "here/7")]
    assert scene.published() == ["retry.1s"]


def test_worker_that_died_while_the_ledger_is_away_stops_nobody(scene: Scene) -> None:
    scene.ledger.faults["release"] = [ServerDown("away", server="cassandra")]
    settle(scene, WorkerDied("here/7", -9))
    assert scene.published() == ["retry.1s"]


def test_lost_server_keeps_the_delivery_and_its_claim_until_it_is_back(scene: Scene) -> None:
    scene.is_cassandra_away = True
    scene.outages.start()
    scene.worker.answers = [ServerLost("cassandra", "away"), Settled(fakes.load())]
    delivery = scene.deliver()
    eventually(lambda: scene.outages.lost == {"cassandra"}, within=5)
    assert delivery.effects == []
    scene.is_cassandra_away = False
    eventually(lambda: delivery.effects == ["ack"], within=5)
    first, again = scene.worker.assignments
    assert first == again


def test_fault_while_the_ledger_is_away_is_the_servers_and_counts_no_attempt(scene: Scene) -> None:
    scene.outages.start()
    scene.ledger.faults["ping"] = [ServerDown("away", server="cassandra")]
    load = fakes.load(LoadStatus.LOADING)
    settled = settle(scene, Retry(load, "timed out"), Settled(fakes.load()))
    assert settled.effects == ["ack"]
    assert scene.published() == []


def test_stale_delivery_is_not_worked_on(scene: Scene) -> None:
    scene.worker.answers = [Settled(fakes.load(key="b.csv"))]
    stale = FakeDelivery(message_body(fakes.event("a.csv")), is_stale=True)
    scene.dispatcher.take_delivery(stale)  # type: ignore[arg-type]  # a fake
    scene.deliver(fakes.event("b.csv"))
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    assert [assignment.event.key for assignment in scene.worker.assignments] == ["b.csv"]


def test_retry_is_handed_out_as_the_retry_of_its_attempt(scene: Scene) -> None:
    scene.worker.answers = [Settled(fakes.load())]
    scene.deliver(**{"ingest-retry": 3})
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    assert [assignment.retry_of for assignment in scene.worker.assignments] == [3]


def test_order_to_replay_reaches_a_worker_although_its_load_is_remembered_as_finished(scene: Scene) -> None:
    order = Replay(uuid.UUID(int=7), after=0)
    scene.worker.answers = [Settled(fakes.load()), Settled(fakes.load(replays=1))]
    scene.deliver()
    eventually(lambda: len(scene.worker.answers) == 1, within=5)
    delivery = scene.deliver(**order.headers())
    eventually(lambda: delivery.effects == ["ack"], within=5)
    scene.end()
    assert [assignment.replay for assignment in scene.worker.assignments] == [None, order]


def test_order_that_is_none_of_ours_is_dead_lettered(scene: Scene) -> None:
    scene.deliver(**{"ingest-replay": "yesterday"})
    scene.end()
    assert scene.published() == ["dead-letters"]


def test_order_that_must_wait_keeps_its_headers(scene: Scene) -> None:
    order = Replay(uuid.UUID(int=7), after=2, is_forced=True)
    scene.worker.answers = [Busy()]
    scene.deliver(**order.headers())
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    [message] = scene.publisher.messages
    assert (message.routing_key, Replay.of(message.headers)) == ("retry.1s", order)


def test_what_became_of_deliveries_is_counted(scene: Scene) -> None:
    load = fakes.load(LoadStatus.FAILED, reason="AccessDenied", attempts=1, size=7)
    scene.deliver_body(b"not JSON")
    settle(scene, Settled(load, measures=Measures({"claim": 0.5})))
    assert scene.counted("deliveries_total") == {"acme": 2}
    assert scene.counted("loads_total") == {"acme,failed": 1}
    assert scene.counted("dead_letters_total") == {"acme,failed": 1, "acme,unusable": 1}
    assert scene.counted("stage_seconds_count") == {"event": 1, "wait": 1, "claim": 1}
    assert scene.counted("workers_busy") == {}


def test_load_that_an_earlier_delivery_ended_is_not_counted_again(scene: Scene) -> None:
    settle(scene, Settled(fakes.load(), is_new=False))
    assert scene.counted("loads_total") == {}


def test_load_whose_object_cannot_be_moved_is_counted_at_its_outcome(scene: Scene) -> None:
    settle(scene, Unplaced(fakes.load(), "no such bucket"))
    assert scene.counted("loads_total") == {"acme,loaded": 1}


def test_time_of_a_retry_or_replay_since_its_event_is_not_the_events(scene: Scene) -> None:
    scene.worker.answers = [Settled(fakes.load(key="b.csv", attempts=2)), Settled(fakes.load(replays=1))]
    scene.deliver(fakes.event("b.csv"), **{"ingest-retry": 1})
    scene.deliver(**Replay(uuid.UUID(int=7), after=0).headers())
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    assert scene.counted("stage_seconds_count") == {"wait": 2}


def test_faults_of_servers_and_workers_are_counted(scene: Scene) -> None:
    scene.outages.start()
    load = fakes.load(LoadStatus.LOADING)
    scene.ledger.enter(load)
    scene.worker.answers = [
        ServerLost("cassandra", "away"),
        WorkerDied("here/7", -9),
        Retry(load, "timed out"),
    ]
    scene.deliver()
    scene.deliver()
    eventually(lambda: not scene.worker.answers, within=5)
    scene.end()
    assert scene.counted("outages_total") == {"cassandra": 1}
    assert scene.counted("worker_deaths_total") == {"": 1}
    assert scene.counted("retries_total") == {"acme": 1}


def test_lines_about_a_delivery_say_which_load_it_is_also_where_it_is_settled(scene: Scene) -> None:
    scene.publisher.refusals = 1
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        settle(scene, Settled(failed()))
    told = [(line["event"], line["customer"], line["load_id"]) for line in lines]
    load_id = str(fakes.event().load_id)
    assert told == [
        ("a load ended", "acme", load_id),
        ("a delivery cannot be settled yet", "acme", load_id),
    ]
