"""The documents that MinIO is told."""

from bucket_policies.policy_documents import (
    archive_lifecycle,
    granter_policy,
    manager_policy,
    staging_notifications,
)


def actions_on(policy, resource):
    return {
        action
        for statement in policy["Statement"]
        if resource in statement["Resource"]
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


def test_granter_may_put_into_staging_and_measure_it():
    assert granter_policy() == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::staging-*/*"]},
            {"Effect": "Allow", "Action": ["s3:ListBucketVersions"], "Resource": ["arn:aws:s3:::staging-*"]},
        ],
    }


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
            for resource in statement["Resource"]:
                assert resource.startswith(("arn:aws:s3:::staging-*", "arn:aws:s3:::archive-*"))
