"""Paused customers: who paused whom, when and why. Every running manager reads it with its documents.

A paused customer's queue is not consumed: its messages wait on the broker, its objects in staging. Written
by compare-and-set only, so of two operators the first one's pause stays.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingest_manager.cassandra.cassandra_session import CassandraSession

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ingest.paused_customers (
        customer text PRIMARY KEY, paused_at timestamp, paused_by text, note text
    ) WITH comment = 'customers whose queue waits; written by compare-and-set only'""",
)

_COLUMNS = "customer, paused_at, paused_by, note"


@dataclass(frozen=True, slots=True)
class Pause:
    """A customer that is paused."""

    customer: str
    paused_at: datetime
    paused_by: str
    note: str | None = None


class PauseStore:
    """The pauses of all customers."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    def current(self) -> dict[str, Pause]:
        """Return the pauses in force, by customer."""
        rows = self._session.execute(f"SELECT {_COLUMNS} FROM ingest.paused_customers")  # noqa: S608 - our own names
        return {row["customer"]: _pause_of(row) for row in rows}

    def pause(self, wanted: Pause) -> Pause | None:
        """Store a pause; return the one that is in force already, where there is one.

        Raises:
            UnknownResult: it may or may not be stored; repeating it does no harm.
        """
        cql = f"INSERT INTO ingest.paused_customers ({_COLUMNS}) VALUES (?, ?, ?, ?) IF NOT EXISTS"  # noqa: S608
        values = (wanted.customer, wanted.paused_at, wanted.paused_by, wanted.note)
        answer = self._session.execute_cas(cql, values)
        return None if answer.applied else _pause_of(answer.row)

    def resume(self, customer: str) -> bool:
        """End a pause; tell whether there was one.

        Raises:
            UnknownResult: it may or may not have ended; repeating it does no harm.
        """
        cql = "DELETE FROM ingest.paused_customers WHERE customer = ? IF EXISTS"
        return self._session.execute_cas(cql, (customer,)).applied


def _pause_of(row: dict[str, Any]) -> Pause:
    return Pause(row["customer"], row["paused_at"].replace(tzinfo=UTC), row["paused_by"], row["note"])
