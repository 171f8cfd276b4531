"""A manager's MinIO user that may do everything but read one bucket, until that is lifted.

MinIO judges a signed request by its user's policy alone, so a bucket policy would not do.
"""

import uuid
from typing import Any
from urllib.parse import urlsplit

from minio import MinioAdmin
from minio.credentials import StaticProvider

from support.testbed import Platform

EVERYTHING = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}


class Denial:
    """The user, as settings for a manager, and the end of the denial."""

    def __init__(self, platform: Platform, customer: str) -> None:
        environment = platform.environment
        self._admin = MinioAdmin(
            endpoint=urlsplit(environment["BUCKET_POLICIES_S3_URL"]).netloc,
            credentials=StaticProvider(
                environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
                environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
            ),
            secure=False,
        )
        user, secret = f"denied-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        self._policy = user
        self._admin.user_add(access_key=user, secret_key=secret)
        denied = {
            "Effect": "Deny",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": [f"arn:aws:s3:::staging-{customer}/*"],
        }
        self._set(EVERYTHING, denied)
        self._admin.attach_policy(policies=[user], user=user)
        self.settings = {"INGEST_MANAGER_S3_ACCESS_KEY": user, "INGEST_MANAGER_S3_SECRET_KEY": secret}

    def lift(self) -> None:
        """Let the user read."""
        self._set(EVERYTHING)

    def _set(self, *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self._admin.policy_add(policy_name=self._policy, policy=document)
