"""What MinIO is told, as S3 and IAM documents: events, lifecycle, and what each service user may do.

Pure functions; `mirror` compares them with what MinIO has and writes the difference, `credentials` hands the
session policies to MinIO. Unfinished multipart uploads need no rule: MinIO itself ends them after a day, and
has no lifecycle rule for it.
"""

import json
from collections.abc import Sequence
from typing import Any

from bucket_policies.customers import ARCHIVE_PREFIX, STAGING_PREFIX, Customer
from bucket_policies.errors import DocumentError

Document = dict[str, Any]

# Two AMQP targets of MinIO's own configuration: one fast, one that outlives a dead broker.
NOTIFICATION_TARGETS = {
    "FAST": "arn:minio:sqs::FAST:amqp",
    "DURABLE": "arn:minio:sqs::DURABLE:amqp",
}
# Not the whole of ObjectCreated, which also tells of tagging.
LOADED_EVENTS = (
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
)
ARCHIVE_FOLDERS = ("objects", "rejects")
# What an S3 tool needs beside putting: to look before it puts, and to put in parts. Never to delete or tag.
TOOL_BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
TOOL_OBJECT_ACTIONS = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts")
LONGEST_SESSION_POLICY = 2048  # characters, of STS


def staging_notifications() -> list[Document]:
    """Tell of every new object, through both targets."""
    return [
        {"Id": target, "QueueArn": arn, "Events": list(LOADED_EVENTS)}
        for target, arn in NOTIFICATION_TARGETS.items()
    ]


def archive_lifecycle(replay_days: int) -> list[Document]:
    """Let archived objects and rejects expire; staging has no such rule, nothing unloaded ever expires."""
    return [
        {
            "ID": folder,
            "Status": "Enabled",
            "Filter": {"Prefix": f"{folder}/"},
            "Expiration": {"Days": replay_days},
        }
        for folder in ARCHIVE_FOLDERS
    ]


def granter_policy(removed: Sequence[str] = ()) -> Document:
    """Let the auth service sign PUTs into staging, measure what lies there, and lend what S3 tools need.

    Signed PUTs and temporary credentials can do no more than whoever made them, whenever they are used: so
    those of removed customers end here, at once.
    """
    statements = [
        _allow(["s3:PutObject", *TOOL_OBJECT_ACTIONS], [_objects(STAGING_PREFIX)]),
        _allow(["s3:ListBucketVersions", *TOOL_BUCKET_ACTIONS], [_buckets(STAGING_PREFIX)]),
    ]
    buckets = [f"arn:aws:s3:::{STAGING_PREFIX}{customer}" for customer in removed]
    if buckets:
        resources = [resource for bucket in buckets for resource in (bucket, f"{bucket}/*")]
        statements.append({"Effect": "Deny", "Action": ["s3:*"], "Resource": resources})
    return _policy(*statements)


def session_policy(customer: Customer) -> str:
    """Narrow temporary credentials down to one customer's bucket and endings, as the text that STS takes.

    Raises:
        DocumentError: the document has more endings than such a policy can name.
    """
    bucket = f"arn:aws:s3:::{customer.staging_bucket}"
    formats = customer.constraints.formats
    # MinIO tells letters' cases apart, the document does not.
    cases = {case for ending in formats for case in (ending.lower(), ending.upper())}
    document = _policy(
        _allow(["s3:PutObject"], [f"{bucket}/*{ending}" for ending in sorted(cases)]),
        _allow(TOOL_OBJECT_ACTIONS, [f"{bucket}/*"]),
        _allow(TOOL_BUCKET_ACTIONS, [bucket]),
    )
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > LONGEST_SESSION_POLICY:
        raise DocumentError(
            f"the {len(formats)} endings of your document are too many for temporary credentials "
            f"({len(text)} of {LONGEST_SESSION_POLICY} characters): ask the admin for fewer, or use fetchdata"
        )
    return text


def manager_policy() -> Document:
    """Let the ingest manager take versions out of staging, and keep and read them in the archive."""
    deletion = _allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], [_objects(STAGING_PREFIX)])
    # Deleting a bare key would hide a newer version that is not loaded yet.
    deletion["Condition"] = {"StringLike": {"s3:versionid": ["?*"]}}
    return _policy(
        _allow(["s3:ListBucket", "s3:ListBucketVersions"], [_buckets(STAGING_PREFIX)]),
        _allow(["s3:GetObject", "s3:GetObjectVersion"], [_objects(STAGING_PREFIX)]),
        deletion,
        _allow(["s3:ListBucket"], [_buckets(ARCHIVE_PREFIX)]),
        _allow(
            ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            [_objects(ARCHIVE_PREFIX)],
        ),
        # To show what is enforced; `mirror` alone sets it. An admin action has no resource.
        {"Effect": "Allow", "Action": ["admin:GetBucketQuota"]},
    )


def _policy(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _buckets(prefix: str) -> str:
    return f"arn:aws:s3:::{prefix}*"


def _objects(prefix: str) -> str:
    return f"arn:aws:s3:::{prefix}*/*"
