"""What MinIO should hold: buckets, their versioning, quotas, lifecycle, notifications, and the service users.

`mirror` compares and writes the parts; the policies and rules in them are `policy_documents`'.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import SecretStr

from bucket_policies import policy_documents
from bucket_policies.customer_documents import removed_customers
from bucket_policies.customers import Customer, quota_in_minio
from bucket_policies.mirror import Difference, Part, apply
from bucket_policies.policy_documents import Document
from bucket_policies.settings import MirrorSettings
from bucket_policies.store import Administration
from bucket_policies.usage import bucket_quota

_TURNS = 4
_TARGETS_HINT = "is MinIO started with the AMQP targets FAST and DURABLE, and does RabbitMQ answer?"


def wanted_parts(
    minio: Administration, customers: Iterable[Customer], settings: MirrorSettings
) -> Iterator[Part]:
    """Give everything that MinIO should hold, in the order of its making."""
    for customer in customers:
        yield from _staging_parts(minio, customer)
        yield from _archive_parts(minio, customer)
    yield from service_parts(minio, settings)


def make_ready(minio: Administration, customer: Customer, settings: MirrorSettings) -> list[Difference]:
    """Apply what one customer needs until it is there; return what could not be made.

    A watch may write the same at the same time, and MinIO keeps a bucket's settings in one document that the
    last writer wins: so it is looked at again.
    """
    for _ in range(_TURNS):
        if not (found := apply(minio, list(wanted_parts(minio, [customer], settings)))):
            return []
    return [one for one in found if one.error]


def service_parts(minio: Administration, settings: MirrorSettings) -> Iterator[Part]:
    """Give the service users and what they may do; the granter may do nothing for a removed customer."""
    granter = policy_documents.granter_policy(removed_customers(settings.folder))
    for user, secret, policy in (
        (settings.granter_access_key, settings.granter_secret_key, granter),
        (settings.manager_access_key, settings.manager_secret_key, policy_documents.manager_policy()),
    ):
        yield from _user_parts(minio, user, secret, policy)


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
        read=lambda: bucket_quota(minio, bucket),
        write=lambda: minio.admin.bucket_quota_set(bucket, quota_in_minio(quota)),
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
