"""RabbitMQ: declare what `topology` says, take deliveries, publish with confirms.

Only importer of pika. Consuming and publishing have a connection each: a broker under a memory or disk
alarm stops reading from publishers, and acks must still get through. Nothing is worked on in the
connection's thread; other threads hand their acks over to it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ConnectionWrongStateError,
)

from ingest_manager.errors import PermanentError, ServerDown, host_and_port, server_down
from ingest_manager.queues import topology

log = structlog.get_logger(__name__)

_BLOCKED_SECONDS = 5
_NO_QUEUE = "no-queue"  # a message for a queue that is not there is confirmed and dropped
_PROBE = b"probe"  # not empty: an alarm lets a message without a body through
_RECONNECT_SECONDS, _LOOK_SECONDS = 1.0, 0.5
_NOT_FOUND = 404
_TOGETHER = 16  # messages that are looked at in one go; see `take_messages`


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """One handing-over of a message; its tag is good on its own channel only."""

    queue: str
    body: bytes
    headers: Mapping[str, Any]
    channel: BlockingChannel
    tag: int
    is_redelivered: bool = False  # somebody had it before, and perhaps died with it

    @property
    def is_stale(self) -> bool:
        """Tell whether the channel is gone: the broker will deliver the message again."""
        return not self.channel.is_open

    def ack(self) -> None:
        """Acknowledge; a delivery that is stale comes again and finds its work done."""
        self._settle(lambda: self.channel.basic_ack(self.tag))

    def requeue(self) -> None:
        """Give the message back to its queue."""
        self._settle(lambda: self.channel.basic_nack(self.tag, requeue=True))

    def _settle(self, settle: Callable[[], None]) -> None:
        def settle_if_open() -> None:
            if not self.is_stale:
                settle()

        try:  # only the connection's own thread may use the channel
            self.channel.connection.add_callback_threadsafe(settle_if_open)
        except ConnectionWrongStateError:
            log.info("a delivery's connection is gone, it will come again", action="settle", queue=self.queue)


@dataclass(frozen=True, slots=True)
class QueueState:
    """What waits in a queue for delivery, and how many consume it."""

    messages: int
    consumers: int


@contextmanager
def open_channel(url: str) -> Iterator[BlockingChannel]:
    """Open a connection and channel for a few calls.

    Raises:
        ServerDown: the broker cannot be reached, or ended the connection.
    """
    try:
        connection = BlockingConnection(_parameters(url))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()
    except (AMQPError, OSError) as error:
        raise _down("RabbitMQ cannot be used", url, error) from error


def declare(channel: BlockingChannel, retry_pauses: Iterable[int]) -> None:
    """Declare everything that exists whoever the customers are; repeating it changes nothing."""
    for exchange in topology.exchanges():
        _declare(channel, exchange)
    for queue in topology.queues(retry_pauses):
        _declare(channel, queue)
    for binding in topology.bindings():
        _bind(channel, binding)


def declare_customer(channel: BlockingChannel, queue_name: str, bucket: str) -> None:
    """Declare a customer's queue and the way of its bucket's events into it."""
    _declare(channel, topology.customer_queue(queue_name))
    _bind(channel, topology.customer_binding(bucket, queue_name))


def present(url: str, declared: topology.Exchange | topology.Queue) -> str | None:
    """Tell how an exchange or queue is: as declared, or what the broker says is different; None if absent.

    Raises:
        ServerDown: the broker cannot be reached.
    """
    with open_channel(url) as channel:
        try:
            _declare(channel, declared, passive=True)
            _declare(channel, declared)  # compares what is there, now that it is
        except ChannelClosedByBroker as error:
            return None if error.reply_code == _NOT_FOUND else str(error.reply_text)
    return topology.AS_DECLARED


def make(url: str, *declared: topology.Exchange | topology.Queue | topology.Binding) -> None:
    """Declare some parts of the topology.

    Raises:
        PermanentError: the broker refuses one, mostly as there is another one of its name.
        ServerDown: the broker cannot be reached.
    """
    with open_channel(url) as channel:
        try:
            for one in declared:
                if isinstance(one, topology.Binding):
                    _bind(channel, one)
                else:
                    _declare(channel, one)
        except ChannelClosedByBroker as error:
            raise PermanentError(f"RabbitMQ refused: {error.reply_text}", "rabbitmq_refused") from error


def count_waiting(url: str, queue: str) -> int:
    """Return how many messages of a queue wait for delivery; none where there is no such queue.

    Raises:
        ServerDown: the broker cannot be reached.
    """
    return queue_states(url, [queue]).get(queue, QueueState(0, 0)).messages


def queue_states(url: str, queues: Iterable[str]) -> dict[str, QueueState]:
    """Look at some queues; those that are not there are left out.

    Raises:
        ServerDown: the broker cannot be reached.
    """
    states = {}
    with open_channel(url) as opened:
        channel = opened
        for queue in queues:
            try:
                answer = channel.queue_declare(queue, passive=True).method
            except ChannelClosedByBroker as error:
                if error.reply_code != _NOT_FOUND:
                    raise
                channel = channel.connection.channel()
            else:
                states[queue] = QueueState(int(answer.message_count), int(answer.consumer_count))
    return states


def move_messages(
    channel: BlockingChannel, queue: str, wanted: Callable[[Mapping[str, Any]], bool], publisher: "Publisher"
) -> int:
    """Send the wanted messages of a queue through the headers exchange again; return how many."""
    moved = 0
    for _ in range(_messages_in(channel, queue)):
        method, properties, body = channel.basic_get(queue)
        if method is None:
            break
        headers = properties.headers or {}
        if wanted(headers):
            publisher.publish(topology.EVENTS_BY_BUCKET, "", body, headers)
            channel.basic_ack(method.delivery_tag)
            moved += 1
    return moved  # the unwanted ones return to their queue when the channel ends


def take_messages(
    channel: BlockingChannel, queue: str, choose: Callable[[Sequence[bytes]], Sequence[bool]]
) -> int:
    """Take the chosen messages out of a queue; return how many.

    A quorum queue's broker holds back acknowledgements beyond 32 that the queue has not applied, and drops
    them when the channel ends. Getting a message waits for the queue, so a few are settled between the gets.
    """
    taken, waiting = 0, _messages_in(channel, queue)
    while waiting > 0:
        got = [channel.basic_get(queue) for _ in range(min(waiting, _TOGETHER))]
        there = [(method, body) for method, _, body in got if method is not None]
        for (method, _), is_chosen in zip(there, choose([body for _, body in there]), strict=True):
            if is_chosen:
                channel.basic_ack(method.delivery_tag)
                taken += 1
        waiting -= len(got)
    return taken  # the others return to their queue when the channel ends


def _messages_in(channel: BlockingChannel, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def _declare(
    channel: BlockingChannel, declared: topology.Exchange | topology.Queue, *, passive: bool = False
) -> None:
    arguments = declared.arguments
    if isinstance(declared, topology.Exchange):
        channel.exchange_declare(
            declared.name, declared.kind, passive=passive, durable=True, arguments=arguments
        )
    else:
        channel.queue_declare(declared.name, passive=passive, durable=True, arguments=arguments)


def _bind(channel: BlockingChannel, binding: topology.Binding) -> None:
    bind = channel.exchange_bind if binding.to_exchange else channel.queue_bind
    bind(binding.target, binding.source, binding.routing_key, binding.arguments)


class Publisher:
    """Publishes with confirms on a connection of its own; threads may share it.

    A broker under alarm keeps what it is sent and takes it in once the alarm is over, even from a connection
    that has ended. So a message follows a probe that goes nowhere: what is not confirmed was not sent.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._blocked_until = 0.0

    def publish(self, exchange: str, routing_key: str, body: bytes, headers: Mapping[str, Any]) -> None:
        """Return when the broker has taken the message over.

        Raises:
            ServerDown: it cannot be reached, has no place for the message, or is under an alarm.
        """
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=pika.DeliveryMode.Persistent, headers=dict(headers)
        )
        with self._lock:
            if time.monotonic() < self._blocked_until:
                told = f"RabbitMQ takes no messages: {host_and_port(self._url)} is under an alarm"
                raise ServerDown(f"{told}; free its disk or its memory", server="rabbitmq")
            try:
                self._ready_channel().basic_publish(exchange, routing_key, body, properties, mandatory=True)
            except (AMQPError, OSError) as error:
                self._close()
                if isinstance(error, ConnectionBlockedTimeout):
                    self._blocked_until = time.monotonic() + _BLOCKED_SECONDS
                raise _down("RabbitMQ took no message over", self._url, error) from error

    def keep_alive(self) -> None:
        """Answer heartbeats, to be called while nothing is published: the broker ends an idle connection."""
        with self._lock, suppress(AMQPError, OSError):
            if self._connection is not None:
                self._connection.process_data_events(0)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._close()

    def _ready_channel(self) -> BlockingChannel:
        try:
            return self._probed_channel()
        except (AMQPError, OSError):  # an idle connection that the broker ended is found out only now
            self._close()
            return self._probed_channel()

    def _probed_channel(self) -> BlockingChannel:
        if self._connection is None or self._channel is None:
            self._connection = BlockingConnection(_parameters(self._url))
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        self._channel.basic_publish("", _NO_QUEUE, _PROBE)
        return self._channel

    def _close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            with suppress(AMQPError, OSError):  # it may be broken
                connection.close()


