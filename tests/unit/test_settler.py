"""How deliveries end: what is published or stored before the ack, and what happens when it cannot be."""

from datetime import timedelta
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeDelivery, FakeLedger, FakePublisher, Published
from support.testbed import eventually

from ingest_manager.errors import PermanentError, ServerDown, TransientError
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.loading.settler import Settler

PAUSES = (1, 10, 60)
BODY = b'{"Records": []}'


class Scene:
    """A settler with fakes that note their effects in one list."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.ledger = FakeLedger(self.effects)
        self.publisher = FakePublisher(self.effects)
        self.settler = Settler(self.publisher, self.ledger, PAUSES, pause_seconds=0)  # type: ignore[arg-type]  # fakes

    def delivery(self, **headers: Any) -> FakeDelivery:
        return FakeDelivery(BODY, {"minio-bucket": "staging-acme"} | headers, effects=self.effects)

    def settle(self) -> list[Published]:
        """Work through what was asked; return what was published."""
        self.settler.stop()
        self.settler.run()
        return self.publisher.messages


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_idle_settler_keeps_the_connection_to_the_broker_alive() -> None:
    publisher = FakePublisher([])
    settler = Settler(publisher, FakeLedger([]), PAUSES, idle_seconds=0.001)  # type: ignore[arg-type]  # fakes
    settler.start()
    eventually(lambda: publisher.kept_alive > 2, within=5)
    settler.stop()
    settler.join()


def test_busy_delivery_comes_back_after_the_shortest_pause(scene: Scene) -> None:
    scene.settler.come_back(scene.delivery())
    assert scene.settle() == [Published("", "retry.1s", BODY, {"minio-bucket": "staging-acme"})]
    assert scene.effects == ["publish retry.1s", "ack"]


def test_copy_of_a_delivery_whose_load_may_have_ended_says_so_until_it_is_settled(scene: Scene) -> None:
    scene.settler.come_back(scene.delivery(), may_have_ended=True)
    scene.settler.come_back_late(scene.delivery(**{"ingest-redelivered": 1}), dead_letter="timed out")
    shortly, dead_letter, late = scene.settle()
    assert shortly == Published(
        "", "retry.1s", BODY, {"minio-bucket": "staging-acme", "ingest-redelivered": 1}
    )
    assert (dead_letter.exchange, late.routing_key) == ("dead-letters", "retry.60s")
    assert late.headers == {"minio-bucket": "staging-acme"}


def test_retry_that_meets_a_live_lease_is_still_a_retry_when_it_comes_back(scene: Scene) -> None:
    scene.settler.come_back(scene.delivery(**{"ingest-retry": 2}))
    [message] = scene.settle()
    assert message.headers == {"minio-bucket": "staging-acme", "ingest-retry": 2}


@pytest.mark.parametrize(
    ("attempts", "queue"), [(1, "retry.1s"), (2, "retry.10s"), (3, "retry.60s"), (9, "retry.60s")]
)
def test_pause_grows_with_the_attempts(scene: Scene, attempts: int, queue: str) -> None:
    load = fakes.load(LoadStatus.LOADING, attempts=attempts)
    scene.ledger.enter(load)
    scene.settler.retry(scene.delivery(**{"ingest-retry": attempts - 1}), load, "timed out")
    assert scene.settle() == [
        Published("", queue, BODY, {"minio-bucket": "staging-acme", "ingest-retry": attempts})
    ]


def test_ledger_says_waiting_after_the_copy_is_confirmed_and_before_the_ack(scene: Scene) -> None:
    load = fakes.load(LoadStatus.LOADING, attempts=2)
    scene.ledger.enter(load)
    scene.settler.retry(scene.delivery(), load, "timed out")
    scene.settle()
    assert scene.effects == ["publish retry.10s", "wait", "ack"]
    stored = scene.ledger.loads[load.load_id]
    assert (stored.status, stored.message) == ("waiting", "timed out")
    assert stored.retry_at == fakes.NOW + timedelta(seconds=10)


def test_retry_is_acknowledged_even_if_the_ledger_could_not_be_told(scene: Scene) -> None:
    load = fakes.load(LoadStatus.LOADING)
    scene.ledger.faults["wait"] = [TransientError("timed out")]
    scene.settler.retry(scene.delivery(), load, "timed out")
    scene.settle()
    assert scene.effects == ["publish retry.1s", "ack"]


def test_object_that_cannot_be_moved_comes_back_after_the_longest_pause(scene: Scene) -> None:
    scene.settler.come_back_late(scene.delivery(), dead_letter=None)
    assert [message.routing_key for message in scene.settle()] == ["retry.60s"]


def test_failed_object_that_cannot_be_moved_is_dead_lettered_as_well(scene: Scene) -> None:
    scene.settler.come_back_late(scene.delivery(), dead_letter="AccessDenied")
    scene.settle()
    assert scene.effects == ["publish dead-letters", "publish retry.60s", "ack"]


def test_dead_letter_says_why_and_from_where(scene: Scene) -> None:
    scene.settler.dead_letter(scene.delivery(), "AccessDenied")
    headers = {"minio-bucket": "staging-acme", "reason": "AccessDenied", "queue": "ingest.acme"}
    assert scene.settle() == [Published("dead-letters", "", BODY, headers)]
    assert scene.ledger.unusable == []


def test_body_that_is_no_event_is_kept_before_it_is_dead_lettered(scene: Scene) -> None:
    scene.settler.dead_letter(scene.delivery(), "not JSON", is_unusable=True)
    scene.settle()
    assert scene.effects == ["keep_unusable", "publish dead-letters", "ack"]
    assert scene.ledger.unusable == [("ingest.acme", "not JSON", BODY)]


def test_body_is_kept_once_the_ledger_answers_again(scene: Scene) -> None:
    scene.ledger.faults["keep_unusable"] = [
        TransientError("timed out"),
        ServerDown("away", server="cassandra"),
    ]
    scene.settler.dead_letter(scene.delivery(), "not JSON", is_unusable=True)
    scene.settle()
    assert scene.effects == ["keep_unusable", "publish dead-letters", "ack"]


def test_body_that_the_ledger_refuses_is_dead_lettered_all_the_same(scene: Scene) -> None:
    scene.ledger.faults["keep_unusable"] = [PermanentError("no such table", reason="cassandra_refused")]
    scene.settler.dead_letter(scene.delivery(), "not JSON", is_unusable=True)
    scene.settle()
    assert scene.effects == ["publish dead-letters", "ack"]


def test_delivery_waits_unacknowledged_until_the_broker_confirms(scene: Scene) -> None:
    scene.publisher.refusals = 3
    scene.settler.come_back(scene.delivery())
    scene.settle()
    assert scene.effects == ["publish retry.1s", "ack"]


def test_delivery_whose_channel_has_gone_is_dropped(scene: Scene) -> None:
    stale, good = scene.delivery(), scene.delivery()
    stale.is_stale = True
    scene.settler.come_back(stale)
    scene.settler.dead_letter(good, "failed")
    scene.settle()
    assert scene.effects == ["publish dead-letters", "ack"]


def test_events_of_one_message_become_messages_of_their_own_buckets(scene: Scene) -> None:
    events = [fakes.event("a.csv"), fakes.event("b.csv", bucket="staging-zenith")]
    scene.settler.split(scene.delivery(), events)
    messages = scene.settle()
    assert [(message.exchange, message.headers) for message in messages] == [
        ("events-by-bucket", {"minio-bucket": "staging-acme"}),
        ("events-by-bucket", {"minio-bucket": "staging-zenith"}),
    ]
    assert scene.effects[-1] == "ack"


def test_headers_of_the_broker_and_names_that_are_no_text_are_not_copied(scene: Scene) -> None:
    broker = {"x-death": [{"count": 1}], "x-first-death-queue": "retry.1s", "x-last-death-reason": "expired"}
    delivery = scene.delivery(**broker, **{"x-delivery-count": 3, "own": 1})
    delivery.headers[b"\xff"] = 1  # type: ignore[index]  # what pika makes of a name that is no UTF-8
    scene.settler.come_back(delivery)
    [message] = scene.settle()
    assert message.headers == {"minio-bucket": "staging-acme", "own": 1}
