"""Which loads an operator asks for. Pure; `replay` puts loads of the ledger and of the event log to it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from customer_ingestapps import globs
from ingest_manager.ledger.loads import Load, LoadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The questions to a load; what is None or empty is not asked. Times are those of the objects.

    >>> Selection().is_everything, Selection(key="orders/**").is_everything
    (True, False)
    """

    customer: str | None = None
    key: str | None = None  # a glob, as in an app's declaration
    since: datetime | None = None
    until: datetime | None = None
    statuses: frozenset[LoadStatus] = frozenset()
    reason: str | None = None
    app_version: str | None = None
    ids: frozenset[UUID] = frozenset()
    has_discarded: bool = False  # no question: discarded dead letters are not left out

    @property
    def is_everything(self) -> bool:
        """Tell whether nothing is asked."""
        return replace(self, has_discarded=False) == Selection()

    def wants(self, load: Load) -> bool:
        """Tell whether a load is one of those asked for."""
        return (
            self.customer in (None, load.customer)
            and (not self.ids or load.load_id in self.ids)
            and (self.key is None or globs.matches(self.key, load.key))
            and (not self.statuses or load.status in self.statuses)
            and self.reason in (None, load.reason)
            and self.app_version in (None, load.app_version)
            and self._has_time(load.event_at)
        )

    def _has_time(self, event_at: datetime | None) -> bool:
        if event_at is None:
            return True
        is_late_enough = self.since is None or event_at >= self.since
        return is_late_enough and (self.until is None or event_at < self.until)
