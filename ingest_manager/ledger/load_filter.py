"""Which loads are asked for, in the words that the ledger's indexes answer. Pure; `ledger` asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingest_manager.ledger.loads import Load, LoadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFilter:
    """The questions to a load; what is None is not asked. Times are those of the objects, but one.

    >>> LoadFilter(customer="acme", status=LoadStatus.FAILED).conditions()
    {'customer = ?': 'acme', 'status = ?': <LoadStatus.FAILED: 'failed'>}
    """

    customer: str | None = None
    status: LoadStatus | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ended_since: datetime | None = None

    def conditions(self) -> Mapping[str, object]:
        """Return what a CQL statement asks, each condition with its value."""
        asked = {
            "customer = ?": self.customer,
            "status = ?": self.status,
            "key = ?": self.key,
            "event_at >= ?": self.since,
            "event_at < ?": self.until,
            "ended_at >= ?": self.ended_since,
        }
        return {condition: value for condition, value in asked.items() if value is not None}

    def matches(self, load: Load) -> bool:
        """Tell whether a load is one of those asked for."""
        return (
            self.customer in (None, load.customer)
            and self.status in (None, load.status)
            and self.key in (None, load.key)
            and (self.since is None or load.event_at is None or load.event_at >= self.since)
            and (self.until is None or load.event_at is None or load.event_at < self.until)
            and (
                self.ended_since is None or (load.ended_at is not None and load.ended_at >= self.ended_since)
            )
        )
