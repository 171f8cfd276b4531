"""How much of its quota a customer uses: what lies in its buckets, and what is granted.

Used is what the auth service counts: every version in staging, and grants that have not arrived. Only reads.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bucket_policies.arrivals import Sized, to_come
from bucket_policies.customers import Customer, quota_by_minio
from bucket_policies.store import Administration

ARCHIVED_OBJECTS = "objects/"


@dataclass(frozen=True)
class Usage:
    """One customer's numbers, in bytes."""

    customer: str
    quota_bytes: int
    bucket_quota_bytes: int | None
    """What MinIO lets it hold; None where there is no bucket, or no quota on it."""
    staged_bytes: int
    staged_files: int
    granted_bytes: int | None
    """Promised and not arrived; None where the grants cannot be read here."""
    archived_bytes: int
    archived_files: int
    last_arrival_at: datetime | None
    """Of what still lies in staging or in the archive."""

    @property
    def used_bytes(self) -> int:
        """What counts against the quota."""
        return self.staged_bytes + (self.granted_bytes or 0)

    @property
    def free_bytes(self) -> int:
        """What may still come."""
        return max(self.quota_bytes - self.used_bytes, 0)

    @property
    def is_over(self) -> bool:
        """Ask whether more is used than the document allows."""
        return self.used_bytes > self.quota_bytes


def measure(minio: Administration, customer: Customer, granted: Sequence[Sized] | None) -> Usage:
    """Measure a customer's buckets; what is granted was read before.

    Raises:
        StoreError: MinIO refused.
        UnreachableError: MinIO does not answer.
    """
    staged = minio.read(lambda: list(_versions(minio, customer.staging_bucket))) or []
    archived = minio.read(lambda: list(_versions(minio, customer.archive_bucket))) or []
    came = [*staged, *(one for one in archived if one["Key"].startswith(ARCHIVED_OBJECTS))]
    return Usage(
        customer=customer.id,
        quota_bytes=customer.constraints.quota_kib * 1024,
        bucket_quota_bytes=minio.read(lambda: bucket_quota(minio, customer.staging_bucket)) or None,
        staged_bytes=sum(one["Size"] for one in staged),
        staged_files=len(staged),
        granted_bytes=None
        if granted is None
        else to_come(granted, [(one["Key"], one["Size"]) for one in staged]),
        archived_bytes=sum(one["Size"] for one in archived),
        archived_files=len(archived),
        last_arrival_at=max((one["LastModified"] for one in came), default=None),
    )


def bucket_quota(minio: Administration, bucket: str) -> int:
    """Return how much MinIO lets a bucket hold, 0 where it has no quota."""
    return quota_by_minio(int(json.loads(minio.admin.bucket_quota_get(bucket))["quota"]))


def _versions(minio: Administration, bucket: str) -> Iterator[Any]:
    for page in minio.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield from page.get("Versions", ())
