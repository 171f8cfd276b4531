"""The thread behind the gauges, over servers in memory."""

from collections.abc import Iterable, Mapping

from support import fakes
from support.fakes import FakeGrants, FakeLedger, FakePauses, FakeStore
from support.scrapes import Scrape

from bucket_policies.customers import Customer
from ingest_manager.errors import ServerDown, TransientError
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.monitoring.customer_state import Observer, Records
from ingest_manager.monitoring.gauges import Gauges, Views
from ingest_manager.monitoring.metrics import ManagerMetrics, Problem
from ingest_manager.queues.broker import QueueState


class House:
    """Housekeeping that has turned once."""

    customers: Mapping[str, Customer] = {"acme": fakes.customer(quota_kib=1)}
    refused: Mapping[Problem, int] = {"document": 1, "app": 0}
    turned_at = 77.0


class Scene:
    """Gauges with fakes."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.queues = {"ingest.acme": QueueState(3, 1), "retry.1s": QueueState(2, 0)}
        self.is_broker_away = False
        records = Records(self.ledger, FakeGrants(), FakePauses())  # type: ignore[arg-type]  # fakes
        observer = Observer(records, self.store, lambda _: None, self._look, clock=lambda: fakes.NOW)  # type: ignore[arg-type]  # a fake
        self.metrics = ManagerMetrics()
        views = Views(observer, House(), ["retry.1s"], lambda: 4)
        self.gauges = Gauges(self.metrics, views, seconds=60)

    def _look(self, queues: Iterable[str]) -> Mapping[str, QueueState]:
        if self.is_broker_away:
            raise ServerDown("away", server="rabbitmq")
        return {name: self.queues[name] for name in queues if name in self.queues}

    def values(self, name: str) -> dict[str, float]:
        return Scrape(self.metrics.catalogue.text().decode()).values(f"ingest_manager_{name}")


def test_a_look_shows_queues_customers_servers_and_the_manager() -> None:
    scene = Scene()
    scene.store.put_version(b"id\n1\n")
    scene.ledger.enter(fakes.load(LoadStatus.FAILED, version="v0"))
    scene.gauges.look()
    assert scene.values("queue_messages") == {"ingest.acme": 3, "retry.1s": 2}
    assert scene.values("consumers") == scene.values("open_objects") == {"acme": 1}
    assert scene.values("oldest_object_seconds") == {"acme": 3600}
    assert scene.values("failed_loads") == {"acme": 1}
    assert (scene.values("used_bytes"), scene.values("quota_bytes")) == ({"acme": 5}, {"acme": 1024})
    assert scene.values("server_up") == {"cassandra": 1, "minio": 1, "rabbitmq": 1}
    assert scene.values("refused_documents") == {"document": 1}
    assert scene.values("workers_alive") == {"": 4}
    assert scene.values("housekeeping_timestamp_seconds") == {"": 77}


def test_a_server_that_is_away_is_told_until_it_is_back_and_the_others_are_looked_at() -> None:
    scene = Scene()
    scene.gauges.look()
    scene.is_broker_away = True
    scene.store.put_version(b"id\n1\n")
    scene.gauges.look()
    assert scene.gauges.away == {"rabbitmq"}
    assert scene.values("server_up") == {"cassandra": 1, "minio": 1}
    assert scene.values("queue_messages") == {"ingest.acme": 3, "retry.1s": 2}  # as it was
    assert scene.values("open_objects") == {"acme": 1}
    scene.is_broker_away = False
    scene.gauges.look()
    assert scene.gauges.away == set()


def test_servers_are_asked_although_nobody_is_a_customer_yet() -> None:
    scene = Scene()
    scene.ledger.faults["ping"] = [ServerDown("away", server="cassandra")]
    scene.store.faults["ping"] = [ServerDown("away", server="minio")]
    scene.gauges.look()
    assert scene.gauges.away == {"cassandra", "minio"}


def test_a_server_without_a_good_answer_leaves_the_figures_as_they_are() -> None:
    scene = Scene()
    scene.gauges.look()
    before = scene.values("figures_timestamp_seconds")
    scene.store.faults["versions"] = [TransientError("SlowDown")]
    scene.gauges.look()
    assert scene.values("figures_timestamp_seconds") == before
    assert scene.values("consumers") == {"acme": 1}
