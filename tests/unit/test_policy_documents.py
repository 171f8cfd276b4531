"""The documents that MinIO is told."""

import json

import pytest

from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from bucket_policies.errors import DocumentError
from bucket_policies.policy_documents import (
    archive_lifecycle,
    granter_policy,
    manager_policy,
    session_policy,
    staging_notifications,
)


def actions_on(policy, resource):
    return {
        action
        for statement in policy["Statement"]
        if resource in statement.get("Resource", ())
        for action in statement["Action"]
    }


def test_staging_tells_both_targets_of_new_objects_and_of_nothing_else():
    assert staging_notifications() == [
        {
            "Id": target,
            "QueueArn": f"arn:minio:sqs::{target}:amqp",
            "Events": [
                "s3:ObjectCreated:Put",
                "s3:ObjectCreated:Post",
                "s3:ObjectCreated:Copy",
                "s3:ObjectCreated:CompleteMultipartUpload",
            ],
        }
        for target in ("FAST", "DURABLE")
    ]


def test_archived_objects_and_rejects_expire_after_the_replay_days():
    assert archive_lifecycle(30) == [
        {"ID": "objects", "Status": "Enabled", "Filter": {"Prefix": "objects/"}, "Expiration": {"Days": 30}},
        {"ID": "rejects", "Status": "Enabled", "Filter": {"Prefix": "rejects/"}, "Expiration": {"Days": 30}},
    ]


def test_manager_may_read_quotas_and_administrate_nothing_else():
    admin = [statement for statement in manager_policy()["Statement"] if "Resource" not in statement]
    assert admin == [{"Effect": "Allow", "Action": ["admin:GetBucketQuota"]}]


def test_granter_may_measure_staging_and_do_there_what_an_s3_tool_does_to_put():
    assert len(granter_policy()["Statement"]) == 2
    assert actions_on(granter_policy(), "arn:aws:s3:::staging-*/*") == {
        "s3:PutObject",
        "s3:GetObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    }
    assert actions_on(granter_policy(), "arn:aws:s3:::staging-*") == {
        "s3:ListBucketVersions",
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
    }


def test_granter_may_do_nothing_for_removed_customers():
    policy = granter_policy(["acme", "globex"])

    assert policy["Statement"][:2] == granter_policy()["Statement"]
    assert policy["Statement"][2:] == [
        {
            "Effect": "Deny",
            "Action": ["s3:*"],
            "Resource": [
                "arn:aws:s3:::staging-acme",
                "arn:aws:s3:::staging-acme/*",
                "arn:aws:s3:::staging-globex",
                "arn:aws:s3:::staging-globex/*",
            ],
        }
    ]


def customer_of(*formats):
    return Customer("acme", Constraints(formats=formats, number_files=10, data_sizes=4))


def test_temporary_credentials_put_allowed_endings_into_the_own_bucket_and_delete_nothing():
    assert json.loads(session_policy(customer_of(".csv", ".Csv.gz"))) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject"],
                "Resource": [
                    "arn:aws:s3:::staging-acme/*.CSV",
                    "arn:aws:s3:::staging-acme/*.CSV.GZ",
                    "arn:aws:s3:::staging-acme/*.csv",
                    "arn:aws:s3:::staging-acme/*.csv.gz",
                ],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts"],
                "Resource": ["arn:aws:s3:::staging-acme/*"],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                "Resource": ["arn:aws:s3:::staging-acme"],
            },
        ],
    }


def test_endings_that_no_session_policy_can_hold_are_refused_with_their_number():
    few, many = ([f".ending{number}" for number in range(count)] for count in (15, 40))

    assert len(session_policy(customer_of(*few))) <= 2048
    with pytest.raises(DocumentError, match=r"the 40 endings of your document .* 2048 characters"):
        session_policy(customer_of(*many))


def test_manager_may_not_put_into_staging():
    assert actions_on(manager_policy(), "arn:aws:s3:::staging-*/*") == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
    }


def test_manager_may_delete_in_staging_by_version_only():
    [deletion] = [one for one in manager_policy()["Statement"] if "s3:DeleteObjectVersion" in one["Action"]]

    assert deletion["Condition"] == {"StringLike": {"s3:versionid": ["?*"]}}


def test_policies_name_no_bucket_but_staging_and_archive():
    for policy in (granter_policy(), manager_policy()):
        for statement in policy["Statement"]:
            for resource in statement.get("Resource", ()):
                assert resource.startswith(("arn:aws:s3:::staging-*", "arn:aws:s3:::archive-*"))
