"""A ledger with 100,000 loads of one customer: what is asked is answered, and without reading the others."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeRegistry, FakeStore

from benchmarks.full_ledger import EVERY, made_loads, write_loads
from customer_ingestapps.registry import IngestApp
from ingest_manager import setup
from ingest_manager.cassandra.cassandra_session import CassandraSession, Pending, Row
from ingest_manager.ledger.history import LoadQuery, find_loads
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_statistics import LoadStatistics, Seconds, statistics_of
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.ledger.replay_order import Hindrance
from ingest_manager.loading.archive import Archive
from ingest_manager.operations.replay import Replayer
from ingest_manager.operations.selection import Selection
from ingest_manager.settings import Settings

pytestmark = [
    pytest.mark.server("cassandra"),
    pytest.mark.last("the tests of the running platform read the whole ledger again and again"),
]

COUNT = 100_000
NEWEST = datetime(2026, 1, 31, 23, tzinfo=UTC)
OPEN = [LoadStatus.QUEUED, LoadStatus.LOADING, LoadStatus.WAITING]


class CountingSession:
    """A session that counts the statements it is given and the rows that it answers with."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self.counts: Counter[str] = Counter()

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        return list(self.stream(statement, parameters))

    def execute_async(self, statement: str, parameters: Sequence[object] = ()) -> Pending:
        self.counts["statements"] += 1
        return self._session.execute_async(statement, parameters)

    def stream(self, statement: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        return self.stream_each(statement, [parameters])

    def stream_each(self, statement: str, parameter_sets: Iterable[Sequence[object]]) -> Iterator[Row]:
        asked = list(parameter_sets)
        assert "FILTERING" not in statement
        self.counts["statements"] += len(asked)
        # Other tests' processes have left their claims, a few each.
        counted = "claims" if "FROM ingest.open_claims" in statement else "rows"
        for row in self._session.stream_each(statement, asked):
            self.counts[counted] += 1
            yield row


class Scene:
    """A customer with very many loads, and what is counted while it is asked for."""

    def __init__(self, session: CassandraSession, customer: str) -> None:
        self.customer = customer
        self.session = CountingSession(session)
        self.ledger = Ledger(self.session, lease=timedelta(seconds=30), worker="here/1")  # type: ignore[arg-type]

    def history(self, **asked: Any) -> list[str]:
        found = find_loads(self.ledger, LoadQuery(customer=self.customer, **asked))
        return [load.key for load in found]

    @property
    def rows(self) -> int:
        return self.session.counts["rows"]

    @property
    def statements(self) -> int:
        return self.session.counts["statements"]


@pytest.fixture(scope="module")
def full(session: CassandraSession, settings: Settings) -> tuple[CassandraSession, str]:
    customer = f"acme-{uuid.uuid4().hex[:12]}"
    setup.ensure_ledger(session, settings)
    write_loads(session, made_loads(customer, COUNT, NEWEST))
    return session, customer


@pytest.fixture
def scene(full: tuple[CassandraSession, str]) -> Scene:
    return Scene(*full)


def keys(numbers: Iterable[int]) -> list[str]:
    return [f"orders/{number}.csv" for number in numbers]


def test_newest_loads_are_found_without_the_others(scene: Scene) -> None:
    assert scene.history() == keys(range(100))
    assert scene.rows < 5_000
    assert scene.statements < 10


def test_loads_before_a_time_are_found_without_those_after_it(scene: Scene) -> None:
    assert scene.history(until=NEWEST - 60_000 * EVERY, limit=3) == keys(range(60_001, 60_004))
    assert scene.rows < 5_000


def test_few_loads_of_a_status_or_a_key_are_found_without_any_other(scene: Scene) -> None:
    assert scene.history(status=LoadStatus.FAILED) == keys(range(0, COUNT, 1_000))
    assert scene.history(status=LoadStatus.FAILED, key="orders/5000.csv") == keys([5_000])
    assert scene.history(key="orders/77777.csv") == keys([77_777])
    assert (scene.history(status=LoadStatus.GONE), scene.rows) == ([], 102)


def test_loads_of_a_status_that_most_have_are_found_newest_first(scene: Scene) -> None:
    assert scene.history(status=LoadStatus.PARTLY_LOADED, limit=3) == keys([100, 200, 300])
    assert scene.history(status=LoadStatus.LOADED, limit=3) == keys([1, 2, 3])
    assert scene.rows < 10_000


def test_what_is_on_its_way_or_failed_is_found_without_any_other(scene: Scene) -> None:
    found = list(scene.ledger.loads_in(scene.customer, [*OPEN, LoadStatus.FAILED]))
    assert sorted(load.key for load in found) == sorted(keys(range(0, COUNT, 1_000)))
    assert scene.rows < 200


def test_statistics_are_exact_and_look_no_load_up(scene: Scene) -> None:
    figures = scene.ledger.figures(scene.customer, NEWEST - timedelta(days=1), NEWEST + EVERY)
    [found] = statistics_of(figures, customer=scene.customer)
    assert found == LoadStatistics(
        customer=scene.customer,
        objects=COUNT,
        bytes=COUNT * 1_000,
        rows_read=1_000_000,
        rows_written=999_000,
        rows_rejected=1_000,
        statuses={LoadStatus.LOADED: 99_000, LoadStatus.PARTLY_LOADED: 900, LoadStatus.FAILED: 100},
        success_rate=0.999,
        seconds_to_outcome=Seconds(mean=0.12, p50=0.12, p95=0.12, p99=0.12),
        seconds_of_load=Seconds(mean=0.1, p50=0.1, p95=0.1, p99=0.1),
        busy_seconds=10_000,
        rows_per_second=99.9,
        bytes_per_second=10_000,
        first_at=NEWEST - (COUNT - 1) * EVERY,
        last_at=NEWEST,
    )
    assert (scene.rows - COUNT < 100, scene.statements < 10) == (True, True)


def test_dry_run_for_failed_loads_reads_them_and_what_is_on_its_way(scene: Scene) -> None:
    plan = replayer(scene).plan(Selection(customer=scene.customer, statuses=frozenset([LoadStatus.FAILED])))
    assert (len(plan.loads), plan.rows, plan.left_out) == (100, 1_000, Counter())
    # A replay under way may have been of a failed load.
    assert (scene.rows < 200, scene.statements) == (True, 4)


def test_dry_run_for_some_time_reads_that_time(scene: Scene) -> None:
    asked = Selection(customer=scene.customer, since=NEWEST - 999 * EVERY, until=NEWEST - 499 * EVERY)
    plan = replayer(scene, archived=range(500, 999)).plan(asked)
    assert [planned.event.key for planned in plan.loads] == keys(range(998, 499, -1))
    assert (plan.left_out, scene.rows) == ({Hindrance.NO_OBJECT: 1}, 500)


def replayer(scene: Scene, archived: Iterable[int] = range(0, COUNT, 1_000)) -> Replayer:
    """Return a replayer whose archive holds some of the loads' objects."""
    store = FakeStore()
    for key in keys(archived):
        load_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{scene.customer}/{key}")
        store.put_version(b"", f"objects/{load_id}", "", f"archive-{scene.customer}")
    app = IngestApp(scene.customer, "orders", "abc", Path(), fakes.people_contract())
    return Replayer(scene.ledger, Archive(store), FakeRegistry(app), {scene.customer})  # type: ignore[arg-type]  # fakes


def test_made_loads_are_as_the_ledger_has_them(scene: Scene) -> None:
    made = list(made_loads(scene.customer, 2, NEWEST))
    found: list[Load] = list(scene.ledger.find_all(load.load_id for load in made))
    assert found == made
