"""The row writer on three nodes: batches of one replica set, whatever node comes, goes or dies.

Nodes take a while to start: all tests here share one cluster, and each leaves three nodes that run.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.testbed import eventually
from support.wire_batches import rows_in

from benchmarks.cluster import connect_to
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.encoded_batch import EncodedBatch
from ingest_manager.cassandra.row_writer import RowWriter, TableWriter
from ingest_manager.cassandra.tables import declare_keyspace, declare_table
from ingest_manager.errors import IngestError, TransientError
from servers.cluster import Cluster, Node
from servers.errors import ServersError
from servers.temporary import temporary_cluster

pytestmark = pytest.mark.server("cassandra")

CHECKOUT = Path(__file__).parent.parent.parent
READINGS = AppContract(
    files={"keys": ["*.csv"], "format": "csv"},
    table={"name": "readings", "partition_key": ["sensor"], "clustering_key": ["number"]},
    columns={"sensor": "int", "number": "int", "note": "text"},
)
SENSORS = 2_000
write_times = count(1_700_000_000_000_001)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three Cassandra nodes, without MinIO and RabbitMQ. Whoever stops, adds or removes one undoes it."""
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(temporary_cluster(CHECKOUT / ".local" / "test-cluster"))
        except ServersError as error:
            pytest.skip(f"cluster: {error}")
        yield cluster


@pytest.fixture(scope="module")
def session(cluster: Cluster) -> Iterator[CassandraSession]:
    with connect_to(cluster) as session:
        yield session


def keyspace_of(session: CassandraSession, replication_factor: int) -> str:
    """Make a keyspace with its table; it goes with the cluster."""
    name = f"cluster_{uuid.uuid4().hex[:12]}"
    replication = {"class": "SimpleStrategy", "replication_factor": str(replication_factor)}
    declare_keyspace(session, name, replication)
    declare_table(session, name, READINGS)
    return name


@pytest.fixture
def unreplicated(session: CassandraSession) -> str:
    return keyspace_of(session, 1)


@pytest.fixture
def replicated(session: CassandraSession) -> str:
    return keyspace_of(session, 3)


class Batches:
    """The batches that a session has sent, as long as the context is open."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._futures: list[Any] = []
        self._rows: list[list[tuple[bytes, ...]]] = []

    def __enter__(self) -> "Batches":
        self._session._session.add_request_init_listener(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._session._session.remove_request_init_listener(self._note)

    def replica_sets(self, keyspace: str) -> list[set[frozenset[str]]]:
        """Return the replica sets of each batch's rows, by the driver's own ring."""
        metadata = self._session._cluster.metadata

        def replicas(key: bytes) -> frozenset[str]:
            return frozenset(host.address for host in metadata.get_replicas(keyspace, key))

        return [{replicas(row[0]) for row in rows} for rows in self._rows]

    def coordinators(self) -> list[str]:
        """Return the node that each batch went to first."""
        return [future.attempted_hosts[0].address for future in self._futures]

    def _note(self, future: Any) -> None:
        if isinstance(future.query, EncodedBatch):
            self._futures.append(future)
            self._rows.append(rows_in(future.query))  # now: a batch lets go of its rows once they are written


def rows_of(numbers: Sequence[int]) -> list[tuple[bytes, ...]]:
    return [
        (sensor.to_bytes(4, "big"), number.to_bytes(4, "big"), b"n")
        for number in numbers
        for sensor in range(SENSORS)
    ]


def expected(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return [(sensor, number) for sensor in range(SENSORS) for number in numbers]


def stored(session: CassandraSession, keyspace: str) -> list[tuple[int, int]]:
    """Read a table; a coordinator may for a while still wait for a node that is dead."""

    def read() -> list[tuple[int, int]]:
        with suppress(IngestError):
            rows = session.stream(f"SELECT sensor, number FROM {keyspace}.readings")
            return sorted((row["sensor"], row["number"]) for row in rows)
        return []

    return eventually(read, what="a readable table")


def write(writer: TableWriter, numbers: Sequence[int]) -> None:
    writer.write(rows_of(numbers), next(write_times))
    writer.flush()


@contextmanager
def killed(node: Node) -> Iterator[None]:
    node.kill()
    try:
        yield
    finally:
        node.start()
        node.wait()


def test_with_one_replica_each_batch_is_one_nodes_and_goes_to_it(
    session: CassandraSession, unreplicated: str
):
    with Batches(session) as batches:
        write(RowWriter(session).open(unreplicated, READINGS), range(3))
    sets = batches.replica_sets(unreplicated)
    assert [len(found) for found in sets] == [1] * len(sets)
    owners = [next(iter(next(iter(found)))) for found in sets]
    assert set(owners) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    assert batches.coordinators() == owners
    assert stored(session, unreplicated) == expected(range(3))


def test_with_three_replicas_and_a_quorum_every_row_is_there(session: CassandraSession, replicated: str):
    with Batches(session) as batches:
        write(RowWriter(session).open(replicated, READINGS), range(3))
    everyone = {frozenset(["127.0.0.1", "127.0.0.2", "127.0.0.3"])}
    sets = batches.replica_sets(replicated)
    assert sets == [everyone] * len(sets)
    assert stored(session, replicated) == expected(range(3))


def test_a_node_that_dies_in_the_middle_of_a_load(
    cluster: Cluster, session: CassandraSession, unreplicated: str, replicated: str
):
    """With three replicas the load goes on; with one it fails for now, and ends once the node is back."""
    writers = RowWriter(session, pause=lambda _: None)
    lasting, passing = (writers.open(name, READINGS) for name in (replicated, unreplicated))
    for writer in (lasting, passing):
        write(writer, [0])
        writer.write(rows_of([1, 2]), next(write_times))
    with killed(cluster.nodes[2]):
        write(lasting, range(3, 6))
        assert stored(session, replicated) == expected(range(6))
        with pytest.raises(TransientError) as raised:
            write(passing, range(3, 6))
    assert raised.value.reason == "cassandra_no_answer"

    def load_again() -> bool:
        with suppress(IngestError):
            write(writers.open(unreplicated, READINGS), range(6))
            return True
        return False

    eventually(load_again, what="a whole load")
    assert stored(session, unreplicated) == expected(range(6))


def test_batches_follow_a_node_that_comes_and_goes(
    cluster: Cluster, session: CassandraSession, unreplicated: str
):
    writers = RowWriter(session)

    def owners(numbers: Sequence[int]) -> set[str]:
        with Batches(session) as batches:
            write(writers.open(unreplicated, READINGS), numbers)
        sets = batches.replica_sets(unreplicated)
        assert [len(found) for found in sets] == [1] * len(sets)
        return {address for found in sets for replicas in found for address in replicas}

    def nodes() -> set[str]:
        return {host.address for host in session._cluster.metadata.token_map.token_to_host_owner.values()}

    three = {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
    assert owners([0]) == three
    four = three | {cluster.add().host}
    eventually(lambda: nodes() == four, what="the fourth node in the driver's ring")
    assert owners([1]) == four
    assert stored(session, unreplicated) == expected([0, 1])
    cluster.remove_last()
    eventually(lambda: nodes() == three, what="three nodes in the driver's ring")
    assert owners([2]) == three
    assert stored(session, unreplicated) == expected([0, 1, 2])
