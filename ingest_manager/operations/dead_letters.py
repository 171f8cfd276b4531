"""Dead letters: loads that failed and messages that are no event, until they are replayed or discarded.

The ledger's rows are what counts and what is shown here; the copies in the queue `dead-letters` are an alarm
(`alarms`). Loads that failed are replayed by `replay`, messages here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from bucket_policies.customers import customer_of_bucket, is_customer_id
from ingest_manager.errors import PermanentError, UnusableMessage
from ingest_manager.ledger.kept_messages import KeptMessage, KeptMessages
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.operations.selection import Selection
from ingest_manager.queues import broker, topology
from ingest_manager.queues.events import ObjectEvent, message_body, parse_message

LOOK_BACK = timedelta(days=14)
"""How far back messages are looked for where nobody says since when."""

NO_EVENT = "unusable_message"
"""The reason code of a message; what exactly is wrong with it is its last error."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_QUEUE_PREFIX = "ingest."

DeadLetter = Load | KeptMessage


class DeadLetterView(BaseModel):
    """A dead letter as people and scripts see it; times are UTC."""

    id: UUID
    kind: Literal["load", "message"]
    customer: str | None
    key: str | None = None
    queue: str | None = None
    reason: str
    attempts: int | None = None
    first_error: str | None = None
    last_error: str | None
    at: datetime | None  # of the object, or when the message came
    failed_at: datetime | None
    replayed_at: datetime | None
    discarded_at: datetime | None
    discarded_by: str | None
    discard_note: str | None

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterView":
        """Return the view of a failed load or of a message."""
        marks = ("replayed_at", "discarded_at", "discarded_by", "discard_note")
        shared = {name: getattr(letter, name) for name in marks}
        if isinstance(letter, KeptMessage):
            return cls(
                id=letter.message_id,
                kind="message",
                customer=_customer_of(letter.queue),
                queue=letter.queue,
                reason=NO_EVENT,
                last_error=letter.reason,
                at=letter.received_at,
                failed_at=letter.received_at,
                **shared,
            )
        return cls(
            id=letter.load_id,
            kind="load",
            customer=letter.customer,
            key=letter.key,
            reason=letter.reason or "failed",
            attempts=letter.attempts,
            first_error=letter.first_error or letter.message,
            last_error=letter.message,
            at=letter.event_at,
            failed_at=letter.ended_at,
            **shared,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters are asked for; what is None is not asked."""

    customer: str | None = None
    since: datetime | None = None
    reason: str | None = None
    has_settled: bool = False  # those too that were discarded, and messages that were replayed

    def matches(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter is one of those asked for."""
        view = DeadLetterView.of(letter)
        return (
            self.customer in (None, view.customer)
            and self.reason in (None, view.reason)
            and (self.since is None or view.at is None or view.at >= self.since)
            and (self.has_settled or is_open(letter))
        )


def is_open(letter: DeadLetter) -> bool:
    """Tell whether a dead letter still waits for somebody."""
    if isinstance(letter, KeptMessage):
        return letter.discarded_at is None and letter.replayed_at is None
    return letter.status is LoadStatus.FAILED and letter.discarded_at is None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Finds and discards dead letters of the ledger."""

    ledger: Ledger
    messages: KeptMessages

    def find(self, query: DeadLetterQuery) -> list[DeadLetter]:
        """Return the dead letters that match, newest first."""
        failed = self.ledger.loads_in(query.customer, [LoadStatus.FAILED])
        found: Iterator[DeadLetter] = chain(failed, self.kept_since(query.since))
        return sorted(filter(query.matches, found), key=_newest_first)

    def chosen(self, ids: Sequence[UUID], since: datetime | None) -> list[DeadLetter]:
        """Return the dead letters with these ids: failed loads, and messages since a time.

        Raises:
            PermanentError: an id is none of a dead letter.
        """
        found: dict[UUID, DeadLetter] = {load.load_id: load for load in self.ledger.find_all(ids)}
        if set(ids) - found.keys():
            found |= {message.message_id: message for message in self.kept_since(since)}
        for one in ids:
            if one not in found:
                raise PermanentError(f"{one} is no load, and no message since then (--since)", "unknown")
            letter = found[one]
            if isinstance(letter, Load) and letter.status is not LoadStatus.FAILED:
                raise PermanentError(f"{one} is {letter.status.value}, no dead letter", "no_dead_letter")
        return [found[one] for one in ids]

    def messages_for(self, asked: Selection) -> list[KeptMessage]:
        """Return the messages that a replay is about: those with its ids, or all that are open and match."""
        if asked.key or asked.app_version:
            return []
        query = DeadLetterQuery(
            customer=asked.customer, since=asked.since, reason=asked.reason, has_settled=True
        )
        return [
            message
            for message in self.kept_since(asked.since)
            if query.matches(message)
            and (asked.until is None or message.received_at < asked.until)
            and (message.message_id in asked.ids if asked.ids else _is_to_replay(message, asked))
        ]

    def kept_since(self, since: datetime | None) -> Iterator[KeptMessage]:
        """Yield the messages since a time, or of the last days."""
        return self.messages.since(since or datetime.now(UTC) - LOOK_BACK)

    def discard(self, letter: DeadLetter, *, by: str, note: str | None) -> None:
        """Record that nobody wants a dead letter any more.

        Raises:
            LeaseLost: it is a load that was replayed since it was read.
        """
        if isinstance(letter, KeptMessage):
            self.messages.discard(letter, by=by, note=note)
        else:
            self.ledger.discard(letter, by=by, note=note)


def _is_to_replay(message: KeptMessage, asked: Selection) -> bool:
    return message.replayed_at is None and (message.discarded_at is None or asked.has_discarded)


def facts_of(letter: DeadLetter) -> dict[str, object]:
    """Return all that is known of a dead letter; a body is shown as text."""
    facts = {item.name: getattr(letter, item.name) for item in fields(letter) if item.name != "earlier"}
    if isinstance(letter, KeptMessage):
        return facts | {"body": letter.body.decode(errors="backslashreplace"), "is_whole": letter.is_whole}
    return facts


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What a message that was no event turns out to be now."""

    message: KeptMessage
    events: Sequence[ObjectEvent] = ()
    problem: str | None = None


def look_again(message: KeptMessage) -> SecondLook:
    """Parse a message again, as after an upgrade."""
    try:
        events = parse_message(message.body)
    except UnusableMessage as error:
        cut = "" if message.is_whole else "; only its first MiB was kept"
        return SecondLook(message, problem=f"{error}{cut}")
    for event in events:
        if customer_of_bucket(event.bucket) is None:
            return SecondLook(message, problem=f"{event.bucket!r} is no staging bucket")
    return SecondLook(message, events)


def publish_again(looks: Iterable[SecondLook], messages: KeptMessages, publisher: broker.Publisher) -> None:
    """Publish the events of messages, and note that for each.

    Raises:
        ServerDown: the broker took only a part of them.
    """
    for look in looks:
        if look.problem is None:
            for event in look.events:
                headers = {topology.BUCKET_HEADER: event.bucket}
                publisher.publish(topology.EVENTS_BY_BUCKET, "", message_body(event), headers)
            messages.mark_replayed(look.message)


def _customer_of(queue: str) -> str | None:
    name = queue.removeprefix(_QUEUE_PREFIX)
    return name if name != queue and is_customer_id(name) else None


def _newest_first(letter: DeadLetter) -> tuple[float, str]:
    view = DeadLetterView.of(letter)
    return -(view.at or _EPOCH).timestamp(), str(view.id)
