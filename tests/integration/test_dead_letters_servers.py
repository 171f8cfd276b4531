"""Dead letters on a real Cassandra: a discard is a compare-and-set, messages are kept by day and marked."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.tables import declare_keyspace
from ingest_manager.errors import LeaseLost
from ingest_manager.ledger import schema
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import AppLabel
from ingest_manager.ledger.kept_messages import KeptMessages, message_id_of
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus, Outcome
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.queues.events import ObjectEvent
from ingest_manager.settings import Settings

pytestmark = pytest.mark.server("cassandra")

APP = AppLabel("people", "abc-r1")
LEASE = timedelta(seconds=30)


@pytest.fixture(scope="module")
def session(session: CassandraSession, settings: Settings) -> CassandraSession:
    """The shared one, with the ledger's tables in place."""
    declare_keyspace(session, schema.KEYSPACE, settings.replication)
    for statement in schema.TABLES:
        session.execute(statement)
    return session


class Scene:
    """One object of a customer of its own, and a clock."""

    def __init__(self, session: CassandraSession) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self.ledger = Ledger(session, lease=LEASE, worker="here/1", clock=lambda: self.now)
        self.messages = KeptMessages(session, clock=lambda: self.now)
        self.customer = f"acme-{uuid.uuid4().hex[:12]}"
        self.event = ObjectEvent(f"staging-{self.customer}", "people.csv", "v1", 1_769_860_800_000_000)

    def claim(self, replay: Replay | None = None) -> Load:
        return self.ledger.claim(Assignment(self.customer, self.event, uuid.uuid4(), replay=replay), APP).load

    def failed(self) -> Load:
        ended = self.ledger.finish(self.claim(), Outcome(status=LoadStatus.FAILED, reason="app_refused"))
        return self.ledger.mark_placed(ended, "archive")

    def marks(self) -> tuple[Any, ...]:
        load = self.ledger.find(self.event.load_id)
        assert load is not None
        return load.status.value, load.discarded_at, load.discarded_by, load.discard_note


@pytest.fixture
def scene(session: CassandraSession) -> Scene:
    return Scene(session)


def test_discarded_load_stays_failed_and_a_replay_takes_the_mark_away(scene: Scene) -> None:
    discarded = scene.ledger.discard(scene.failed(), by="ops", note="sent again")
    assert scene.marks() == ("failed", scene.now, "ops", "sent again")
    assert scene.ledger.find(scene.event.load_id) == discarded
    scene.now += LEASE
    claimed = scene.claim(Replay(uuid.uuid4(), 0))
    assert scene.marks() == ("loading", None, None, None)
    scene.ledger.restore(claimed)  # its object has expired
    assert scene.marks() == ("failed", scene.now - LEASE, "ops", "sent again")


def test_load_that_was_replayed_since_is_not_discarded(scene: Scene) -> None:
    seen = scene.failed()
    scene.claim(Replay(uuid.uuid4(), 0))
    with pytest.raises(LeaseLost):
        scene.ledger.discard(seen, by="ops", note=None)
    assert scene.marks() == ("loading", None, None, None)


def test_raised_write_times_keep_the_first_whatever_comes_after(scene: Scene) -> None:
    first = scene.failed()
    for after in (0, 1):
        scene.now += LEASE
        load = scene.claim(Replay(uuid.uuid4(), after, is_forced=True))
        assert (load.write_first, load.write_base) == (first.write_base, first.write_high + 1 + after * 65)
        scene.ledger.mark_placed(scene.ledger.finish(load, Outcome(status=LoadStatus.LOADED)), "archive")


def test_messages_are_found_by_the_day_they_came_and_marked(scene: Scene) -> None:
    old, new = (uuid.uuid4().bytes for _ in range(2))
    for body, days in ((old, 20), (new, 1)):
        scene.now = datetime(2026, 1, 31, 12, tzinfo=UTC) - timedelta(days=days)
        scene.ledger.keep_unusable("ingest.acme", "not JSON", body)
    scene.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def mine(days: int) -> dict[bytes, Any]:
        found = scene.messages.since(scene.now - timedelta(days=days))
        return {message.body: message for message in found if message.body in (old, new)}

    assert list(mine(14)) == [new]
    assert list(mine(21)) == [old, new]
    assert list(mine(0)) == []
    kept = mine(14)[new]
    assert (kept.message_id, kept.received_at) == (message_id_of(new), scene.now - timedelta(days=1))
    scene.messages.discard(kept, by="ops", note=None)
    scene.messages.mark_replayed(mine(21)[old])
    assert (mine(14)[new].discarded_at, mine(14)[new].discarded_by) == (scene.now, "ops")
    assert (mine(21)[old].replayed_at, mine(21)[old].discarded_at) == (scene.now, None)


def test_message_that_comes_again_on_its_day_is_a_dead_letter_again(scene: Scene) -> None:
    body = uuid.uuid4().bytes
    for _ in range(2):
        scene.ledger.keep_unusable("ingest.acme", "not JSON", body)
        [kept] = [message for message in scene.messages.since(scene.now) if message.body == body]
        assert (kept.discarded_at, kept.replayed_at) == (None, None)
        scene.messages.discard(kept, by="ops", note="no use")
