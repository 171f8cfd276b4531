"""Placement: rows are grouped by the replicas that the driver itself would name."""

from collections.abc import Hashable, Sequence

import pytest
from cassandra.cmurmur3 import murmur3
from cassandra.metadata import Murmur3Token
from hypothesis import given
from hypothesis import strategies as st
from support.token_rings import KEYSPACE, MadeCluster, simple, vnodes

from ingest_manager.cassandra.placement import Placement

LAST = 7 * 10**18
FOUR_RANGES = {
    "127.0.0.1": [-6_000_000_000_000_000_000, LAST],
    "127.0.0.2": [-1_000_000_000_000_000_000],
    "127.0.0.3": [2_000_000_000_000_000_000],
}
KEYS = [number.to_bytes(4, "big") for number in range(2_000)]
TWO_CENTERS = {"class": "NetworkTopologyStrategy", "dc1": "1", "dc2": "2"}
CENTER_OF = {f"127.0.0.{number}": "dc1" if number <= 3 else "dc2" for number in range(1, 7)}


def assert_same_partition(groups: Sequence[int], sets: Sequence[Hashable]) -> None:
    assert len(set(zip(groups, sets, strict=True))) == len(set(groups)) == len(set(sets))


def assert_grouped_by_replicas(placement: Placement, cluster: MadeCluster, keys: Sequence[bytes]) -> None:
    assert_same_partition(placement.groups(keys), cluster.replica_sets(keys))


@pytest.mark.parametrize(
    ("replication_factor", "sets"),
    [(1, [{"1"}, {"2"}, {"3"}]), (2, [{"1", "2"}, {"2", "3"}, {"1", "3"}]), (3, [{"1", "2", "3"}])],
)
def test_each_replica_set_of_three_nodes_is_one_group(replication_factor: int, sets: list[set[str]]):
    cluster = MadeCluster(vnodes(3), simple(replication_factor))
    placement = Placement(cluster, KEYSPACE)
    assert {frozenset(address[-1] for address in found) for found in cluster.replica_sets(KEYS)} == {
        frozenset(one) for one in sets
    }
    assert len(set(placement.groups(KEYS))) == len(sets)
    assert placement.is_single() == (len(sets) == 1)
    assert_grouped_by_replicas(placement, cluster, KEYS)


def test_one_node_with_vnodes_is_one_group():
    placement = Placement(MadeCluster(vnodes(1), simple(1)), KEYSPACE)
    assert placement.is_single()
    assert placement.groups(KEYS).tolist() == [0] * len(KEYS)


@given(
    keys=st.lists(st.binary(max_size=40), min_size=1, max_size=300),
    nodes=st.integers(1, 9),
    replication_factor=st.integers(1, 5),
    count=st.sampled_from([1, 4, 16]),
    seed=st.integers(0, 1_000),
)
def test_groups_are_the_drivers_replica_sets(
    keys: list[bytes], nodes: int, replication_factor: int, count: int, seed: int
):
    cluster = MadeCluster(vnodes(nodes, count, seed=seed), simple(replication_factor))
    assert_grouped_by_replicas(Placement(cluster, KEYSPACE), cluster, keys)


@given(keys=st.lists(st.binary(max_size=40), min_size=1, max_size=300), seed=st.integers(0, 1_000))
def test_groups_are_the_drivers_replica_sets_in_two_data_centers(keys: list[bytes], seed: int):
    cluster = MadeCluster(vnodes(6, seed=seed), TWO_CENTERS, datacenters=CENTER_OF)
    assert_grouped_by_replicas(Placement(cluster, KEYSPACE), cluster, keys)


def test_a_set_spans_the_data_centers():
    """One replica of three nodes times two of three: nine sets."""
    cluster = MadeCluster(vnodes(6), TWO_CENTERS, datacenters=CENTER_OF)
    keys = [number.to_bytes(4, "big") for number in range(20_000)]
    assert {len(found) for found in cluster.replica_sets(keys)} == {3}
    assert len(set(Placement(cluster, KEYSPACE).groups(keys))) == 9


