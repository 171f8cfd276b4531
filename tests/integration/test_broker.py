"""RabbitMQ as the manager uses it: ways through the topology, lost channels, and a broker under alarm."""

import json
import queue
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from support.testbed import eventually

from ingest_manager.errors import ServerDown
from ingest_manager.queues import broker, topology
from ingest_manager.queues.broker import Consumer, Delivery, Publisher
from ingest_manager.settings import Settings
from servers import programs
from servers.instance import Instance

pytestmark = pytest.mark.server("rabbitmq")

PAUSES: tuple[int, ...] = Settings.model_fields["retry_pauses_seconds"].default
BODY = b'{"Records": []}'


@pytest.fixture(scope="module")
def url(servers: Instance) -> str:
    found = servers.environment()["INGEST_MANAGER_AMQP_URL"]
    with broker.open_channel(found) as channel:
        broker.declare(channel, PAUSES)
    return found


class Scene:
    """A customer of one test, with a publisher and a channel to look around."""

    def __init__(self, url: str, channel: BlockingChannel) -> None:
        name = f"acme-{uuid.uuid4().hex[:12]}"
        self.url = url
        self.channel = channel
        self.bucket, self.queue = f"staging-{name}", f"ingest.{name}"
        self.headers = {topology.BUCKET_HEADER: self.bucket}
        self.publisher = Publisher(url)

    def declare(self) -> None:
        broker.declare_customer(self.channel, self.queue, self.bucket)

    def publish(self, body: bytes = BODY) -> None:
        self.publisher.publish(topology.BUCKET_EVENTS, topology.ROUTING_KEY, body, self.headers)

    def waiting(self, name: str | None = None) -> int:
        return broker.count_waiting(self.url, name or self.queue)

    def get(self) -> tuple[bytes, dict[str, Any]]:
        """Take the next message of the customer's queue; return its body and its own headers."""
        eventually(self.waiting, within=30, what="a message")
        _, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
        del properties.headers["x-delivery-count"]
        return body, properties.headers


@contextmanager
def customer(url: str) -> Iterator[Scene]:
    """Make a customer that has no queue yet, and clear up after it."""
    with broker.open_channel(url) as channel:
        made = Scene(url, channel)
        yield made
        made.publisher.close()
        channel.queue_delete(made.queue)


@pytest.fixture
def scene(url: str) -> Iterator[Scene]:
    with customer(url) as made:
        made.declare()
        yield made


class Consuming:
    """A running consumer and what was delivered to it."""

    def __init__(self, url: str, *queues: str, prefetch: int = 50) -> None:
        self.deliveries: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self.consumer = Consumer(url, prefetch=prefetch, on_delivery=self.deliveries.put)
        self.consumer.consume(queues)
        self.consumer.start()

    def next(self) -> Delivery:
        return self.deliveries.get(timeout=30)

    def stop(self) -> None:
        self.consumer.stop()
        self.consumer.join(10)
        assert not self.consumer.is_alive()


@pytest.fixture
def consuming(scene: Scene) -> Iterator[Consuming]:
    made = Consuming(scene.url, scene.queue)
    yield made
    made.stop()


def in_connections_thread(delivery: Delivery, action: Callable[[], object]) -> None:
    """Run an action in the consumer's thread, and wait until it has run."""
    done = threading.Event()

    def run() -> None:
        done.set()
        action()

    delivery.channel.connection.add_callback_threadsafe(run)
    assert done.wait(10)


def fetch_unrouted(scene: Scene) -> int:
    """Fetch a customer's events back, on a channel that ends then; return how many."""

    def is_wanted(headers: Mapping[str, Any]) -> bool:
        return headers.get(topology.BUCKET_HEADER) == scene.bucket

    with broker.open_channel(scene.url) as channel:
        return broker.move_messages(channel, topology.UNROUTED_QUEUE, is_wanted, scene.publisher)


def cut(connection: BlockingConnection) -> None:
    """End a connection as a network does, without a word to either side's AMQP."""
    connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


def test_event_of_a_bucket_reaches_its_customers_queue_and_no_other(scene: Scene) -> None:
    with customer(scene.url) as other:
        other.declare()
        scene.publish()
        assert scene.get() == (BODY, scene.headers)
        assert other.waiting() == 0


def test_declaring_again_changes_nothing(scene: Scene) -> None:
    scene.publish()
    broker.declare(scene.channel, PAUSES)
    scene.declare()
    assert scene.get() == (BODY, scene.headers)


def test_message_in_a_retry_queue_returns_to_its_customers_queue(scene: Scene) -> None:
    headers = scene.headers | {topology.RETRY_HEADER: 2}
    scene.publisher.publish("", topology.retry_queue(1), BODY, headers)
    body, found = scene.get()
    assert (body, found[topology.RETRY_HEADER], found["x-death"][0]["queue"]) == (BODY, 2, "retry.1s")


