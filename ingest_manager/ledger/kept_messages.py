"""Messages that are no event, as the ledger keeps them for people: read back, and marked when dealt with.

They lie in `ingest.unusable_messages`, a partition for each day. `ledger` enters them, `dead_letters` shows
them.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ingest_manager.cassandra.cassandra_session import CassandraSession

BODY_LIMIT = 1 << 20
"""Bytes of a body that are kept; the dead letter on the broker has it whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """One row of `ingest.unusable_messages`; times are aware UTC."""

    day: date
    message_id: UUID
    received_at: datetime
    queue: str
    reason: str
    body: bytes
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None
    discarded_by: str | None = None
    discard_note: str | None = None

    @property
    def is_whole(self) -> bool:
        """Tell whether all of the body was kept."""
        return len(self.body) < BODY_LIMIT


_COLUMNS = tuple(field.name for field in fields(KeptMessage))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM ingest.unusable_messages WHERE day = ?"  # noqa: S608 - our own names


def message_id_of(body: bytes) -> UUID:
    """Return the id under which a body is kept, the same for the same body."""
    return uuid.uuid5(uuid.NAMESPACE_OID, body.hex())


class KeptMessages:
    """Reads and marks the messages that were kept."""

    def __init__(
        self, session: CassandraSession, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._session = session
        self._clock = clock

    def since(self, moment: datetime) -> Iterator[KeptMessage]:
        """Yield the messages that came since a time, of one day after the other."""
        day = moment.date()
        while day <= self._clock().date():
            found = map(_message_of, self._session.execute(_SELECT, (day,)))
            yield from (message for message in found if message.received_at >= moment)
            day += timedelta(days=1)

    def mark_replayed(self, message: KeptMessage) -> None:
        """Store that a message was an event after all and was published."""
        self._set(message, replayed_at=self._clock())

    def discard(self, message: KeptMessage, *, by: str, note: str | None) -> None:
        """Store that nobody wants a message any more."""
        self._set(message, discarded_at=self._clock(), discarded_by=by, discard_note=note)

    def _set(self, message: KeptMessage, **values: object) -> None:
        sets = ", ".join(f"{name} = ?" for name in values)
        cql = f"UPDATE ingest.unusable_messages SET {sets} WHERE day = ? AND message_id = ?"  # noqa: S608 - our own names
        self._session.execute(cql, (*values.values(), message.day, message.message_id))


def _message_of(row: Mapping[str, Any]) -> KeptMessage:
    times = {name: value.replace(tzinfo=UTC) for name, value in row.items() if isinstance(value, datetime)}
    return KeptMessage(**{**row, **times, "day": row["day"].date()})
