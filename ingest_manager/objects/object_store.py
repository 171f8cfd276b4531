"""The object store as the manager sees it: versions read in ranges, moved to the archive, listed.

Only importer of boto3 in this package. Every GET, copy and delete names its version: a bare key could
mean a newer object that nobody has loaded yet.
"""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    SSLError,
)

from ingest_manager.errors import ObjectGone, ServerDown, TransientError, host_and_port, server_down
from ingest_manager.objects.versions import ObjectVersion

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NO_VERSION = frozenset(
    {
        "NoSuchKey",
        "NoSuchVersion",
        "404",
        "MethodNotAllowed",  # the version is a delete marker
        "XMinioInvalidObjectName",  # a name that no object can have
        "XMinioInvalidResourceName",
        "KeyTooLongError",
    }
)
_GONE = _NO_VERSION | {"NoSuchBucket"}
_EMPTY = "InvalidRange"  # what a ranged GET of an object without bytes answers
_STARTING = frozenset({"XMinioServerNotInitialized", "ServerNotInitialized", "XMinioBackendDown", "503"})
_METADATA_BYTES = 1024  # of one value; the store refuses more than 2 KiB in all
_COPY_BYTES = 1 << 30  # up to here one call copies; S3's own limit is 5 GiB
_READ_TRIES = 4
_TIMEOUT_SECONDS = 30


class RangeReader(Protocol):
    """Where an open object's bytes come from."""

    def read_range(self, version: ObjectVersion, start: int, size: int, /) -> bytes:
        """Return so many bytes of a version, fewer only at its end."""


class OpenObject:
    """An object version that is being read: in blocks, front to back, or in ranges from anywhere.

    Blocks are as large as the first one; the next is fetched while the last one is used.
    """

    def __init__(
        self, store: RangeReader, version: ObjectVersion, first: bytes, metadata: Mapping[str, str]
    ) -> None:
        self._store = store
        self.version = version
        self.size = version.size or 0
        self.metadata = metadata
        self._first = first
        self._sha256 = hashlib.sha256(first)
        self._hashed = len(first)

    def blocks(self) -> Iterator[bytes]:
        """Yield the object's bytes in order."""
        with ThreadPoolExecutor(1, "read-ahead") as ahead:
            block, offset = self._first, len(self._first)
            while block:
                following = ahead.submit(self.read_range, offset, len(self._first))
                yield block
                block = following.result()
                self._sha256.update(block)
                self._hashed += len(block)
                offset += len(block)

    def read_range(self, start: int, size: int) -> bytes:
        """Return a range; fewer bytes only at the end. Ranges do not count towards the checksum."""
        wanted = max(min(size, self.size - start), 0)
        if not wanted or start + wanted <= len(self._first):
            return self._first[start : start + wanted]
        return self._store.read_range(self.version, start, wanted)

    @property
    def sha256(self) -> str | None:
        """Return the hexadecimal SHA-256, or None as long as not everything was read front to back."""
        return self._sha256.hexdigest() if self._hashed == self.size else None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A small object that is being read."""

    media_type: str
    blocks: Iterator[bytes]


class ObjectStore:
    """One connection to MinIO, for one process."""

    def __init__(self, client: "S3Client", *, range_bytes: int) -> None:
        self._client = client
        self._range_bytes = range_bytes

    def open(self, version: ObjectVersion) -> OpenObject:
        """Open a version and read its first range.

        Raises:
            ObjectGone: there is no such version.
        """
        try:
            answer = self._get(version, 0, self._range_bytes)
            size, first = int(answer["ContentRange"].rpartition("/")[2]), answer["Body"]
        except _EmptyObjectError:
            answer, size, first = self._head(version), 0, b""
        found = ObjectVersion(version.bucket, version.key, version.version_id, size, answer["LastModified"])
        return OpenObject(self, found, first, answer["Metadata"])

    def has(self, version: ObjectVersion) -> bool:
        """Tell whether a version is there."""
        try:
            self._head(version)
        except ObjectGone:
            return False
        return True

    def read_range(self, version: ObjectVersion, start: int, size: int) -> bytes:
        """Return a range that is not empty; a failed range is tried again alone."""
        for _ in range(_READ_TRIES - 1):
            try:
                return bytes(self._get(version, start, size)["Body"])
            except (TransientError, ServerDown):
                continue
        return bytes(self._get(version, start, size)["Body"])

    def copy(self, version: ObjectVersion, bucket: str, key: str, metadata: Mapping[str, str]) -> None:
        """Copy a version, of any size, to another bucket with its own metadata.

        Raises:
            ObjectGone: there is no such version.
            TransientError: one of the buckets is missing, or another passing fault.
        """
        source: Any = {"Bucket": version.bucket, "Key": version.key, "VersionId": version.version_id}
        extra: Any = {
            "Metadata": {name: quote(value)[:_METADATA_BYTES] for name, value in metadata.items()},
            "MetadataDirective": "REPLACE",
        }
        with _translated(version, gone=_NO_VERSION):
            if version.size is not None and version.size <= _COPY_BYTES:
                self._client.copy_object(CopySource=source, Bucket=bucket, Key=key, **extra)
            else:
                self._client.copy(
                    source, bucket, key, ExtraArgs=extra, Config=TransferConfig(use_threads=False)
                )

    def delete(self, version: ObjectVersion) -> None:
        """Delete exactly this version; one that is not there is fine."""
        with suppress(ObjectGone), _translated(version):
            self._client.delete_object(**_named(version))

    def put(self, bucket: str, key: str, body: IO[bytes], *, media_type: str) -> None:
        """Store a file."""
        how, extra = TransferConfig(use_threads=False), {"ContentType": media_type}
        with _translated(ObjectVersion(bucket, key, ""), gone=_NO_VERSION):
            self._client.upload_fileobj(body, bucket, key, Config=how, ExtraArgs=extra)

    def get(self, bucket: str, key: str) -> StoredFile:
        """Open a small object, such as a rejects file.

        Raises:
            ObjectGone: there is no such object.
        """
        version = ObjectVersion(bucket, key, "")
        with _translated(version):
            answer = self._client.get_object(**_named(version))

        def blocks() -> Iterator[bytes]:
            with _translated(version):
                yield from answer["Body"].iter_chunks(1 << 16)

        return StoredFile(answer["ContentType"], blocks())

    def versions(self, bucket: str) -> Iterator[ObjectVersion]:
        """Yield every version in a bucket; delete markers are no versions.

        Raises:
            ObjectGone: there is no such bucket.
        """
        with _translated(ObjectVersion(bucket, "", "")):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket)
            for page in pages:
                for item in page.get("Versions", []):
                    yield ObjectVersion(
                        bucket, item["Key"], item["VersionId"], item.get("Size"), item.get("LastModified")
                    )

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Yield the keys under a prefix."""
        with _translated(ObjectVersion(bucket, prefix, "")):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                yield from (item["Key"] for item in page.get("Contents", []))

    def buckets(self) -> Iterator[str]:
        """Yield the names of all buckets that this user may list."""
        with _translated(ObjectVersion("", "", "")):
            yield from (bucket["Name"] for bucket in self._client.list_buckets()["Buckets"])

    def metadata_of(self, version: ObjectVersion) -> Mapping[str, str]:
        """Return what was put with a version.

        Raises:
            ObjectGone: there is no such version.
        """
        metadata: Mapping[str, str] = self._head(version)["Metadata"]
        return metadata

    def ping(self) -> None:
        """Raise ServerDown unless the store answers; any answer will do."""
        try:
            with _translated(ObjectVersion("ping", "", "")):
                self._client.head_bucket(Bucket="ping")
        except (ObjectGone, TransientError):
            return

    def _get(self, version: ObjectVersion, start: int, size: int) -> dict[str, Any]:
        wanted = f"bytes={start}-{start + size - 1}"
        with _translated(version):
            answer: dict[str, Any] = dict(self._client.get_object(**_named(version), Range=wanted))
            answer["Body"] = answer["Body"].read()
            return answer

    def _head(self, version: ObjectVersion) -> dict[str, Any]:
        with _translated(version):
            return dict(self._client.head_object(**_named(version)))


