"""Whether an object may be loaded beside the others: the step of a load between opening and reading.

An object with a genuine grant is the first of its upload and key, or a duplicate. One without takes a place
in the allowance of its customer's temporary credentials, if any were valid when it came, and must fit into
the quota; the bytes of a grant were reserved.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from bucket_policies import tokens
from bucket_policies.allowances import AllowanceStore
from bucket_policies.customers import Customer
from bucket_policies.grant_store import GrantStore
from bucket_policies.rules import Violation
from ingest_manager.errors import IngestError
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus, Outcome
from ingest_manager.loading.staging_quota import StagingQuota
from ingest_manager.objects.object_store import OpenObject
from ingest_manager.queues.events import ObjectEvent


@dataclass(frozen=True, slots=True)
class Admission:
    """Grants, allowances, and what came before."""

    ledger: Ledger
    grants: GrantStore
    allowances: AllowanceStore
    seal_key: bytes
    quota: StagingQuota

    def vouched(self, event: ObjectEvent) -> ObjectEvent:
        """Return the event without an upload id that no grant of ours vouches for."""
        return vouched(event, self.seal_key)

    def upload_of(self, load: Load, metadata: Mapping[str, str]) -> str | None:
        """Return the genuine upload id of a load's object: the ledger's, else that of its metadata."""
        if load.upload_id is not None:
            return load.upload_id
        event = ObjectEvent(load.bucket, load.key, load.version_id, load.write_base)
        return self.vouched(granted(event, metadata)).upload_id

    def refusal(self, load: Load, upload_id: str | None) -> Outcome | None:
        """Admit a load, or return the outcome that ends it."""
        if upload_id is not None:
            first = self._first_of_upload(load, upload_id)
            if first == load.load_id:
                return None
            return Outcome(status=LoadStatus.DUPLICATE, reason="duplicate", message=f"of load {first}")
        if load.event_at is None:
            return None
        violation = self.allowances.take_place(load.customer, load.load_id, load.event_at)
        if violation is None:
            return None
        return Outcome(status=LoadStatus.REJECTED, reason=violation.rule, message=violation.message)

    def look_ahead(self, load: Load, customer: Customer) -> None:
        """Fetch what `violations` will ask for; faults are left to it."""
        if load.upload_id is None:
            with suppress(IngestError):
                self.quota.look(load, customer)

    def violations(self, load: Load, source: OpenObject, customer: Customer) -> list[Violation]:
        """Judge an object by its customer's constraints, and by the quota if nothing was reserved for it."""
        broken = customer.constraints.violations(load.key, source.size)
        is_reserved = self.upload_of(load, source.metadata) is not None
        return broken if broken or is_reserved else self.quota.violations(load, customer)

    def _first_of_upload(self, load: Load, upload_id: str) -> UUID:
        """End the grant of an upload's object; return the first load of this upload and key."""
        if load.upload_id is None:
            self.ledger.index(replace(load, upload_id=upload_id))
        self.grants.release(load.customer, upload_id, load.key)
        return self.ledger.first_of_upload(load, upload_id)


def granted(event: ObjectEvent, metadata: Mapping[str, str]) -> ObjectEvent:
    """Return the event with the upload id and seal that its object was put with."""
    return replace(event, upload_id=metadata.get("upload-id"), seal=metadata.get("grant"))


def vouched(event: ObjectEvent, seal_key: bytes) -> ObjectEvent:
    """Return the event without an upload id that no grant of ours vouches for."""
    if event.upload_id is not None and event.seal is not None:
        is_genuine = tokens.is_grant(event.seal, event.upload_id, event.bucket, event.key, secret=seal_key)
        if is_genuine:
            return event
    return replace(event, upload_id=None, seal=None)
