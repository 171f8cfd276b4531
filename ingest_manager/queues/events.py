"""What the store says happened: MinIO's bucket notifications, as typed events.

First step of the flow: bytes of a message become `ObjectEvent`s or a refusal. Pure; nothing here
knows where a message came from or what becomes of it.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from ingest_manager.errors import UnusableMessage
from ingest_manager.objects.versions import ObjectVersion

_CREATED = "ObjectCreated:"
_LOADABLE = frozenset(_CREATED + kind for kind in ("Put", "Post", "Copy", "CompleteMultipartUpload"))
_TEST_EVENT = "s3:TestEvent"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "ingestion-platform:load")
_UPLOAD_ID = "x-amz-meta-upload-id"
_SEAL = "x-amz-meta-grant"
_LARGEST_BYTES = 2**63 - 1  # what a bigint holds

NULL_VERSION = "null"
"""The version id of an object that was put while its bucket had no versioning."""


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One object version that arrived in a staging bucket."""

    bucket: str
    key: str
    version_id: str
    written_us: int  # time of the object, microseconds since the epoch
    size: int | None = None  # bytes; some events lack it
    upload_id: str | None = None
    seal: str | None = None  # of the upload id: without it, anybody may have written that

    @property
    def load_id(self) -> uuid.UUID:
        """Return the load's id, the same for every copy of this version's event."""
        return uuid.uuid5(_NAMESPACE, "\0".join((self.bucket, self.version_id, self.key)))

    @property
    def written_at(self) -> datetime:
        """Return the time of the object, aware, in UTC."""
        return datetime.fromtimestamp(self.written_us / 1e6, UTC)


def event_of_version(version: ObjectVersion) -> ObjectEvent:
    """Return the event that a version in a bucket must have had."""
    modified_at = version.modified_at or datetime.now(UTC)
    written_us = round(modified_at.timestamp() * 1000) * 1000  # listings know milliseconds
    return ObjectEvent(version.bucket, version.key, version.version_id, written_us, version.size)


def parse_message(body: bytes) -> list[ObjectEvent]:
    """Return the events of a message that ask for a load; other events are left out.

    The key is form-encoded in the record (`+` is a space) and decoded exactly once here.

    >>> body = (b'{"Records": [{"eventName": "s3:ObjectCreated:Put", "eventSource": "minio:s3", "s3": {'
    ...         b'"bucket": {"name": "staging-acme"}, "object": {"key": "orders%2F2026-01-31.csv.gz", '
    ...         b'"size": 12, "versionId": "v1", "sequencer": "18EB2C46DFC565D8"}}}]}')
    >>> [(event.key, event.written_us) for event in parse_message(body)]
    [('orders/2026-01-31.csv.gz', 1795577559350863)]
    >>> parse_message(b'{"Event": "s3:TestEvent"}')
    []

    Raises:
        UnusableMessage: the body is not JSON or not of this shape.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnusableMessage(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnusableMessage("the body is not a JSON object")
    if document.get("Event") == _TEST_EVENT:
        return []
    records = document.get("Records")
    if not isinstance(records, list):
        raise UnusableMessage("the body has no list of Records")
    events = [_event_of(record) for record in records]
    return [event for event in events if event is not None]


def message_body(event: ObjectEvent) -> bytes:
    """Return the event as a body of MinIO's shape, for events that we publish ourselves."""
    item: dict[str, Any] = {
        "key": quote_plus(event.key),
        "versionId": event.version_id,
        "sequencer": f"{event.written_us * 1000:X}",
    }
    if event.size is not None:
        item["size"] = event.size
    metadata = {_UPLOAD_ID: event.upload_id, _SEAL: event.seal}
    item["userMetadata"] = {name: value for name, value in metadata.items() if value is not None}
    record = {
        "eventName": "s3:ObjectCreated:Put",
        "eventSource": "minio:s3",
        "eventTime": event.written_at.isoformat(),
        "s3": {"bucket": {"name": event.bucket}, "object": item},
    }
    return json.dumps({"Records": [record]}).encode()


def _event_of(record: Any) -> ObjectEvent | None:
    try:
        if record["eventName"].removeprefix("s3:") not in _LOADABLE:
            return None
        item = record["s3"]["object"]
        return ObjectEvent(
            bucket=_text(record["s3"]["bucket"]["name"]),
            key=unquote_plus(_text(item["key"]), errors="strict"),
            version_id=_text(item.get("versionId") or NULL_VERSION),
            written_us=_written_us(record),
            size=_size(item.get("size")),
            upload_id=_metadata(item, _UPLOAD_ID),
            seal=_metadata(item, _SEAL),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UnusableMessage(f"a record has not the shape of an S3 event: {error!r}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    value.encode()  # JSON can hold half a character, which nothing else can
    return value


def _size(value: Any) -> int | None:
    if value is None:
        return None
    size = int(value)
    if not 0 <= size <= _LARGEST_BYTES:
        raise ValueError(f"{size} is no size of an object")
    return size


def _written_us(record: dict[str, Any]) -> int:
    # MinIO's sequencer is the object's time in ns; other stores' sequencers are opaque.
    sequencer = record["s3"]["object"].get("sequencer")
    if sequencer and record.get("eventSource") == "minio:s3":
        written_us = int(sequencer, 16) // 1000
    else:
        written_us = int(datetime.fromisoformat(record["eventTime"]).timestamp() * 1_000_000)
    datetime.fromtimestamp(written_us / 1e6, UTC)  # a time that no calendar has is refused here
    return written_us


def _metadata(item: dict[str, Any], wanted: str) -> str | None:
    metadata = item.get("userMetadata")
    if not isinstance(metadata, dict):
        return None
    return next((_text(value) for name, value in metadata.items() if name.lower() == wanted), None)
