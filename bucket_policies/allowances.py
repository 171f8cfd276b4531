"""Allowances in Cassandra: how many objects may come by temporary credentials while these are valid.

MinIO's events do not tell whose credentials put an object, so one that no grant vouches for takes a place in
an allowance of its customer that was alive at the object's time. The auth service issues allowances, the
manager takes places: one compare-and-set on the partition of one allowance, so places never run over. A load
keeps the place that it has, whoever asks again.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bucket_policies.customers import Customer
from bucket_policies.grant_store import Session
from bucket_policies.rules import Violation
from bucket_policies.settings import LONGEST_CREDENTIALS_SECONDS

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ingest.allowances (
        customer text, expires_at timestamp, allowance_id uuid, issued_at timestamp, number_files int,
        PRIMARY KEY (customer, expires_at, allowance_id)
    )""",
    """CREATE TABLE IF NOT EXISTS ingest.allowance_places (
        allowance_id uuid, load_id uuid, taken int STATIC, PRIMARY KEY (allowance_id, load_id)
    )""",
)
TABLES = ("ingest.allowances",)  # where the auth service's role may SELECT and MODIFY

CLOCK_MARGIN = timedelta(minutes=5)
"""How far the clocks of the auth service and of MinIO may lie apart."""

LATE = timedelta(days=7)
"""How late an object may be loaded, after an outage say, and still be judged; replays come on top."""

_ISSUE = (
    "INSERT INTO ingest.allowances (customer, expires_at, allowance_id, issued_at, number_files) "
    "VALUES (?, ?, ?, ?, ?) USING TTL ?"
)
_EXPIRING = (
    "SELECT allowance_id, expires_at, issued_at, number_files, TTL(number_files) AS kept_seconds "
    "FROM ingest.allowances WHERE customer = ? AND expires_at >= ? AND expires_at <= ?"
)
_HELD = "SELECT load_id FROM ingest.allowance_places WHERE allowance_id IN ? AND load_id = ?"
_TAKEN = "SELECT DISTINCT allowance_id, taken FROM ingest.allowance_places WHERE allowance_id IN ?"
_TAKE = (
    "BEGIN BATCH "
    "UPDATE ingest.allowance_places USING TTL ? SET taken = ? WHERE allowance_id = ? IF taken = ?; "
    "INSERT INTO ingest.allowance_places (allowance_id, load_id) VALUES (?, ?) USING TTL ?; "
    "APPLY BATCH"
)


@dataclass(frozen=True)
class Allowance:
    """Places for `number_files` objects, from `issued_at` to `expires_at`."""

    id: UUID
    issued_at: datetime
    expires_at: datetime
    number_files: int
    kept_seconds: int
    """How long Cassandra keeps it; its places go with it."""


class AllowanceStore:
    """The allowances of all customers."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def issue(self, customer: Customer, issued_at: datetime, expires_at: datetime) -> None:
        """Open an allowance; it is kept as long as one of its objects can be loaded or replayed."""
        kept = expires_at - issued_at + timedelta(days=customer.constraints.replay_days) + LATE
        values = (customer.id, expires_at, uuid.uuid4(), issued_at, customer.constraints.number_files)
        self._session.execute(_ISSUE, (*values, int(kept.total_seconds())))

    def alive(self, customer: str, at: datetime, margin: timedelta = timedelta()) -> list[Allowance]:
        """Return the allowances that are valid at a time, the oldest first."""
        latest = at + margin + timedelta(seconds=LONGEST_CREDENTIALS_SECONDS)
        rows = self._session.execute(_EXPIRING, (customer, at - margin, latest))
        expiring = [
            Allowance(
                id=row["allowance_id"],
                issued_at=row["issued_at"].replace(tzinfo=UTC),
                expires_at=row["expires_at"].replace(tzinfo=UTC),
                number_files=row["number_files"],
                kept_seconds=row["kept_seconds"],
            )
            for row in rows
        ]
        begun = [allowance for allowance in expiring if allowance.issued_at <= at + margin]
        return sorted(begun, key=lambda allowance: (allowance.issued_at, allowance.id))

    def take_place(self, customer: str, load_id: UUID, at: datetime) -> Violation | None:
        """Take a place for a load whose object came at a time; say why not, where every place is taken.

        An object that came while no allowance was alive needs none: the admin has put it.
        """
        allowances = self.alive(customer, at, CLOCK_MARGIN)
        ids = [allowance.id for allowance in allowances]
        while allowances:  # a turn that fails means that another load has got a place, so it ends
            if self._session.execute(_HELD, (ids, load_id)):
                return None
            taken = {row["allowance_id"]: row["taken"] for row in self._session.execute(_TAKEN, (ids,))}
            free = [one for one in allowances if (taken.get(one.id) or 0) < one.number_files]
            if not free:
                return _too_many_files(allowances)
            if self._is_taken(free[0], load_id, taken.get(free[0].id)):
                return None
        return None

    def _is_taken(self, allowance: Allowance, load_id: UUID, taken: int | None) -> bool:
        kept, count = max(allowance.kept_seconds, 1), (taken or 0) + 1
        values = (kept, count, allowance.id, taken, allowance.id, load_id, kept)
        return bool(self._session.execute(_TAKE, values)[0]["[applied]"])


def _too_many_files(allowances: Sequence[Allowance]) -> Violation:
    places = sum(allowance.number_files for allowance in allowances)
    message = (
        f"the temporary credentials that were valid then allow {places} objects, and this is one more: "
        "put it again with new credentials"
    )
    return Violation(rule="too_many_files", value=places + 1, limit=places, message=message)