@given(keys=st.lists(st.binary(min_size=1, max_size=40), min_size=3, max_size=30, unique_by=murmur3))
def test_a_key_exactly_at_a_token_belongs_to_that_tokens_node(keys: list[bytes]):
    cluster = MadeCluster({f"127.0.0.{at}": [murmur3(key)] for at, key in enumerate(keys)}, simple(1))
    assert cluster.replica_sets(keys) == [{f"127.0.0.{at}"} for at in range(len(keys))]
    assert len(set(Placement(cluster, KEYSPACE).groups(keys))) == len(keys)


@pytest.mark.parametrize(("beside", "is_own"), [(-1, False), (0, True), (1, True)])
def test_a_range_ends_with_its_token(beside: int, is_own: bool):
    """The key just past a node's token is the next node's."""
    key = b"sensor-7"
    cluster = MadeCluster({"127.0.0.1": [murmur3(key) + beside], "127.0.0.2": [LAST]}, simple(1))
    assert murmur3(key) + 1 < LAST
    assert cluster.replica_sets([key]) == [{"127.0.0.1" if is_own else "127.0.0.2"}]
    placement = Placement(cluster, KEYSPACE)
    first = next(other for other in KEYS if murmur3(other) < murmur3(key) - 1)
    assert (placement.groups([key]) == placement.groups([first])) == is_own


def test_a_key_beyond_the_last_token_belongs_to_the_first_range():
    cluster = MadeCluster(FOUR_RANGES | {"127.0.0.1": [-6 * 10**18], "127.0.0.2": [LAST]}, simple(1))
    beyond = next(key for key in KEYS if Murmur3Token.from_key(key).value > LAST)
    before = next(key for key in KEYS if Murmur3Token.from_key(key).value < -6 * 10**18)
    assert cluster.replica_sets([before, beyond]) == [{"127.0.0.1"}] * 2
    first, last = Placement(cluster, KEYSPACE).groups([before, beyond])
    assert first == last


def test_ranges_of_one_node_are_one_group():
    cluster = MadeCluster(FOUR_RANGES, simple(1))
    groups = Placement(cluster, KEYSPACE).groups(KEYS)
    assert len(set(groups)) == 3
    assert_same_partition(groups, cluster.replica_sets(KEYS))


def test_an_unknown_keyspace_is_one_group():
    assert Placement(MadeCluster(FOUR_RANGES, simple(1)), "not_there_yet").is_single()


def test_a_changed_replication_is_followed():
    cluster = MadeCluster(FOUR_RANGES, simple(3))
    placement = Placement(cluster, KEYSPACE)
    assert placement.is_single()
    cluster.replicate(simple(1))
    assert not placement.is_single()
    assert_grouped_by_replicas(placement, cluster, KEYS)


def test_nodes_that_come_and_go_are_followed():
    cluster = MadeCluster(vnodes(1), simple(1))
    placement = Placement(cluster, KEYSPACE)
    for nodes in (1, 3, 4, 2, 1):
        cluster.move(vnodes(nodes))
        assert len(set(placement.groups(KEYS))) == nodes
        assert_grouped_by_replicas(placement, cluster, KEYS)


def test_a_node_that_takes_other_tokens_is_followed():
    cluster = MadeCluster(vnodes(3), simple(1))
    placement = Placement(cluster, KEYSPACE)
    before = cluster.replica_sets(KEYS)
    assert_grouped_by_replicas(placement, cluster, KEYS)
    cluster.move(vnodes(3) | {"127.0.0.3": vnodes(3, seed=1)["127.0.0.3"]})
    assert cluster.replica_sets(KEYS) != before
    assert_grouped_by_replicas(placement, cluster, KEYS)


def test_an_unchanged_ring_is_read_once():
    """What a chunk costs does not grow with the ring."""
    cluster = MadeCluster(vnodes(3), simple(1))
    placement = Placement(cluster, KEYSPACE)
    ring = placement._ring
    placement.groups(KEYS)
    assert placement._ring is ring
    cluster.move(vnodes(3))
    placement.groups(KEYS)
    assert placement._ring is not ring
