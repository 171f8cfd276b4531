"""Which dead letters are found, what a message is at a second look, and which alarms are over."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from support import fakes
from support.fakes import NOW, WRITTEN_AT, FakeLedger, FakePublisher

from ingest_manager.errors import PermanentError, ServerDown
from ingest_manager.ledger.kept_messages import BODY_LIMIT, KeptMessage, message_id_of
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.operations.alarms import settled_of
from ingest_manager.operations.dead_letters import (
    DeadLetterQuery,
    DeadLetters,
    DeadLetterView,
    facts_of,
    look_again,
    publish_again,
)
from ingest_manager.operations.selection import Selection
from ingest_manager.queues.events import message_body, parse_message


@dataclass
class FakeMessages:
    """Kept messages in a list."""

    kept: list[KeptMessage] = field(default_factory=list)
    replayed: list[KeptMessage] = field(default_factory=list)

    def since(self, moment: datetime) -> Iterator[KeptMessage]:
        return (message for message in self.kept if message.received_at >= moment)

    def mark_replayed(self, message: KeptMessage) -> None:
        self.replayed.append(message)


def message(body: bytes = b"{", **values: object) -> KeptMessage:
    known = {
        "day": NOW.date(), "message_id": message_id_of(body), "received_at": NOW, "queue": "ingest.acme",
        "reason": "the body is not JSON", "body": body,
    }  # fmt: skip
    return KeptMessage(**(known | values))  # type: ignore[arg-type]


def letters(*found: object) -> DeadLetters:
    ledger = FakeLedger()
    ledger.enter(*[one for one in found if not isinstance(one, KeptMessage)])  # type: ignore[misc]
    kept = [one for one in found if isinstance(one, KeptMessage)]
    return DeadLetters(ledger, FakeMessages(kept))  # type: ignore[arg-type]  # fakes


FAILED = fakes.load(
    LoadStatus.FAILED, "failed.csv", reason="app_refused", message="last", first_error="first"
)
DISCARDED = fakes.load(LoadStatus.FAILED, "discarded.csv", discarded_at=NOW, discarded_by="ops")
LOADED = fakes.load(LoadStatus.LOADED, "loaded.csv")
MESSAGE = message()
PUBLISHED = message(b"[", queue="ingest.unrouted", replayed_at=NOW)
ALL = (FAILED, DISCARDED, LOADED, MESSAGE, PUBLISHED)
SINCE = WRITTEN_AT - timedelta(days=1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [MESSAGE, FAILED]),
        ({"has_settled": True}, [PUBLISHED, MESSAGE, DISCARDED, FAILED]),
        ({"reason": "app_refused"}, [FAILED]),
        ({"reason": "unusable_message"}, [MESSAGE]),
        ({"customer": "zenith"}, []),
        ({"since": NOW}, [MESSAGE]),
    ],
)
def test_open_dead_letters_are_found_newest_first(asked: dict[str, object], expected: list[object]) -> None:
    query = DeadLetterQuery(**({"since": SINCE} | asked))  # type: ignore[arg-type]
    found = letters(*ALL).find(query)
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    times = [DeadLetterView.of(letter).at for letter in found]
    assert times == sorted(times, reverse=True)  # type: ignore[type-var]


def test_ids_choose_in_their_order_and_one_that_is_none_refuses_all() -> None:
    found = letters(*ALL)
    assert found.chosen([MESSAGE.message_id, FAILED.load_id], SINCE) == [MESSAGE, FAILED]
    with pytest.raises(PermanentError, match=f"{LOADED.load_id} is loaded, no dead letter"):
        found.chosen([FAILED.load_id, LOADED.load_id], SINCE)
    with pytest.raises(PermanentError, match="is no load, and no message since then"):
        found.chosen([uuid.UUID(int=7)], SINCE)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [MESSAGE]),
        ({"until": NOW}, []),
        ({"key": "**"}, []),
        ({"app_version": "abc-r1"}, []),
        ({"reason": "app_refused"}, []),
        ({"ids": frozenset({PUBLISHED.message_id})}, [PUBLISHED]),
        ({"ids": frozenset({FAILED.load_id})}, []),
    ],
)
def test_replay_is_about_the_messages_that_match_and_are_open(
    asked: dict[str, object], expected: list[KeptMessage]
) -> None:
    assert letters(*ALL).messages_for(Selection(**({"since": SINCE} | asked))) == expected  # type: ignore[arg-type]


def test_discarded_message_is_replayed_where_all_are_asked_for() -> None:
    discarded = replace(MESSAGE, discarded_at=NOW)
    assert letters(discarded).messages_for(Selection(since=SINCE)) == []
    assert letters(discarded).messages_for(Selection(since=SINCE, has_discarded=True)) == [discarded]


def test_view_has_the_first_and_the_last_error() -> None:
    view = DeadLetterView.of(FAILED)
    assert (view.first_error, view.last_error, view.reason, view.attempts) == (
        "first",
        "last",
        "app_refused",
        1,
    )
    view = DeadLetterView.of(PUBLISHED)
    assert (view.customer, view.queue, view.last_error) == (None, "ingest.unrouted", "the body is not JSON")


def test_body_is_shown_as_text_whatever_its_bytes() -> None:
    assert facts_of(message(b"caf\xe9"))["body"] == "caf\\xe9"
    assert "earlier" not in facts_of(FAILED)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "the body is not JSON: "),
        (b"{" * BODY_LIMIT, "; only its first MiB was kept"),
        (message_body(fakes.event(bucket="archive-acme")), "'archive-acme' is no staging bucket"),
    ],
)
def test_message_that_is_still_no_event_says_why(body: bytes, problem: str) -> None:
    look = look_again(message(body))
    assert problem in str(look.problem)
    assert look.events == ()


def test_message_that_is_an_event_now_is_published_and_that_is_noted() -> None:
    good, bad = message(message_body(fakes.event())), message()
    messages, publisher = FakeMessages(), FakePublisher()
    publish_again(map(look_again, [bad, good]), messages, publisher)  # type: ignore[arg-type]  # fakes
    [published] = publisher.messages
    assert (published.exchange, published.headers) == ("events-by-bucket", {"minio-bucket": "staging-acme"})
    assert parse_message(published.body) == [fakes.event()]
    assert messages.replayed == [good]


def test_message_that_the_broker_did_not_take_is_not_noted() -> None:
    messages, publisher = FakeMessages(), FakePublisher(refusals=1)
    with pytest.raises(ServerDown):
        publish_again([look_again(message(message_body(fakes.event())))], messages, publisher)  # type: ignore[arg-type]  # fakes
    assert messages.replayed == []


def test_alarms_are_over_of_what_was_dealt_with_and_of_what_has_not_failed() -> None:
    ledger = letters(*ALL).ledger
    bodies = {
        "failed": message_body(fakes.event("failed.csv")),
        "discarded": message_body(fakes.event("discarded.csv")),
        "loaded": message_body(fakes.event("loaded.csv")),
        "unknown": message_body(fakes.event("unknown.csv")),
        "message": MESSAGE.body,
        "other message": b"[",
    }
    none = dict(zip(bodies, settled_of(ledger, set(), list(bodies.values())), strict=True))
    assert [name for name, is_over in none.items() if is_over] == ["discarded", "loaded"]
    settled = {FAILED.load_id, MESSAGE.message_id}
    some = dict(zip(bodies, settled_of(ledger, settled, list(bodies.values())), strict=True))
    assert [name for name, is_over in some.items() if is_over] == ["failed", "discarded", "loaded", "message"]
