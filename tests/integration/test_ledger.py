"""The ledger on a real Cassandra: who may work on a load, and what survives lost answers."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest_manager import setup
from ingest_manager.cassandra.cassandra_session import CasResult, CassandraSession
from ingest_manager.errors import LeaseLost, UnknownResult
from ingest_manager.ledger import schema
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import AppLabel
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import Finding, Load, LoadFigures, LoadStatus, Outcome, Place
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.queues.events import ObjectEvent
from ingest_manager.settings import Settings

pytestmark = pytest.mark.server("cassandra")

WRITTEN_US = 1_769_860_800_123_456
WRITTEN_AT = datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC)
HOUR_US = 3_600_000_000
NOW = datetime(2026, 1, 31, 13, tzinfo=UTC)
LEASE = timedelta(seconds=30)
APP, NEWER_APP = AppLabel("people", "abc-r1"), AppLabel("people", "def-r1")
LOADED = Outcome(status=LoadStatus.LOADED, rows_read=2, rows_written=2, table_rows=2, size=20, sha256="ab")


@pytest.fixture(scope="module")
def session(session: CassandraSession, settings: Settings) -> CassandraSession:
    """The shared one, with the ledger in place."""
    setup.ensure_ledger(session, settings)
    return session


class Scene:
    """Workers with a ledger each, one clock, and one object of a customer that nobody else has."""

    def __init__(self, session: CassandraSession) -> None:
        self.session = session
        self.now = NOW
        self.customer = f"acme-{uuid.uuid4().hex[:12]}"
        self.ledger = self.ledger_of("here/1")
        self.other = self.ledger_of("there/2")

    def ledger_of(self, worker: str, session: Any = None) -> Ledger:
        return Ledger(session or self.session, lease=LEASE, worker=worker, clock=lambda: self.now)

    def event(self, key: str = "people.csv", **values: Any) -> ObjectEvent:
        known = {"version_id": "v1", "written_us": WRITTEN_US} | values
        return ObjectEvent(bucket=f"staging-{self.customer}", key=key, **known)

    def assignment(self, event: ObjectEvent | None = None, retry_of: int | None = None) -> Assignment:
        return Assignment(self.customer, event or self.event(), uuid.uuid4(), retry_of)

    def claim(self, ledger: Ledger | None = None, app: AppLabel | None = APP, **values: Any) -> Load:
        claimed = (ledger or self.ledger).claim(self.assignment(**values), app)
        assert claimed.finding is Finding.CLAIMABLE
        return claimed.load

    def finding(self, **values: Any) -> Finding:
        return self.other.claim(self.assignment(**values), APP).finding

    def found(self, **asked: Any) -> list[Load]:
        wanted = LoadFilter(customer=self.customer, **asked)
        return sorted(self.ledger.search(wanted), key=lambda load: load.key)

    def stored(self) -> Load:
        load = self.ledger.find(self.event().load_id)
        assert load is not None
        return load


@pytest.fixture
def scene(session: CassandraSession) -> Scene:
    return Scene(session)


class Lossy:
    """A session that loses answers to one kind of statement; each `lost` says if it was applied before."""

    def __init__(self, session: CassandraSession, kind: str, lost: Sequence[bool]) -> None:
        self._session = session
        self._kind = kind
        self._lost = list(lost)

    def execute_cas(self, cql: str, parameters: Sequence[object]) -> CasResult:
        if not self._lost or not cql.startswith(self._kind):
            return self._session.execute_cas(cql, parameters)
        if self._lost.pop(0):
            self._session.execute_cas(cql, parameters)
        raise UnknownResult("the answer of a compare-and-set was lost")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def test_first_claim_enters_the_load_with_its_lease_and_write_times(scene: Scene) -> None:
    load = scene.claim(event=scene.event(size=20, upload_id="u1"))
    assert scene.stored() == load
    assert (load.status, load.attempts, load.worker, load.app_version) == ("loading", 1, "here/1", "abc-r1")
    assert (load.event_at, load.started_at, load.lease_until) == (WRITTEN_AT, NOW, NOW + LEASE)
    assert (load.write_base, load.write_high) == (WRITTEN_US, WRITTEN_US + 64)
    assert (load.size, load.upload_id) == (20, "u1")


@pytest.mark.parametrize(
    "key", ["in/café 数据.csv", "nul\0.csv", "two\nlines.csv", "'; DROP TABLE loads", "🙂"]
)
def test_key_of_any_kind_comes_back_as_it_was(scene: Scene, key: str) -> None:
    event = scene.event(key)
    scene.ledger.register(event, scene.customer)
    [load] = scene.ledger.find_all([event.load_id])
    assert load.key == key


def test_only_one_of_many_claims_at_once_gets_the_load(scene: Scene) -> None:
    assignments = [scene.assignment() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda one: scene.ledger.claim(one, APP), assignments))
    winners = [claimed for claimed in claims if claimed.finding is Finding.CLAIMABLE]
    assert len(winners) == 1
    assert (scene.stored().attempts, scene.stored().claim) == (1, winners[0].load.claim)


def test_only_one_of_many_claims_at_once_takes_over_an_ended_lease(scene: Scene) -> None:
    scene.claim()
    scene.now += LEASE
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: scene.ledger.claim(scene.assignment(), APP), range(8)))
    assert [claimed.finding for claimed in claims].count(Finding.CLAIMABLE) == 1
    assert scene.stored().attempts == 2


def test_assignment_that_comes_again_holds_its_claim_and_is_not_counted_twice(scene: Scene) -> None:
    assignment = scene.assignment()
    scene.ledger.claim(assignment, APP)
    scene.now += 2 * LEASE
    again = scene.ledger.claim(assignment, APP)
    assert (again.finding, again.load.attempts) == (Finding.CLAIMABLE, 1)
    assert scene.stored().lease_until == scene.now + LEASE


def test_live_lease_keeps_others_out_and_a_renewed_one_longer(scene: Scene) -> None:
    load = scene.claim()
    assert scene.finding() is Finding.BUSY
    scene.now += LEASE - timedelta(seconds=1)
    scene.ledger.renew(load, load.write_high)
    scene.now += LEASE - timedelta(seconds=1)
    assert scene.finding() is Finding.BUSY


def test_worker_whose_lease_was_taken_over_can_change_nothing(scene: Scene) -> None:
    load = scene.claim()
    scene.now += LEASE
    taken = scene.claim(scene.other)
    assert (taken.attempts, taken.worker) == (2, "there/2")
    changes: list[Callable[[], object]] = [
        lambda: scene.ledger.renew(load, 0),
        lambda: scene.ledger.finish(load, LOADED),
        lambda: scene.ledger.mark_placed(load, "archive"),
        lambda: scene.ledger.wait(load, pause=LEASE, error="timed out"),
        lambda: scene.ledger.give_back(load),
    ]
    for change in changes:
        with pytest.raises(LeaseLost):
            change()
    assert scene.stored() == taken


def test_lease_that_is_renewed_in_the_very_moment_is_not_taken_over(scene: Scene) -> None:
    load = scene.claim()
    scene.now += LEASE

    class Racing(Lossy):
        def execute_cas(self, cql: str, parameters: Sequence[object]) -> CasResult:
            if cql.startswith("UPDATE"):
                scene.ledger.renew(load, load.write_high)
            return super().execute_cas(cql, parameters)

    racing = scene.ledger_of("there/2", Racing(scene.session, "", []))
    claimed = racing.claim(scene.assignment(), APP)
    assert claimed.finding is Finding.BUSY
    assert scene.stored().worker == "here/1"


def test_repeat_by_the_same_app_writes_with_the_first_times(scene: Scene) -> None:
    scene.claim()
    scene.now += LEASE
    again = scene.claim(event=scene.event(written_us=WRITTEN_US + 999))
    assert (again.write_base, again.write_high) == (WRITTEN_US, WRITTEN_US + 64)


def test_another_version_of_the_app_writes_above_everything_written(scene: Scene) -> None:
    load = scene.claim()
    scene.ledger.renew(load, WRITTEN_US + 1_000)
    scene.now += LEASE
    again = scene.claim(app=NEWER_APP)
    assert (again.write_base, again.write_high) == (WRITTEN_US + 1_001, WRITTEN_US + 1_065)
    assert scene.stored().app_version == "def-r1"


def test_claim_that_no_app_took_leaves_the_write_times_to_the_first_that_does(scene: Scene) -> None:
    scene.claim(app=None)
    scene.now += LEASE
    again = scene.claim()
    assert (again.write_base, again.app_version) == (WRITTEN_US, "abc-r1")


def test_load_that_reconcile_entered_is_written_with_its_events_time(scene: Scene) -> None:
    listed = scene.event(written_us=WRITTEN_US // 1000 * 1000)
    assert scene.ledger.register(listed, scene.customer) is True
    assert scene.ledger.register(listed, scene.customer) is False
    assert [load.load_id for load in scene.found()] == [listed.load_id]
    load = scene.claim()
    assert (load.attempts, load.write_base) == (1, WRITTEN_US)


def test_queued_load_tells_why_it_waits_until_somebody_begins_it(scene: Scene) -> None:
    scene.ledger.register(scene.event(), scene.customer, "waits for its app")
    queued = scene.stored()
    scene.other.explain(queued, "waits for its table")
    assert (queued.message, scene.stored().message) == ("waits for its app", "waits for its table")
    load = scene.claim()
    scene.other.explain(queued, "too late")
    assert (load.message, scene.stored().message, scene.stored().status) == (None, None, "loading")


@pytest.mark.parametrize("place", ["staging", "archive", "deleted"])
def test_place_of_an_object_is_kept_and_forgotten_by_a_replay(scene: Scene, place: Place) -> None:
    scene.ledger.mark_placed(scene.ledger.finish(scene.claim(), LOADED), place)
    assert scene.stored().placed_in == place
    order = replace(scene.assignment(), replay=Replay(uuid.uuid4(), after=0))
    load = scene.ledger.claim(order, APP).load
    assert scene.stored().placed_in is None
    assert scene.ledger.restore(load).placed_in == scene.stored().placed_in == place


def test_retry_that_waits_is_claimed_by_its_own_copy_only(scene: Scene) -> None:
    load = scene.claim()
    scene.ledger.wait(load, pause=timedelta(seconds=10), error="timed out")
    waiting = scene.stored()
    assert (waiting.status, waiting.first_error, waiting.retry_at) == (
        "waiting", "timed out", NOW + timedelta(seconds=10),
    )  # fmt: skip
    assert scene.finding() is Finding.HANDED_ON
    assert scene.finding(retry_of=1) is Finding.CLAIMABLE
    assert scene.stored().attempts == 2


def test_retry_that_is_overdue_is_claimed_by_any_delivery(scene: Scene) -> None:
    scene.ledger.wait(scene.claim(), pause=timedelta(seconds=10), error="timed out")
    scene.now += timedelta(seconds=10)
    assert scene.finding() is Finding.CLAIMABLE


def test_first_error_stays_when_others_follow(scene: Scene) -> None:
    scene.ledger.wait(scene.claim(), pause=LEASE, error="first")
    again = scene.claim(retry_of=1)
    scene.ledger.wait(again, pause=LEASE, error="second")
    assert (scene.stored().first_error, scene.stored().message) == ("first", "second")


def test_load_given_back_counts_no_attempt(scene: Scene) -> None:
    scene.ledger.give_back(scene.claim())
    assert (scene.stored().status, scene.stored().attempts) == ("queued", 0)
    assert scene.claim().attempts == 1


def test_outcome_is_followed_by_the_move_and_then_nothing(scene: Scene) -> None:
    load = scene.ledger.finish(scene.claim(), LOADED)
    assert scene.finding() is Finding.UNPLACED
    scene.ledger.mark_placed(load, "archive")
    assert scene.finding() is Finding.DONE
    stored = scene.stored()
    assert (stored.status, stored.rows_read, stored.rows_written, stored.table_rows) == ("loaded", 2, 2, 2)
    assert (stored.size, stored.sha256, stored.ended_at, stored.placed_at) == (20, "ab", NOW, NOW)


def test_lease_of_a_dead_worker_is_released_at_once_and_of_no_other(scene: Scene) -> None:
    scene.claim()
    scene.ledger.release(scene.event().load_id, "there/2", "died")
    assert scene.finding() is Finding.BUSY
    scene.ledger.release(scene.event().load_id, "here/1", "died")
    assert scene.finding() is Finding.CLAIMABLE
    assert (scene.stored().attempts, scene.stored().first_error) == (2, "died")


def test_release_of_what_nobody_knows_or_what_has_ended_does_nothing(scene: Scene) -> None:
    scene.ledger.release(uuid.uuid4(), "here/1", "died")
    ended = scene.ledger.finish(scene.claim(), LOADED)
    scene.ledger.release(ended.load_id, "here/1", "died")
    assert scene.stored() == ended


def test_first_under_an_upload_and_key_is_the_same_for_everybody(scene: Scene) -> None:
    loads = [scene.claim(event=scene.event(version_id=f"v{number}")) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        firsts = set(pool.map(lambda load: scene.ledger.first_of_upload(load, "u1"), loads))
    assert len(firsts) == 1
    assert firsts <= {load.load_id for load in loads}
    other_key = scene.claim(event=scene.event("other.csv"))
    assert scene.ledger.first_of_upload(other_key, "u1") == other_key.load_id


def test_loads_of_an_upload_are_found(scene: Scene) -> None:
    loads = [scene.claim(event=scene.event(f"{number}.csv", upload_id="u1")) for number in range(3)]
    for load in [*loads, *loads]:
        scene.ledger.index(load)
    ids = [load.load_id for load in loads]
    assert sorted(scene.ledger.ids_of_upload(scene.customer, "u1")) == sorted(ids)


def test_loads_are_found_by_what_is_asked_of_them(scene: Scene) -> None:
    at = [WRITTEN_AT + timedelta(hours=number) for number in range(4)]
    loads = [
        scene.claim(event=scene.event(f"{number}.csv", written_us=WRITTEN_US + number * HOUR_US))
        for number in range(4)
    ]
    failed = Outcome(status=LoadStatus.FAILED, reason="app_refused")
    loads[:3] = [
        scene.ledger.finish(load, how) for load, how in zip(loads[:3], [LOADED, failed, failed], strict=True)
    ]
    assert scene.found() == loads
    assert scene.found(since=at[1], until=at[3]) == loads[1:3]
    assert scene.found(status=LoadStatus.FAILED, since=at[2]) == [loads[2]]
    assert scene.found(status=LoadStatus.FAILED, until=at[2]) == [loads[1]]
    assert scene.found(key="0.csv") == [loads[0]]
    assert scene.found(status=LoadStatus.LOADING) == [loads[3]]
    assert set(scene.ledger.loads_in(scene.customer, [LoadStatus.LOADED, LoadStatus.LOADING])) == {
        loads[0], loads[3],
    }  # fmt: skip
    assert {load.load_id for load in scene.ledger.loads_in(None, [LoadStatus.LOADING])} >= {loads[3].load_id}


def test_load_is_found_in_the_status_that_it_has_now(scene: Scene) -> None:
    load = scene.claim()
    assert scene.found(status=LoadStatus.LOADING) == [load]
    scene.ledger.wait(load, pause=LEASE, error="timed out")
    assert scene.found(status=LoadStatus.LOADING) == []
    assert scene.found(status=LoadStatus.WAITING) == [scene.stored()]
    again = scene.claim(scene.other, retry_of=1)
    assert (scene.found(status=LoadStatus.WAITING), scene.found(status=LoadStatus.LOADING)) == ([], [again])


def test_claims_that_a_process_never_ended_are_found_beside_its_next_ones(scene: Scene) -> None:
    loads = [scene.claim(event=scene.event(f"{number}.csv")) for number in range(3)]
    scene.ledger.finish(loads[1], LOADED)
    loads[1] = scene.claim(event=scene.event("3.csv"))
    assert set(scene.found(status=LoadStatus.LOADING)) == set(loads)


def test_customers_are_those_that_ever_had_a_load(scene: Scene) -> None:
    assert scene.customer not in scene.ledger.customers()
    scene.claim()
    assert scene.customer in scene.ledger.customers()


def enter_as_earlier_versions_did(scene: Scene, load: Load) -> None:
    scene.session.execute(
        "INSERT INTO ingest.loads_by_day (customer, day, event_at, load_id) VALUES (?, ?, ?, ?)",
        (load.customer, WRITTEN_AT.date(), load.event_at, load.load_id),
    )


def figures(scene: Scene) -> list[LoadFigures]:
    return list(scene.ledger.figures(scene.customer, WRITTEN_AT, WRITTEN_AT + timedelta(hours=1)))


def test_customers_of_an_earlier_version_are_known(scene: Scene, settings: Settings) -> None:
    enter_as_earlier_versions_did(scene, replace(scene.claim(), customer=f"{scene.customer}-b"))
    setup.ensure_ledger(scene.session, settings)
    assert f"{scene.customer}-b" in scene.ledger.customers()


def test_figures_are_those_of_outcomes_and_of_what_is_on_its_way(scene: Scene) -> None:
    load = scene.claim()
    assert figures(scene) == [LoadFigures.of(load)]
    ended = scene.ledger.finish(load, LOADED)
    scene.ledger.project(ended).result()
    assert figures(scene) == [LoadFigures.of(ended)]
    assert scene.ledger.projected(scene.customer) == {load.load_id: LoadFigures.of(ended)}
    later = WRITTEN_AT + timedelta(milliseconds=1)
    assert list(scene.ledger.figures(scene.customer, later, later + timedelta(days=3))) == []
    assert LoadFigures.of(ended) in scene.ledger.figures(None, WRITTEN_AT, later)


def test_load_in_replay_counts_as_on_its_way_and_once(scene: Scene) -> None:
    ended = scene.ledger.mark_placed(scene.ledger.finish(scene.claim(), LOADED), "archive")
    scene.ledger.project(ended).result()
    claimed = scene.other.claim(replay(scene), APP).load
    assert figures(scene) == [LoadFigures.of(claimed)]


def test_figures_of_an_earlier_outcome_never_win(scene: Scene) -> None:
    ended = scene.ledger.finish(scene.claim(), LOADED)
    again = replace(ended, replays=1, status=LoadStatus.FAILED, rows_written=0)
    for load in (again, ended):
        scene.ledger.project(load).result()
    assert scene.ledger.projected(scene.customer) == {ended.load_id: LoadFigures.of(again)}


def test_load_of_an_earlier_version_is_looked_up_for_its_figures(scene: Scene) -> None:
    ended = scene.ledger.finish(scene.claim(), LOADED)
    enter_as_earlier_versions_did(scene, ended)
    assert figures(scene) == [LoadFigures.of(ended)]
    assert scene.ledger.projected(scene.customer) == {ended.load_id: None}


def test_many_loads_are_found_in_the_order_asked_for_without_the_unknown(scene: Scene) -> None:
    events = [scene.event(f"{number}.csv") for number in range(150)]
    for event in events:
        scene.ledger.register(event, scene.customer)
    asked = [event.load_id for event in events]
    found = scene.ledger.find_all([uuid.uuid4(), *asked])
    assert [load.load_id for load in found] == asked


@pytest.mark.parametrize("was_applied", [True, False])
def test_claim_whose_answer_was_lost_is_counted_once(scene: Scene, was_applied: bool) -> None:
    ledger = scene.ledger_of("here/1", Lossy(scene.session, "INSERT", [was_applied]))
    assert scene.claim(ledger).attempts == 1
    assert (scene.stored().status, scene.stored().attempts) == ("loading", 1)


@pytest.mark.parametrize("was_applied", [True, False])
def test_take_over_whose_answer_was_lost_is_counted_once(scene: Scene, was_applied: bool) -> None:
    scene.ledger.give_back(scene.claim())
    ledger = scene.ledger_of("here/1", Lossy(scene.session, "UPDATE", [was_applied]))
    assert scene.claim(ledger).attempts == 1
    assert scene.stored().attempts == 1


@pytest.mark.parametrize("was_applied", [True, False])
def test_outcome_whose_answer_was_lost_is_stored(scene: Scene, was_applied: bool) -> None:
    load = scene.claim()
    ledger = scene.ledger_of("here/1", Lossy(scene.session, "UPDATE", [was_applied]))
    assert ledger.finish(load, LOADED).status is LoadStatus.LOADED
    assert scene.stored().status is LoadStatus.LOADED


def test_answers_that_are_lost_again_and_again_are_told(scene: Scene) -> None:
    load = scene.claim()
    ledger = scene.ledger_of("here/1", Lossy(scene.session, "UPDATE", [False] * 4))
    with pytest.raises(UnknownResult):
        ledger.finish(load, LOADED)


def replay(scene: Scene, after: int = 0) -> Assignment:
    return replace(scene.assignment(), replay=Replay(uuid.uuid4(), after))


def test_replay_claims_an_outcome_and_keeps_it_aside(scene: Scene) -> None:
    failed = Outcome(
        status=LoadStatus.FAILED, reason="app_refused", message="no", rows_read=3, rows_written=3
    )
    before = scene.ledger.mark_placed(scene.ledger.finish(scene.claim(), failed), "archive")
    order = replay(scene)
    scene.now += LEASE
    claimed = scene.other.claim(order, APP)
    load = scene.stored()
    assert (claimed.finding, claimed.load) == (Finding.CLAIMABLE, load)
    assert (load.status, load.attempts, load.reason, load.message, load.rows_read) == (
        "loading",
        1,
        None,
        None,
        0,
    )
    assert (load.placed_at, load.ended_at, load.first_placed_at) == (None, None, NOW)
    assert order.replay is not None
    assert (load.replays, load.replay_id, load.replayed_at) == (1, order.replay.id, scene.now)

    restored = scene.other.restore(load)
    assert scene.stored() == restored
    kept = (
        "status",
        "attempts",
        "reason",
        "message",
        "rows_read",
        "rows_written",
        "placed_at",
        "ended_at",
        "worker",
    )
    assert [getattr(restored, name) for name in kept] == [getattr(before, name) for name in kept]
    assert restored.replays == 1


def test_only_one_of_many_orders_at_once_gets_the_load_and_none_afterwards(scene: Scene) -> None:
    scene.ledger.mark_placed(scene.ledger.finish(scene.claim(), LOADED), "archive")
    orders = [replay(scene) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda one: scene.other.claim(one, APP), orders))
    [winner] = [claimed.load for claimed in claims if claimed.finding is Finding.CLAIMABLE]
    scene.other.mark_placed(scene.other.finish(winner, LOADED), "archive")
    assert {scene.ledger.claim(order, APP).finding for order in orders} == {Finding.DONE}
    assert scene.ledger.claim(replay(scene, after=1), APP).finding is Finding.CLAIMABLE


@pytest.mark.parametrize("was_applied", [True, False])
def test_replays_claim_whose_answer_was_lost_is_counted_once(scene: Scene, was_applied: bool) -> None:
    scene.ledger.mark_placed(scene.ledger.finish(scene.claim(), LOADED), "archive")
    ledger = scene.ledger_of("here/1", Lossy(scene.session, "UPDATE", [was_applied]))
    assert ledger.claim(replay(scene), APP).finding is Finding.CLAIMABLE
    assert (scene.stored().replays, scene.stored().attempts) == (1, 1)


def test_ledger_of_before_there_were_replays_gets_their_columns_and_keeps_its_loads(
    scene: Scene,
) -> None:
    before = scene.claim()
    names = "replays, replay_id, replayed_at, first_placed_at, earlier"
    scene.session.execute(f"ALTER TABLE ingest.loads DROP IF EXISTS ({names})")
    for statement in (*schema.TABLES, *schema.TABLES):
        scene.session.execute(statement)
    assert scene.stored() == before


def test_body_that_is_no_event_is_kept_once_a_day_and_not_without_limit(scene: Scene) -> None:
    body = uuid.uuid4().bytes + b"x" * 2_000_000
    scene.now = datetime.now(UTC)
    for _ in range(2):
        scene.ledger.keep_unusable("ingest.acme", "not JSON", body)
    rows = scene.session.execute(
        "SELECT queue, reason, body FROM ingest.unusable_messages WHERE day = ?", (scene.now.date(),)
    )
    [row] = [row for row in rows if row["body"].startswith(body[:16])]
    assert (row["queue"], row["reason"], len(row["body"])) == ("ingest.acme", "not JSON", 1 << 20)