class Consumer(threading.Thread):
    """Takes deliveries of the queues that it is told, one channel a queue, and sends their acks.

    A channel or connection that the broker ends is opened again; deliveries of the old one are stale.
    """

    def __init__(self, url: str, *, prefetch: int, on_delivery: Callable[[Delivery], None]) -> None:
        super().__init__(name="consumer", daemon=True)
        self._url = url
        self._prefetch = prefetch
        self._on_delivery = on_delivery
        self._queues: tuple[str, ...] = ()
        self._over = threading.Event()
        self._is_connected = False

    @property
    def is_connected(self) -> bool:
        """Tell whether deliveries can come."""
        return self._is_connected

    def consume(self, queues: Iterable[str]) -> None:
        """Set the queues to take deliveries from; what others have delivered goes back to them."""
        self._queues = tuple(queues)

    def stop(self) -> None:
        """End the connection once the acks handed over before are sent."""
        self._over.set()

    def run(self) -> None:
        """Serve until stopped; wait for the broker as long as it takes."""
        while not self._over.is_set():
            try:
                self._serve()
            except (AMQPError, OSError) as error:
                log.warning("no connection to RabbitMQ, trying again", action="consume", error=repr(error))
                self._is_connected = False
                self._over.wait(_RECONNECT_SECONDS)

    def _serve(self) -> None:
        with BlockingConnection(_parameters(self._url)) as connection:
            self._is_connected = True
            channels: dict[str, BlockingChannel] = {}
            next_look = 0.0
            while not self._over.is_set():
                if time.monotonic() >= next_look:
                    self._look_after(connection, channels)
                    next_look = time.monotonic() + _LOOK_SECONDS
                connection.process_data_events(time_limit=_LOOK_SECONDS)
            _send_acks(connection)

    def _look_after(self, connection: BlockingConnection, channels: dict[str, BlockingChannel]) -> None:
        """Have one consuming channel for each queue: the broker can end a channel, or only its consumer."""
        for queue, channel in list(channels.items()):
            if queue not in self._queues or not (channel.is_open and channel.consumer_tags):
                del channels[queue]
                if channel.is_open:
                    channel.close()
        for queue in self._queues:
            if queue not in channels:
                channels[queue] = self._open(connection, queue)

    def _open(self, connection: BlockingConnection, queue: str) -> BlockingChannel:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=self._prefetch)
        try:
            channel.basic_consume(queue, partial(self._deliver, queue))
        except ChannelClosedByBroker as error:
            log.warning("a queue cannot be consumed yet", action="consume", queue=queue, error=repr(error))
        return channel

    def _deliver(  # noqa: PLR0917 - pika's own signature
        self, queue: str, channel: BlockingChannel, method: Any, properties: Any, body: bytes
    ) -> None:
        headers, tag = properties.headers or {}, method.delivery_tag
        is_redelivered = method.redelivered or topology.REDELIVERED_HEADER in headers
        self._on_delivery(Delivery(queue, body, headers, channel, tag, is_redelivered))


def _send_acks(connection: BlockingConnection) -> None:
    """Send what other threads have handed over so far: a callback of ours comes after theirs."""
    is_done = threading.Event()
    connection.add_callback_threadsafe(is_done.set)
    while not is_done.is_set():
        connection.process_data_events(time_limit=_LOOK_SECONDS)


def _down(told: str, url: str, error: Exception) -> ServerDown:
    return server_down("rabbitmq", told, host_and_port(url), repr(error))


def _parameters(url: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.blocked_connection_timeout = _BLOCKED_SECONDS
    parameters.socket_timeout = 5
    return parameters
