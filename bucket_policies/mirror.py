"""MinIO made equal to the documents: every part compared first, only differences written.

`plan` says what differs, `apply` mends it, so a second `apply` writes nothing. A part is one thing that can
be read, compared and written: a bucket, its versioning, quota, lifecycle, notifications, a user, a policy.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bucket_policies import policy_documents
from bucket_policies.customers import Customer
from bucket_policies.errors import StoreError
from bucket_policies.policy_documents import Document
from bucket_policies.settings import MirrorSettings
from bucket_policies.store import Administration

_TARGETS_HINT = "is MinIO started with the AMQP targets FAST and DURABLE, and does RabbitMQ answer?"


@dataclass(frozen=True)
class Part:
    """One thing in MinIO, as it should be."""

    what: str
    wanted: Any
    read: Callable[[], Any]
    write: Callable[[], object]
    hint: str = ""


@dataclass(frozen=True)
class Difference:
    """A part that is not as it should be; `error` says why it could not be mended."""

    what: str
    now: Any
    wanted: Any
    error: str | None = None


def plan(minio: Administration, parts: Iterable[Part]) -> list[Difference]:
    """Compare every part."""
    return [Difference(part.what, now, part.wanted) for part, now in _differing(minio, parts)]


def apply(minio: Administration, parts: Iterable[Part]) -> list[Difference]:
    """Write every part that differs; one that MinIO refuses does not stop the others."""
    return [
        Difference(part.what, now, part.wanted, _failure(minio, part))
        for part, now in _differing(minio, parts)
    ]


def wanted_parts(
    minio: Administration, customers: Iterable[Customer], settings: MirrorSettings
) -> Iterator[Part]:
    """Give everything that MinIO should hold, in the order of its making."""
    for customer in customers:
        yield from _staging_parts(minio, customer)
        yield from _archive_parts(minio, customer)
    for user, secret, policy in (
        (settings.granter_access_key, settings.granter_secret_key, policy_documents.granter_policy()),
        (settings.manager_access_key, settings.manager_secret_key, policy_documents.manager_policy()),
    ):
        yield from _user_parts(minio, user, secret, policy)


def _differing(minio: Administration, parts: Iterable[Part]) -> Iterator[tuple[Part, Any]]:
    for part in parts:
        now = minio.read(part.read)
        if _ordered(now) != _ordered(part.wanted):
            yield part, now


def _ordered(value: Any) -> Any:
    # MinIO gives lists back in an order of its own.
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(inner) for inner in value), key=json.dumps)
    return value


def _failure(minio: Administration, part: Part) -> str | None:
    try:
        minio.write(part.write)
    except StoreError as error:
        return "; ".join(filter(None, (str(error), part.hint)))
    return None


def _bucket_part(minio: Administration, bucket: str) -> Part:
    return Part(
        what=f"bucket {bucket}",
        wanted="exists",
        read=lambda: minio.s3.get_bucket_versioning(Bucket=bucket) and "exists",
        write=lambda: minio.s3.create_bucket(Bucket=bucket),
    )


def _staging_parts(minio: Administration, customer: Customer) -> Iterator[Part]:
    bucket, quota = customer.staging_bucket, customer.constraints.quota_kib * 1024
    notifications: Any = policy_documents.staging_notifications()
    yield _bucket_part(minio, bucket)
    yield Part(
        what=f"bucket {bucket}: versioning",
        wanted="Enabled",
        read=lambda: minio.s3.get_bucket_versioning(Bucket=bucket).get("Status"),
        write=lambda: minio.s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
    )
    yield Part(
        what=f"bucket {bucket}: quota in bytes",
        wanted=quota,
        read=lambda: json.loads(minio.admin.bucket_quota_get(bucket))["quota"],
        write=lambda: minio.admin.bucket_quota_set(bucket, quota),
    )
    yield Part(
        what=f"bucket {bucket}: lifecycle",
        wanted=None,
        read=lambda: minio.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
        write=lambda: minio.s3.delete_bucket_lifecycle(Bucket=bucket),
    )
    yield Part(
        what=f"bucket {bucket}: notifications",
        wanted=notifications,
        read=lambda: minio.s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations"),
        write=lambda: minio.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": notifications}
        ),
        hint=_TARGETS_HINT,
    )


def _archive_parts(minio: Administration, customer: Customer) -> Iterator[Part]:
    bucket = customer.archive_bucket
    rules: Any = policy_documents.archive_lifecycle(customer.constraints.replay_days)
    yield _bucket_part(minio, bucket)
    yield Part(
        what=f"bucket {bucket}: lifecycle",
        wanted=rules,
        read=lambda: minio.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"],
        write=lambda: minio.s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": rules}
        ),
    )


def _user_parts(minio: Administration, user: str, secret: SecretStr, policy: Document) -> Iterator[Part]:
    yield Part(
        what=f"policy {user}",
        wanted=policy,
        read=lambda: json.loads(minio.admin.policy_info(user)),
        write=lambda: minio.admin.policy_add(user, policy=policy),
    )
    yield Part(
        what=f"user {user}: login",
        wanted="works",
        read=lambda: "works" if minio.is_login(user, secret) else None,
        write=lambda: minio.admin.user_add(user, secret.get_secret_value()),
    )
    yield Part(
        what=f"user {user}: policy",
        wanted=user,
        read=lambda: json.loads(minio.admin.user_info(user)).get("policyName"),
        write=lambda: minio.admin.policy_set(user, user=user),
    )
