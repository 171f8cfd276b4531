"""The event log on a real RabbitMQ: from a time on, to where it ended, and no further."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ingest_manager.errors import ServerDown
from ingest_manager.queues import broker, topology
from ingest_manager.queues.broker import Publisher
from ingest_manager.queues.event_log import events_since
from ingest_manager.queues.events import ObjectEvent, message_body
from servers.instance import Instance

pytestmark = pytest.mark.server("rabbitmq")

NOW_US = int(datetime.now(UTC).timestamp() * 1_000_000)
HOUR = timedelta(hours=1)


class Log:
    """The log, and a bucket of this test alone."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bucket = f"staging-acme-{uuid.uuid4().hex[:12]}"
        self.publisher = Publisher(url)

    def event(self, key: str, written_us: int = NOW_US) -> ObjectEvent:
        return ObjectEvent(self.bucket, key, "v1", written_us)

    def publish(self, body: bytes) -> None:
        headers = {topology.BUCKET_HEADER: self.bucket}
        self.publisher.publish(topology.BUCKET_EVENTS, topology.ROUTING_KEY, body, headers)

    def add(self, *keys: str, written_us: int = NOW_US) -> None:
        for key in keys:
            self.publish(message_body(self.event(key, written_us)))

    def keys(self, since: datetime | None = None, *, prefetch: int = 500) -> list[str]:
        events = events_since(self.url, since, prefetch=prefetch)
        return [event.key for event in events if event.bucket == self.bucket]


@pytest.fixture
def log(servers: Instance) -> Iterator[Log]:
    url = servers.environment()["INGEST_MANAGER_AMQP_URL"]
    with broker.open_channel(url) as channel:
        broker.declare(channel, (1, 10))
    made = Log(url)
    yield made
    with broker.open_channel(url) as channel:  # events of no customer
        channel.queue_purge(topology.UNROUTED_QUEUE)
    made.publisher.close()


def test_log_is_read_again_and_again_with_every_copy(log: Log) -> None:
    log.add("a.csv", "b.csv", "a.csv")
    assert log.keys() == ["a.csv", "b.csv", "a.csv"]
    assert log.keys() == ["a.csv", "b.csv", "a.csv"]


def test_log_is_read_from_a_time_on(log: Log) -> None:
    log.add("old.csv", written_us=NOW_US - 7_200_000_000)
    log.add("new.csv")
    now = datetime.fromtimestamp(NOW_US / 1e6, UTC)
    assert log.keys(now - HOUR) == ["new.csv"]
    assert log.keys(now - 3 * HOUR) == ["old.csv", "new.csv"]
    assert log.keys(now + HOUR) == []


def test_log_is_read_to_its_end_whatever_the_prefetch(log: Log) -> None:
    keys = [f"{number}.csv" for number in range(250)]
    log.add(*keys)
    assert log.keys(prefetch=7) == keys


def test_what_comes_while_the_log_is_read_is_left_to_the_next_time(log: Log) -> None:
    log.add("before.csv")
    seen = []
    for event in events_since(log.url, None, prefetch=1):
        log.add("meanwhile.csv")
        seen.append((event.bucket, event.key))
    assert [key for bucket, key in seen if bucket == log.bucket] == ["before.csv"]


def test_body_that_is_no_event_is_left_out(log: Log) -> None:
    log.publish(b"not JSON")
    log.add("a.csv")
    assert log.keys() == ["a.csv"]


def test_empty_log_has_no_events(log: Log) -> None:
    name = f"ingest.log-{uuid.uuid4().hex[:8]}"
    with broker.open_channel(log.url) as channel:
        channel.queue_declare(name, durable=True, arguments={"x-queue-type": "stream"})
        for since in (None, datetime.now(UTC) - HOUR):
            assert list(events_since(log.url, since, log=name)) == []
        channel.queue_delete(name)


def test_log_that_is_not_there_is_told(log: Log) -> None:
    with pytest.raises(ServerDown):
        list(events_since(log.url, None, log="ingest.log-of-nobody"))