def _named(version: ObjectVersion) -> Any:
    """Return a version as boto3 names it; objects of the archive have no versions."""
    named = {"Bucket": version.bucket, "Key": version.key}
    return named | ({"VersionId": version.version_id} if version.version_id else {})


def connect(
    url: str, access_key: str, secret_key: str, *, range_bytes: int, ca: Path | None = None
) -> ObjectStore:
    """Return the store at an address; nothing is sent yet."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        s3={"addressing_style": "path"},
    )
    client = boto3.client(
        "s3",
        endpoint_url=url,
        verify=str(ca) if ca else None,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=config,
    )
    return ObjectStore(client, range_bytes=range_bytes)


class _EmptyObjectError(Exception):
    """A ranged GET met an object without bytes."""


@contextmanager
def _translated(version: ObjectVersion, *, gone: frozenset[str] = _GONE) -> Iterator[None]:
    """Turn boto3's errors into ours: gone, a server that is down, or a passing fault."""
    where = f"{version.bucket}/{version.key}"
    try:
        yield
    except ClientError as error:
        code = _code_of(error)
        if code == _EMPTY:
            raise _EmptyObjectError from error
        if code in _STARTING:
            raise ServerDown(f"the store is starting ({code}); it is asked again", server="minio") from error
        if code in gone:
            raise ObjectGone(f"{where!r} is not in the store ({code})") from error
        raise TransientError(f"the store answered {code} for {where!r}", reason=code) from error
    except SSLError as error:
        reason = f"no TLS with the store, see INGEST_MANAGER_S3_CA: {' '.join(str(error).split())}"
        raise ServerDown(reason, server="minio") from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        address = host_and_port(error.kwargs["endpoint_url"])
        raise server_down("minio", "the store cannot be reached", address) from error
    except (HTTPClientError, BotoCoreError, OSError) as error:
        raise TransientError(
            f"reading {where!r} broke off: {type(error).__name__}", reason="store_fault"
        ) from error


def _code_of(error: ClientError) -> str:
    answer = error.response.get("Error", {})
    if "version id" in answer.get("Message", ""):  # such as no version can have
        return "NoSuchVersion"
    return str(answer.get("Code", "unknown"))
