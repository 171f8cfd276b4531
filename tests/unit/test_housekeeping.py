"""Whose objects wait, and why; and that documents are looked at while buckets are reconciled."""

import threading
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import ServerDown
from ingest_manager.housekeeping import Housekeeping, _not_taken_up
from ingest_manager.operations.reconcile import Reconciler
from ingest_manager.settings import Settings

SECONDS = 60  # until a test gives up


class House(Housekeeping):
    """Housekeeping whose looks are counted and whose reconciling a test holds up."""

    def __init__(self, folder: Path) -> None:
        settings = Settings.model_construct(
            bucket_policies_dir=folder,
            customer_ingestapps_dir=folder,
            documents_seconds=0.001,
            reconcile_seconds=0.001,
        )
        super().__init__(settings, cast("CassandraSession", None), cast("Reconciler", None), lambda _: None)
        self.faults: list[ServerDown] = []
        self.reconciled = 0
        self.reconciling = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.looked = threading.Semaphore(0)

    @override
    def take_up_customers(self, *, afresh: bool = False) -> None:
        self.looked.release()

    @override
    def restore_topology(self) -> None:
        """Nothing here."""

    @override
    def reconcile(self) -> None:
        self.reconciling.release()
        assert self.go_on.acquire(timeout=SECONDS)
        if self.faults:
            raise self.faults.pop()
        self.reconciled += 1


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_documents_are_looked_at_while_one_reconcile_takes_long(house: House) -> None:
    house.start()
    assert house.reconciling.acquire(timeout=SECONDS)
    for _ in range(10):
        assert house.looked.acquire(timeout=SECONDS)
    assert (house.reconciling.acquire(blocking=False), house.reconciled) == (False, 0)
    house.go_on.release()
    assert house.reconciling.acquire(timeout=SECONDS)  # the next one, when that was over
    house.stop()
    house.go_on.release()
    house.join(SECONDS)
    assert (house.is_alive(), house.reconciled) == (False, 2)


def test_reconcile_that_meets_a_server_away_is_tried_again(house: House) -> None:
    house.faults.append(ServerDown("RabbitMQ is away", server="rabbitmq"))
    house.start()
    assert house.reconciling.acquire(timeout=SECONDS)
    house.go_on.release()
    assert house.reconciling.acquire(timeout=SECONDS)
    house.stop()
    house.go_on.release()
    house.join(SECONDS)
    assert (house.is_alive(), house.reconciled) == (False, 1)


def test_customers_with_a_problem_of_their_own_or_of_their_document_wait() -> None:
    documents = {
        "globex.json": "data_sizes: missing",
        "zenith.json": "the last good one is in force",
        "Not A Customer.json": "cannot be a customer",
        "customers": "cannot be read",  # the folder, which tells nothing of who was known before
    }
    found = _not_taken_up(documents, {"acme": "columns.id.type: not a type"}, ready={"zenith"})
    assert found == {"acme": "columns.id.type: not a type", "globex": "data_sizes: missing"}


class HouseWithoutCassandra(House):
    """Housekeeping for which Cassandra is away during its first looks."""

    looks = 0

    @override
    def take_up_customers(self, *, afresh: bool = False) -> None:
        self.looks += 1
        if self.looks <= 5:
            raise ServerDown("Cassandra cannot be reached", server="cassandra")
        self.looked.release()


def test_looks_go_on_while_a_server_is_away_and_it_is_told_once(tmp_path: Path) -> None:
    house = HouseWithoutCassandra(tmp_path)
    with capture_logs() as lines:
        house.start()
        assert house.reconciling.acquire(timeout=SECONDS)  # at the end of the first turn that succeeds
        house.stop()
        house.go_on.release()
        house.join(SECONDS)
    assert house.looks > 5
    told = [(line["event"], line["missing"]) for line in lines]
    assert told == [
        ("a server is away, this is tried again until it is back", "cassandra"),
        ("a server is back", "cassandra"),
    ]
