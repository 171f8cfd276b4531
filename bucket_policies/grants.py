"""From a manifest to signed URLs: judge every file, reserve the bytes of the good ones, sign a PUT for each.

What a customer uses = every version in staging + what is granted and has not arrived. `grant_store` keeps the
grants, `store` measures and signs; who the customer is was found out before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bucket_policies import tokens
from bucket_policies.api import AppDeclaration, GrantedFile, OfferedFile, RefusedFile
from bucket_policies.app_declarations import no_app_violation
from bucket_policies.arrivals import Sized, in_use
from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from bucket_policies.grant_store import GrantStore, Share
from bucket_policies.rules import Violation, escaped, key_of
from bucket_policies.store import NewObject, SignedPut

TTL_MARGIN_SECONDS = 900  # a PUT that began just before its URL expired may still be under way


class Store(Protocol):
    """Measures staging and signs."""

    def staged(self, bucket: str) -> list[Sized]:
        """Return every version in a bucket."""
        ...

    def sign_put(self, new: NewObject, lifetime_seconds: int) -> SignedPut:
        """Sign a PUT of exactly this object."""
        ...


class Granter:
    """Grants uploads within a customer's constraints and quota."""

    def __init__(
        self, store: Store, grants: GrantStore, *, seal_key: bytes, url_lifetime_seconds: int
    ) -> None:
        self._store = store
        self._grants = grants
        self._seal_key = seal_key
        self._lifetime_seconds = url_lifetime_seconds

    def used_bytes(self, customer: Customer) -> int:
        """Add up what a customer has in staging and what is granted."""
        return self._used(customer, self._grants.outstanding(customer.id))

    def _used(self, customer: Customer, granted: Sequence[Sized]) -> int:
        """Count what was granted before staging is listed, so that nothing is missed that arrives between."""
        return in_use(granted, self._store.staged(customer.staging_bucket))

    def grant(
        self,
        customer: Customer,
        upload_id: str,
        files: Sequence[OfferedFile],
        *,
        apps: Sequence[AppDeclaration] = (),
    ) -> tuple[GrantedFile | RefusedFile, ...]:
        """Answer a manifest, file by file in its order; no file is granted that none of the apps takes."""
        violations = judge(files, customer.constraints)
        for file, found in zip(files, violations, strict=True):
            if not found and (violation := no_app_violation(apps, key_of(file.name))):
                found.append(violation)
        wanted = {
            key_of(file.name): file.size for file, found in zip(files, violations, strict=True) if not found
        }
        share = self._reserve(customer, upload_id, wanted)
        for file, found in zip(files, violations, strict=True):
            if not found and key_of(file.name) not in share.sizes:
                found.append(_over_quota(file, share, customer.constraints.quota_kib * 1024))
        return tuple(
            RefusedFile(name=file.name, violations=tuple(found))
            if found
            else self._sign(customer, upload_id, file)
            for file, found in zip(files, violations, strict=True)
        )

    def _reserve(self, customer: Customer, upload_id: str, wanted: Mapping[str, int]) -> Share:
        if not wanted:
            return Share({}, 0)

        def decide(granted: Sequence[Sized]) -> Share:
            used = self._used(customer, granted)
            return Share(fitting(wanted, customer.constraints.quota_kib * 1024 - used), used)

        ttl = self._lifetime_seconds + TTL_MARGIN_SECONDS
        return self._grants.reserve(customer.id, upload_id, decide, ttl_seconds=ttl)

    def _sign(self, customer: Customer, upload_id: str, file: OfferedFile) -> GrantedFile:
        expires_at = datetime.now(UTC) + timedelta(seconds=self._lifetime_seconds)
        key = key_of(file.name)
        bucket = customer.staging_bucket
        seal = tokens.seal_grant(upload_id, bucket, key, secret=self._seal_key)
        new = NewObject(bucket, key, file.size, file.sha256, upload_id, seal)
        signed = self._store.sign_put(new, self._lifetime_seconds)
        return GrantedFile(
            name=file.name, key=key, url=signed.url, headers=dict(signed.headers), expires_at=expires_at
        )


def judge(files: Sequence[OfferedFile], constraints: Constraints) -> list[list[Violation]]:
    """Find everything that is wrong with each file of a manifest, the quota aside."""
    names = Counter(key_of(file.name) for file in files)
    judged, accepted = [], 0
    for file in files:
        found = constraints.violations(file.name, file.size)
        if names[key_of(file.name)] > 1:
            found.append(_name_clash(file))
        if accepted >= constraints.number_files:
            found.append(_too_many_files(len(files), constraints.number_files))
        accepted += not found
        judged.append(found)
    return judged


def fitting(wanted: Mapping[str, int], free_bytes: int) -> dict[str, int]:
    """Take files in their order as long as they fit; a smaller one may pass where a larger one did not.

    >>> fitting({"a.csv": 4, "b.csv": 8, "c.csv": 6}, 10)
    {'a.csv': 4, 'c.csv': 6}
    """
    taken: dict[str, int] = {}
    for key, size in wanted.items():
        if size <= free_bytes:
            taken[key] = size
            free_bytes -= size
    return taken


def _name_clash(file: OfferedFile) -> Violation:
    key = escaped(key_of(file.name))
    message = f"another file of this upload would become the same object '{key}'"
    return Violation(rule="name_clash", value=escaped(file.name), limit=key, message=message)


def _too_many_files(offered: int, limit: int) -> Violation:
    message = f"{offered} files offered, one upload may have {limit}"
    return Violation(rule="too_many_files", value=offered, limit=limit, message=message)


def _over_quota(file: OfferedFile, share: Share, quota_bytes: int) -> Violation:
    used = share.used_bytes + sum(share.sizes.values())
    message = f"{file.size} bytes do not fit: {used} of {quota_bytes} bytes are in use or granted"
    if file.size > quota_bytes:
        message = f"{file.size} bytes never fit: the whole quota is {quota_bytes} bytes"
    return Violation(rule="quota", value=used, limit=quota_bytes, message=message)
