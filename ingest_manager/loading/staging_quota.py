"""Whether an object that no grant vouches for still fits into its customer's quota.

A grant reserved its bytes before they came; what other S3 tools put is counted here, by what lies in staging
now and what is promised. Of objects that came together the earlier ones fit. Whoever is in doubt lets the
object in: to be refused is an outcome, and MinIO's own quota is the last net.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bucket_policies.arrivals import Sized, to_come
from bucket_policies.customers import Customer
from bucket_policies.grant_store import GrantStore
from bucket_policies.rules import Violation
from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load
from ingest_manager.objects.object_store import ObjectStore
from ingest_manager.objects.versions import ObjectVersion

RULE = "over_quota"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What lay in a staging bucket at one moment."""

    bytes_up_to: dict[tuple[str, str], int]
    """By key and version: its bytes and those of all that came before it."""

    promised: int
    """Bytes that were granted and had not come. Later grants were given with these objects in view."""


@dataclass(frozen=True, slots=True)
class StagingQuota:
    """Judges by listings: one serves every object that it shows, as long as they fit."""

    store: ObjectStore
    grants: GrantStore
    _listings: dict[str, _Listing] = field(default_factory=dict)

    def look(self, load: Load, customer: Customer) -> None:
        """Have a listing that shows a load's object, if it is there: may be done ahead, beside other work."""
        listing = self._listings.get(customer.id)
        if listing is None or (load.key, load.version_id) not in listing.bytes_up_to:
            self._listings[customer.id] = self._list(customer)

    def violations(self, load: Load, customer: Customer) -> list[Violation]:
        """Judge a load's object; the empty list lets it in.

        Raises:
            TransientError, ServerDown: store or grants could not answer.
        """
        if load.replays or self._fits(self._listings.get(customer.id), load, customer):
            return []  # a replay is ordered by ops, and its object mostly lies in the archive
        listing = self._listings[customer.id] = self._list(customer)
        used = listing.bytes_up_to.get((load.key, load.version_id))
        if used is None:  # it has left staging meanwhile
            return []
        quota = customer.constraints.quota_kib * 1024
        fits = used + listing.promised <= quota
        return [] if fits else [_over_quota(used, listing.promised, quota)]

    def _fits(self, listing: _Listing | None, load: Load, customer: Customer) -> bool:
        """Ask an earlier listing: what has left staging since then only makes more room."""
        used = listing.bytes_up_to.get((load.key, load.version_id)) if listing else None
        if listing is None or used is None:
            return False
        return used + listing.promised <= customer.constraints.quota_kib * 1024

    def _list(self, customer: Customer) -> _Listing:
        try:
            versions = list(self.store.versions(customer.staging_bucket))
        except ObjectGone:  # the whole bucket
            versions = []
        return _listing_of(versions, self.grants.outstanding(customer.id))


def _listing_of(versions: Sequence[ObjectVersion], outstanding: Iterable[Sized]) -> _Listing:
    promised = to_come(outstanding, ((version.key, version.size or 0) for version in versions))
    found = sorted(versions, key=lambda one: (one.modified_at or _NEVER, one.key, one.version_id))
    total, bytes_up_to = 0, {}
    for version in found:
        total += version.size or 0
        bytes_up_to[version.key, version.version_id] = total
    return _Listing(bytes_up_to, promised)


def _over_quota(used: int, promised: int, quota: int) -> Violation:
    message = (
        f"staging holds {used} bytes up to this object and {promised} are promised, your quota is {quota}: "
        "put it again when what waits is loaded"
    )
    return Violation(rule=RULE, value=used + promised, limit=quota, message=message)
