"""Which rows live together: groups partition keys by the set of replicas that holds them.

A batch of one group is one coordinator's work and no more; `batches` makes a batch of nothing else.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest_manager.cassandra.cassandra_session import CassandraSession, ReplicaMap, token_of


class Placement:
    """The groups of one keyspace, following the cluster as it changes."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._replicas: ReplicaMap | None = None
        self._ring: NDArray[np.int64]
        self._group_at: NDArray[np.int64]
        self._follow()

    def is_single(self) -> bool:
        """Tell whether all rows belong together, as on one node or where every node holds everything."""
        self._follow()
        return not self._group_at.any()

    def groups(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """Return the group number of each encoded partition key."""
        if self.is_single():
            return np.zeros(len(keys), np.int64)
        tokens = np.fromiter(map(token_of, keys), dtype=np.int64, count=len(keys))
        return self._group_at[np.searchsorted(self._ring, tokens)]

    def _follow(self) -> None:
        replicas = self._session.replica_map(self._keyspace)
        if replicas is self._replicas:
            return
        ring = sorted(replicas)
        numbers: dict[frozenset[Any], int] = {}
        at = [numbers.setdefault(frozenset(replicas[token]), len(numbers)) for token in ring]
        self._ring = np.array([token.value for token in ring], dtype=np.int64)
        self._group_at = np.array([*at, *at[:1]] or [0])  # beyond the last token the ring starts again
        self._replicas = replicas
