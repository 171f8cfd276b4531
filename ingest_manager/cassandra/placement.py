"""Which rows live together: groups partition keys by the set of replicas that holds them.

A batch of one group is one coordinator's work and no more; `row_writer` makes a batch of nothing else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest_manager.cassandra.cassandra_session import CassandraSession, ReplicaMap, token_of

Cell = bytes | object


def routing_keys(rows: Iterable[Sequence[Cell]], key_positions: Sequence[int]) -> list[bytes]:
    r"""Return the encoded partition key of each row.

    >>> routing_keys([(b"acme", b"x", b"7")], [0])
    [b'acme']
    >>> routing_keys([(b"acme", b"x", b"7")], [0, 2])
    [b'\x00\x04acme\x00\x00\x017\x00']
    """
    if len(key_positions) == 1:
        position = key_positions[0]
        return [row[position] for row in rows]  # type: ignore[misc]  # a key's cell is always bytes
    return [b"".join([_component(row[position]) for position in key_positions]) for row in rows]


def _component(cell: Any) -> bytes:
    return len(cell).to_bytes(2, "big") + cell + b"\0"  # type: ignore[no-any-return]


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

    def groups(self, keys: Sequence[bytes]) -> Sequence[int]:
        """Return the group number of each encoded partition key."""
        if self.is_single():
            return [0] * len(keys)
        tokens = np.fromiter(map(token_of, keys), dtype=np.int64, count=len(keys))
        groups: list[int] = self._group_at[np.searchsorted(self._ring, tokens)].tolist()
        return groups

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