def test_event_of_an_unknown_bucket_waits_and_is_fetched_when_its_customer_comes(url: str) -> None:
    with customer(url) as first, customer(url) as second:
        before = first.waiting(topology.UNROUTED_QUEUE)
        for scene in (first, second):
            scene.publish()
        eventually(lambda: first.waiting(topology.UNROUTED_QUEUE) >= before + 2, within=10)
        for scene in (first, second):
            scene.declare()
            assert [fetch_unrouted(scene), fetch_unrouted(scene)] == [1, 0]
            assert scene.get() == (BODY, scene.headers)


def test_dead_letter_is_kept_with_its_reason(scene: Scene) -> None:
    body = json.dumps({"of": scene.bucket}).encode()
    scene.publisher.publish(topology.DEAD_LETTERS, "", body, scene.headers | {"reason": "AccessDenied"})
    found = []
    with broker.open_channel(scene.url) as own:
        while (got := own.basic_get(topology.DEAD_LETTERS))[0] is not None:
            if got[2] == body:
                own.basic_ack(got[0].delivery_tag)
                found.append(got[1].headers["reason"])
    assert found == ["AccessDenied"]


def test_chosen_messages_are_taken_out_of_a_queue_and_the_others_stay(scene: Scene) -> None:
    bodies = [f"{number}".encode() for number in range(250)]
    for body in bodies:
        scene.publish(body)
    eventually(lambda: scene.waiting() == 250, within=30)
    with broker.open_channel(scene.url) as channel:
        taken = broker.take_messages(
            channel, scene.queue, lambda some: [int(body) % 100 != 7 for body in some]
        )
    assert taken == 247
    stayed: list[bytes] = []

    def all_back() -> bool:
        while (got := scene.channel.basic_get(scene.queue, auto_ack=True))[0] is not None:
            stayed.append(got[2])
        return len(stayed) >= 3

    eventually(all_back, within=30, what="the return of those that were not chosen")
    assert sorted(stayed) == [b"107", b"207", b"7"]


def test_broker_allows_a_channel_for_each_of_very_many_customers(scene: Scene) -> None:
    with broker.open_channel(scene.url) as channel:
        beyond_the_default = channel.connection.channel(2_048)
        beyond_the_default.queue_declare(scene.queue, passive=True)
        assert beyond_the_default.channel_number == 2_048


def test_message_that_can_go_nowhere_is_no_confirmed_message(scene: Scene) -> None:
    with pytest.raises(ServerDown) as fault:
        scene.publisher.publish("", f"retry.{uuid.uuid4()}", BODY, {})
    assert fault.value.server == "rabbitmq"
    with pytest.raises(ServerDown):
        scene.publisher.publish(f"no-{uuid.uuid4()}", "", BODY, {})
    scene.publish()
    assert scene.get()[0] == BODY


def test_broker_that_cannot_be_reached_is_down() -> None:
    nowhere = "amqp://ingest_manager:secret@127.0.0.1:1/%2F"
    with pytest.raises(ServerDown) as fault:
        Publisher(nowhere).publish("", "retry.1s", BODY, {})
    assert "secret" not in str(fault.value)
    with pytest.raises(ServerDown):
        broker.count_waiting(nowhere, "retry.1s")


def test_queue_that_is_not_there_has_no_messages(url: str) -> None:
    assert broker.count_waiting(url, f"ingest.{uuid.uuid4()}") == 0


def test_publisher_whose_connection_has_ended_makes_another(scene: Scene) -> None:
    scene.publish()
    assert scene.publisher._connection is not None
    cut(scene.publisher._connection)
    scene.publish()
    eventually(lambda: scene.waiting() == 2, within=10)


