"""The event log read back: the stream of everything that the store has told, from a time on.

The read ends where the log ended when it began: a mark of our own, which no reader takes for an event, says
where. What is done with the events is `replay`'s.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ingest_manager.errors import ServerDown, UnusableMessage, host_and_port
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Publisher, open_channel
from ingest_manager.queues.events import ObjectEvent, parse_message

_MARK_HEADER = "ingest-mark"
_MARK_BODY = b'{"Event": "s3:TestEvent"}'  # what asks nobody for a load
_PREFETCH = 500
_ACK_EVERY = 100
_SKEW = timedelta(minutes=5)  # by which the store's clock may be ahead of the broker's
_SILENCE_SECONDS = 60


def events_since(
    url: str, since: datetime | None, *, log: str = topology.EVENT_LOG, prefetch: int = _PREFETCH
) -> Iterator[ObjectEvent]:
    """Yield the events of objects written since a time, or all that are kept; what is no event is left out.

    Raises:
        ServerDown: the broker cannot be reached, or the log could not be read to its end.
    """
    mark = _set_mark(url, log)
    with open_channel(url) as channel:
        channel.basic_qos(prefetch_count=prefetch)
        place = {"x-stream-offset": _offset(since)}
        messages = channel.consume(log, arguments=place, inactivity_timeout=_SILENCE_SECONDS)
        for number, (method, properties, body) in enumerate(messages, 1):
            if method is None:
                told = f"the event log at {host_and_port(url)} fell silent for {_SILENCE_SECONDS} s"
                raise ServerDown(f"{told}; run the command again", server="rabbitmq")
            if (properties.headers or {}).get(_MARK_HEADER) == mark:
                return
            yield from (event for event in _events_of(body) if since is None or event.written_at >= since)
            if number % min(_ACK_EVERY, prefetch) == 0:
                channel.basic_ack(method.delivery_tag, multiple=True)


def _events_of(body: bytes) -> list[ObjectEvent]:
    try:
        return parse_message(body)
    except UnusableMessage:  # its delivery was dead-lettered
        return []


def _set_mark(url: str, log: str) -> str:
    mark = str(uuid.uuid4())
    publisher = Publisher(url)
    try:
        publisher.publish("", log, _MARK_BODY, {_MARK_HEADER: mark})
    finally:
        publisher.close()
    return mark


def _offset(since: datetime | None) -> str | datetime:
    """Return where to begin: the broker knows the time of each of the log's chunks."""
    if since is None:
        return "first"
    return min(since, datetime.now(UTC)) - _SKEW
