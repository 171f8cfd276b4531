"""The broker as a test looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel

from support.testbed import Platform, eventually


@contextmanager
def channel(platform: Platform) -> Iterator[BlockingChannel]:
    """Open a channel with the manager's own rights."""
    connection = pika.BlockingConnection(pika.URLParameters(platform.environment["INGEST_MANAGER_AMQP_URL"]))
    try:
        yield connection.channel()
    finally:
        connection.close()


def waiting(platform: Platform, queue: str) -> int:
    """Return how many messages of a queue wait for delivery."""
    with channel(platform) as opened:
        return int(opened.queue_declare(queue, passive=True).method.message_count)


def consumers(platform: Platform, queue: str) -> int:
    """Return how many consumers a queue has."""
    with channel(platform) as opened:
        return int(opened.queue_declare(queue, passive=True).method.consumer_count)


def messages(platform: Platform, queue: str) -> list[bytes]:
    """Take every message out of a queue and return the bodies."""
    bodies = []
    with channel(platform) as opened:
        while (got := opened.basic_get(queue, auto_ack=True))[0] is not None:
            bodies.append(got[2])
    return bodies


def seen(platform: Platform, queue: str) -> list[tuple[dict[str, object], bytes]]:
    """Return headers and body of a queue's messages, which return to it."""
    found = []
    with channel(platform) as opened:
        while (got := opened.basic_get(queue))[0] is not None:
            found.append((got[1].headers or {}, got[2]))
    return found


def orders(platform: Platform, customer: str) -> int:
    """Return how many orders to replay wait in a customer's queue, beside late copies of events."""
    return sum("ingest-replay" in headers for headers, _ in seen(platform, f"ingest.{customer}"))


def discard_events(platform: Platform, customer: str, count: int) -> None:
    """Take a customer's events away until so many have come: both copies of each object's event."""
    seen: list[bytes] = []

    def all_came() -> bool:
        seen.extend(messages(platform, f"ingest.{customer}"))
        return len(seen) >= count

    eventually(all_came, what=f"{count} events of {customer}")


def publish(platform: Platform, customer: str, body: bytes, **headers: str) -> None:
    """Publish a message as MinIO publishes the events of a customer's bucket."""
    known = {"minio-bucket": f"staging-{customer}"} | headers
    properties = pika.BasicProperties(headers=known, delivery_mode=2)
    with channel(platform) as opened:
        opened.confirm_delivery()
        opened.basic_publish("bucket-events", "objects", body, properties)