def test_threads_share_a_publisher(scene: Scene) -> None:
    threads = [threading.Thread(target=scene.publish, args=(b"%d" % number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(scene.get()[0]) for _ in range(20)) == list(range(20))


def test_acked_delivery_is_gone_and_a_requeued_one_comes_again(scene: Scene, consuming: Consuming) -> None:
    scene.publish(b"1")
    first = consuming.next()
    assert (first.body, first.queue, first.headers["minio-bucket"]) == (b"1", scene.queue, scene.bucket)
    first.requeue()
    again = consuming.next()
    assert again.body == b"1"
    again.ack()
    consuming.stop()
    assert scene.waiting() == 0


def test_acks_handed_over_before_the_stop_are_sent(scene: Scene) -> None:
    consuming = Consuming(scene.url, scene.queue, prefetch=500)
    for number in range(200):
        scene.publish(b"%d" % number)
    deliveries = [consuming.next() for _ in range(200)]
    for delivery in deliveries[:150]:
        delivery.ack()
    consuming.stop()
    eventually(lambda: scene.waiting() == 50, within=10)


def test_channel_that_the_broker_closes_is_opened_again_and_no_stale_tag_acked(
    scene: Scene, consuming: Consuming
) -> None:
    scene.publish(b"1")
    stale = consuming.next()
    in_connections_thread(
        stale, lambda: stale.channel.basic_ack(999)
    )  # unknown tag: the broker ends the channel
    again = consuming.next()
    assert (again.body, stale.is_stale, again.is_stale) == (b"1", True, False)
    stale.ack()
    stale.requeue()
    in_connections_thread(again, lambda: None)
    scene.publish(b"2")
    newer = consuming.next()
    assert (newer.body, again.is_stale, newer.is_stale) == (b"2", False, False)
    for delivery in (again, newer):
        delivery.ack()
    consuming.stop()
    assert scene.waiting() == 0


def test_connection_that_is_lost_is_made_again(scene: Scene, consuming: Consuming) -> None:
    scene.publish(b"1")
    lost = consuming.next()
    cut(lost.channel.connection)
    again = consuming.next()
    assert (again.body, lost.is_stale) == (b"1", True)
    lost.ack()
    again.ack()
    consuming.stop()
    assert scene.waiting() == 0


def test_queue_that_was_deleted_and_declared_again_is_consumed_again(
    scene: Scene, consuming: Consuming
) -> None:
    scene.publish(b"1")
    lost = consuming.next()
    scene.channel.queue_delete(scene.queue)
    eventually(lambda: lost.is_stale, within=10)
    scene.declare()
    scene.publish(b"2")
    assert consuming.next().body == b"2"


def test_queue_that_is_not_there_yet_is_consumed_once_it_is(scene: Scene) -> None:
    with customer(scene.url) as late:
        consuming = Consuming(scene.url, late.queue, scene.queue)
        scene.publish(b"1")
        assert consuming.next().body == b"1"
        late.declare()
        late.publish(b"2")
        assert consuming.next().body == b"2"
        consuming.stop()


def test_deliveries_of_a_queue_no_longer_wanted_go_back_to_it(scene: Scene, consuming: Consuming) -> None:
    scene.publish()
    delivery = consuming.next()
    consuming.consumer.consume([])
    eventually(lambda: delivery.is_stale, within=10)
    delivery.ack()
    eventually(lambda: scene.waiting() == 1, within=10)
    consuming.consumer.consume([scene.queue])
    consuming.next().ack()


def test_consumer_takes_no_more_than_its_prefetch(scene: Scene) -> None:
    consuming = Consuming(scene.url, scene.queue, prefetch=2)
    for number in range(5):
        scene.publish(b"%d" % number)
    held = [consuming.next(), consuming.next()]
    eventually(lambda: scene.waiting() == 3, within=10)
    held[0].ack()
    assert consuming.next().body == b"2"
    consuming.stop()


@contextmanager
def memory_alarm(servers: Instance) -> Iterator[None]:
    """Let the broker find its memory full for the length of the context."""
    control = programs.RABBITMQ.with_name("rabbitmqctl")
    environment = servers.rabbitmq._environment()

    def set_watermark(share: str) -> None:
        command = [control, "-n", "rabbit@localhost", "set_vm_memory_high_watermark", share]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)

    set_watermark("0.00001")
    try:
        yield
    finally:
        set_watermark("0.4")


def test_broker_under_alarm_holds_nobody_and_loses_nothing_confirmed(
    servers: Instance, scene: Scene, consuming: Consuming
) -> None:
    scene.publish(b"before")
    before = consuming.next()
    confirmed = 0

    def refuses() -> bool:
        nonlocal confirmed
        try:
            scene.publish(b"%d" % confirmed)
        except ServerDown:
            return True
        confirmed += 1
        return False

    with memory_alarm(servers):
        eventually(refuses, within=60, what="a refusal")
        assert refuses()
        before.ack()  # which the broker still takes
    eventually(lambda: not refuses(), within=60, what="a confirmed message")
    # What was refused may still lie in a socket and come as well: a broker promises "at least once".
    expected = [b"%d" % number for number in range(confirmed)]
    bodies: list[bytes] = []
    while not set(bodies) >= set(expected):
        bodies.append(consuming.next().body)
    assert list(dict.fromkeys(bodies)) == expected


def test_queues_that_are_looked_through_again_and_again_have_a_high_delivery_limit(
    url: str, servers: Instance
) -> None:
    """RabbitMQ 4 drops or dead-letters a message at its twentieth return where nothing else is said."""
    environment = servers.environment()
    login = environment["RABBITMQ_ADMIN_USER"], environment["RABBITMQ_ADMIN_PASSWORD"]

    def policy(name: str) -> object:
        answer = httpx.get(f"{environment['RABBITMQ_MANAGEMENT_URL']}/api/queues/%2F/{name}", auth=login)
        return answer.json().get("effective_policy_definition")

    for name in (topology.UNROUTED_QUEUE, topology.DEAD_LETTERS):
        assert eventually(lambda name=name: policy(name), within=30) == {"delivery-limit": 1000}
