"""What is being loaded at present: the claims that every process holds, found without any other load.

An index on the status cannot tell: every load passes through `loading`, and an index keeps what a row was
until its files are compacted. So each process has a few rows of its own and writes its next claim over one
that has ended. Whether a load is still being loaded is for the ledger to say.
"""

import uuid
from uuid import UUID

from ingest_manager.cassandra.cassandra_session import CassandraSession, Pending

_MOST_SLOTS = 64  # claims of one process that it did not end itself, as after a server was away


class OpenClaims:
    """The claims of this process, and those of all."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._holder = uuid.uuid4()
        self._slots: dict[int, UUID | None] = {}  # the longest unused first; None: its claim has ended

    def enter(self, customer: str, load_id: UUID) -> Pending:
        """Start to store that a claim is on its way."""
        slot = self._slot_for(load_id)
        self._slots.pop(slot, None)
        self._slots[slot] = load_id
        return self._session.execute_async(
            "INSERT INTO ingest.open_claims (holder, slot, customer, load_id) VALUES (?, ?, ?, ?)",
            (self._holder, slot, customer, load_id),
        )

    def leave(self, load_id: UUID) -> None:
        """Let the next claim take the place of one that has ended."""
        self._slots.update({slot: None for slot, held in self._slots.items() if held == load_id})

    def load_ids(self, customer: str | None) -> set[UUID]:
        """Return the ids of all loads that may be loading: of one customer, or of all."""
        rows = self._session.execute("SELECT customer, load_id FROM ingest.open_claims")
        return {row["load_id"] for row in rows if customer in (None, row["customer"])}

    def _slot_for(self, load_id: UUID) -> int:
        for wanted in (load_id, None):
            if wanted in self._slots.values():
                return next(slot for slot, held in self._slots.items() if held == wanted)
        return len(self._slots) if len(self._slots) < _MOST_SLOTS else next(iter(self._slots))
