"""Made clusters: token rings without a node, kept by the driver's own metadata as those of a real one are."""

import random
from collections.abc import Mapping, Sequence

from cassandra.metadata import KeyspaceMetadata, Metadata, Murmur3Token
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host

KEYSPACE = "acme"
Tokens = Mapping[str, Sequence[int]]


def simple(replication_factor: int) -> dict[str, str]:
    return {"class": "SimpleStrategy", "replication_factor": str(replication_factor)}


def vnodes(nodes: int, count: int = 16, *, seed: int = 0) -> Tokens:
    """Return tokens for nodes at random, the same for the same seed; those of the first nodes stay."""
    rings = [random.Random(f"{seed}-{number}") for number in range(1, nodes + 1)]
    return {
        f"127.0.0.{number}": [ring.randrange(-(2**63), 2**63) for _ in range(count)]
        for number, ring in enumerate(rings, start=1)
    }


class MadeCluster:
    """A cluster whose ring and replication are set by hand."""

    def __init__(
        self, tokens: Tokens, replication: Mapping[str, str], *, datacenters: Mapping[str, str] = {}
    ) -> None:
        self.metadata = Metadata()
        self._datacenters = datacenters
        self._hosts: dict[str, Host] = {}
        self.move(tokens)
        self.replicate(replication)

    def move(self, tokens: Tokens) -> None:
        """Set the ring, as the driver does when nodes came or went."""
        by_host = {self._host(address): [str(token) for token in own] for address, own in tokens.items()}
        self.metadata.rebuild_token_map("org.apache.cassandra.dht.Murmur3Partitioner", by_host)

    def _host(self, address: str) -> Host:
        if address not in self._hosts:
            host = Host(address, SimpleConvictionPolicy)
            host.set_location_info(self._datacenters.get(address, "dc1"), "rack1")
            self._hosts[address] = host
        return self._hosts[address]

    def replicate(self, replication: Mapping[str, str]) -> None:
        """Set the keyspace's replication, as the driver does when the schema changed."""
        options = dict(replication)
        self.metadata.keyspaces[KEYSPACE] = KeyspaceMetadata(KEYSPACE, True, options.pop("class"), options)
        self.metadata.token_map.rebuild_keyspace(KEYSPACE, build_if_absent=False)

    def replica_map(self, keyspace: str) -> Mapping[Murmur3Token, Sequence[Host]]:
        token_map = self.metadata.token_map
        token_map.rebuild_keyspace(keyspace, build_if_absent=True)
        return token_map.tokens_to_hosts_by_ks.get(keyspace, {})

    def replica_sets(self, keys: Sequence[bytes]) -> list[frozenset[str]]:
        """Return the addresses that the driver itself names for each key."""
        return [frozenset(host.address for host in self.metadata.get_replicas(KEYSPACE, key)) for key in keys]
