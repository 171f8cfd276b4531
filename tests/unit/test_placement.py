"""Placement: rows are grouped by the replicas that the driver itself would name."""

from collections.abc import Mapping, Sequence

from cassandra.metadata import KeyspaceMetadata, Metadata, Murmur3Token, TokenMap
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host

from ingest_manager.placement import Placement, routing_keys

TOKENS = (-6_000_000_000_000_000_000, -1_000_000_000_000_000_000, 2_000_000_000_000_000_000, 7 * 10**18)


class Cluster:
    """A made ring of three nodes: the first holds two of the four ranges."""

    def __init__(self, replication_factor: int) -> None:
        self.metadata = Metadata()
        hosts = [Host(f"127.0.0.{number}", SimpleConvictionPolicy) for number in (1, 2, 3)]
        for host in hosts:
            host.set_location_info("dc1", "rack1")
        owners = dict(zip(map(Murmur3Token, TOKENS), [*hosts, hosts[0]], strict=True))
        self.metadata.token_map = TokenMap(Murmur3Token, owners, sorted(owners), self.metadata)
        self.replicate(replication_factor)

    def replicate(self, replication_factor: int) -> None:
        keyspace = KeyspaceMetadata(
            "acme", True, "SimpleStrategy", {"replication_factor": str(replication_factor)}
        )
        self.metadata.keyspaces["acme"] = keyspace
        self.metadata.token_map.rebuild_keyspace("acme", build_if_absent=False)

    def replica_map(self, keyspace: str) -> Mapping[Murmur3Token, Sequence[Host]]:
        token_map = self.metadata.token_map
        token_map.rebuild_keyspace(keyspace, build_if_absent=True)
        return token_map.tokens_to_hosts_by_ks.get(keyspace, {})


KEYS = [number.to_bytes(4, "big") for number in range(500)]


def replica_sets(cluster: Cluster, keys: Sequence[bytes]) -> list[frozenset[Host]]:
    return [frozenset(cluster.metadata.get_replicas("acme", key)) for key in keys]


def assert_same_partition(groups: Sequence[int], sets: Sequence[frozenset[Host]]) -> None:
    assert len(set(zip(groups, sets, strict=True))) == len(set(groups)) == len(set(sets))


def test_a_group_is_one_replica_set_and_every_set_has_one_group():
    cluster = Cluster(replication_factor=1)
    groups = Placement(cluster, "acme").groups(KEYS)
    assert len(set(groups)) == 3
    assert_same_partition(groups, replica_sets(cluster, KEYS))


def test_with_two_replicas_the_sets_are_grouped_whatever_their_order():
    cluster = Cluster(replication_factor=2)
    groups = Placement(cluster, "acme").groups(KEYS)
    assert_same_partition(groups, replica_sets(cluster, KEYS))


def test_where_every_node_holds_everything_there_is_one_group():
    placement = Placement(Cluster(replication_factor=3), "acme")
    assert placement.is_single()
    assert set(placement.groups(KEYS)) == {0}


def test_an_unknown_keyspace_is_one_group():
    assert Placement(Cluster(replication_factor=1), "not_there_yet").is_single()


def test_a_key_beyond_the_last_token_belongs_to_the_first_range():
    cluster = Cluster(replication_factor=1)
    beyond = next(key for key in KEYS if Murmur3Token.from_key(key).value > TOKENS[-1])
    before = next(key for key in KEYS if Murmur3Token.from_key(key).value < TOKENS[0])
    first, last = Placement(cluster, "acme").groups([before, beyond])
    assert first == last


def test_a_changed_replication_is_followed():
    cluster = Cluster(replication_factor=3)
    placement = Placement(cluster, "acme")
    assert placement.is_single()
    cluster.replicate(1)
    assert not placement.is_single()
    assert_same_partition(placement.groups(KEYS), replica_sets(cluster, KEYS))


def test_a_new_ring_is_followed():
    cluster = Cluster(replication_factor=1)
    placement = Placement(cluster, "acme")
    cluster.metadata.token_map = Cluster(replication_factor=3).metadata.token_map
    assert placement.is_single()


def test_a_single_column_is_its_own_routing_key():
    assert routing_keys([(b"\x00\x07", b"x"), (b"", b"y")], [0]) == [b"\x00\x07", b""]


def test_a_composite_key_has_length_bytes_and_zero_for_each_column():
    rows = [(b"EWR", b"x", b"\x00\x00\x07\xdd")]
    assert routing_keys(rows, [2, 0]) == [b"\x00\x04\x00\x00\x07\xdd\x00\x00\x03EWR\x00"]
