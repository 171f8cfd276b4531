"""MinIO, for the auth service with the granter's login and for `minio_parts` with the administrator's.

The only importer of boto3 and minio; what they raise leaves here as one of our own errors.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin
from pydantic import SecretStr

from bucket_policies.arrivals import Sized
from bucket_policies.errors import StoreError, UnreachableError, see_that_it_runs
from bucket_policies.settings import AuthSettings, MirrorSettings, StoreSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

_ROLE = "arn:minio:iam:::role/customer"  # MinIO has no roles, but the call wants a name of one
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 3, 10, 2
_PATIENCE: dict[str, Any] = {
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": _READ_SECONDS,
    "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
}
_NOTHING_THERE = {
    "NoSuchBucket",
    "NoSuchLifecycleConfiguration",
    "XMinioAdminNoSuchPolicy",
    "XMinioAdminNoSuchUser",
}
_THERE_ALREADY = {"BucketAlreadyOwnedByYou"}  # somebody else was first with the same
_UNKNOWN_LOGIN = {"InvalidAccessKeyId", "SignatureDoesNotMatch"}
_T = TypeVar("_T")


@dataclass(frozen=True)
class NewObject:
    """What a signed PUT may store, and nothing else."""

    bucket: str
    key: str
    size: int
    sha256: str
    upload_id: str
    seal: str
    """Shows that the upload id is genuine."""


@dataclass(frozen=True)
class SignedPut:
    """A URL to PUT one object to, and the headers that are part of its signature."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class TemporaryKeys:
    """A login that ends by itself."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


class ObjectStore:
    """MinIO for the auth service."""

    def __init__(self, client: "S3Client", presigner: "S3Client", sts: "STSClient") -> None:
        self._client = client
        self._presigner = presigner
        self._sts = sts

    def staged(self, bucket: str) -> list[Sized]:
        """Return every version in a bucket."""
        with minio_errors(f"the listing of {bucket}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket)
            return [
                (version["Key"], version["Size"]) for page in pages for version in page.get("Versions", ())
            ]

    def sign_put(self, new: NewObject, lifetime_seconds: int) -> SignedPut:
        """Sign a PUT of exactly this object: MinIO refuses another length, other bytes, other metadata."""
        checksum = base64.b64encode(bytes.fromhex(new.sha256)).decode()
        url = self._presigner.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": new.bucket,
                "Key": new.key,
                "ContentLength": new.size,
                "ChecksumSHA256": checksum,
                "Metadata": {"upload-id": new.upload_id, "grant": new.seal},
            },
            ExpiresIn=lifetime_seconds,
        )
        headers = {
            "Content-Length": str(new.size),
            "x-amz-checksum-sha256": checksum,
            "x-amz-meta-grant": new.seal,
            "x-amz-meta-upload-id": new.upload_id,
        }
        return SignedPut(url, headers)

    def lend_keys(self, name: str, policy: str, lifetime_seconds: int) -> TemporaryKeys:
        """Make temporary keys that can do what both the granter and the policy may."""
        with minio_errors("temporary credentials"):
            answer = self._sts.assume_role(
                RoleArn=_ROLE, RoleSessionName=name, Policy=policy, DurationSeconds=lifetime_seconds
            )
        keys = answer["Credentials"]
        return TemporaryKeys(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
        )

    def ping(self) -> None:
        """Ask for any answer, a refusal will do.

        Raises:
            UnreachableError: none came.
        """
        _refusal_of(self._client.list_buckets)


@dataclass(frozen=True)
class Administration:
    """MinIO with the administrator's login; what is read and written with it is `minio_parts`' to say."""

    s3: "S3Client"
    admin: MinioAdmin
    open_as: Callable[[str, SecretStr], "S3Client"]
    name: str = "MinIO"

    def read(self, call: Callable[[], _T]) -> _T | None:
        """Read something; None where there is no such thing."""
        try:
            with minio_errors("a read"):
                return call()
        except StoreError as error:
            if error.code in _NOTHING_THERE:
                return None
            raise

    def write(self, call: Callable[[], object]) -> None:
        """Change something."""
        try:
            with minio_errors("a change"):
                call()
        except StoreError as error:
            if error.code not in _THERE_ALREADY:
                raise

    def is_login(self, access_key: str, secret_key: SecretStr) -> bool:
        """Ask whether MinIO knows this user with this secret key."""
        return _refusal_of(self.open_as(access_key, secret_key).list_buckets) not in _UNKNOWN_LOGIN


def open_object_store(settings: AuthSettings) -> ObjectStore:
    """Open MinIO for the auth service; nothing is asked of it yet."""
    login = settings.granter_access_key, settings.granter_secret_key
    return ObjectStore(
        _client(settings, settings.s3_url, *login),
        _client(settings, settings.s3_public_url, *login),
        boto3.client("sts", config=Config(**_PATIENCE), **_address(settings, settings.s3_url, *login)),
    )


def open_administration(settings: MirrorSettings) -> Administration:
    """Open MinIO with the administrator's login; nothing is asked of it yet."""
    url = urlsplit(settings.s3_url)
    secret = settings.admin_secret_key.get_secret_value()
    admin = MinioAdmin(
        endpoint=url.netloc,
        credentials=StaticProvider(settings.admin_access_key, secret),
        region=settings.s3_region,
        secure=url.scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=urllib3.Retry(_ATTEMPTS - 1, status_forcelist=[502, 503, 504]),
            ca_certs=str(settings.s3_ca) if settings.s3_ca else None,
        ),
    )

    def open_as(access_key: str, secret_key: SecretStr) -> "S3Client":
        return _client(settings, settings.s3_url, access_key, secret_key)

    return Administration(open_as(settings.admin_access_key, settings.admin_secret_key), admin, open_as)


def _client(settings: StoreSettings, url: str, access_key: str, secret_key: SecretStr) -> "S3Client":
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",  # no other checksum beside the signed one
            **_PATIENCE,
        ),
        **_address(settings, url, access_key, secret_key),
    )


def _address(settings: StoreSettings, url: str, access_key: str, secret_key: SecretStr) -> dict[str, Any]:
    return {
        "endpoint_url": url,
        "verify": str(settings.s3_ca) if settings.s3_ca else None,
        "region_name": settings.s3_region,
        "aws_access_key_id": access_key,
        "aws_secret_access_key": secret_key.get_secret_value(),
    }


@contextmanager
def minio_errors(what: str) -> Iterator[None]:
    """Turn what boto3, minio and urllib3 raise into StoreError or UnreachableError."""
    try:
        yield
    except ClientError as error:
        answer, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500:
            raise UnreachableError("MinIO", f"{answer['Message']} ({answer['Code']})") from error
        raise StoreError(f"MinIO refused {what}: {answer['Message']}", answer["Code"]) from error
    except MinioAdminException as error:
        reason = dict(re.findall(r'"(Code|Message)":"([^"]*)"', str(error)))
        message = f"MinIO refused {what}: {reason.get('Message', 'without a reason')}"
        raise StoreError(message, reason.get("Code", "")) from error
    except (BotoConnectionError, HTTPClientError, urllib3.exceptions.HTTPError) as error:
        raise UnreachableError("MinIO", see_that_it_runs(str(error), "BUCKET_POLICIES_S3_URL")) from error
    except BotoCoreError as error:
        raise StoreError(f"MinIO was not asked for {what}: {error}") from error


def _refusal_of(call: Callable[[], object]) -> str | None:
    try:
        with minio_errors("a question"):
            call()
    except StoreError as error:
        return error.code
    return None
