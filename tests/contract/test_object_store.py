"""The manager's store adapter: one suite over moto and MinIO, and what MinIO alone can answer."""

import hashlib
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import moto
import pytest

from ingest_manager.errors import ObjectGone, ServerDown, TransientError
from ingest_manager.objects.object_store import ObjectStore, connect
from ingest_manager.objects.versions import ObjectVersion
from servers.instance import Instance

BODY = b"id,name\n1,Ann\n2,Bob\n"
RANGE_BYTES = 8
STRANGE_KEYS = [
    "in/plain.csv",
    "in/red flower (1)+2%.csv",
    "in/café 数据.csv",
    "in/a&b=c?versionId=d#e.csv",
    "in/two\nlines.csv",
    "in/" + "数" * 83 + ".csv",
]


@dataclass(frozen=True)
class Subject:
    """The adapter, the same store without it, and two buckets."""

    store: ObjectStore
    s3: Any
    staging: str
    archive: str

    def put(self, body: bytes = BODY, key: str = "people.csv", **arguments: Any) -> ObjectVersion:
        answer = self.s3.put_object(Bucket=self.staging, Key=key, Body=body, **arguments)
        return ObjectVersion(self.staging, key, answer["VersionId"], len(body))

    def archived(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.archive, Key=key)["Body"].read()
        return body


def with_buckets(store: ObjectStore, s3: Any) -> Subject:
    name = uuid.uuid4().hex[:12]
    subject = Subject(store, s3, f"staging-{name}", f"archive-{name}")
    for bucket in (subject.staging, subject.archive):
        s3.create_bucket(Bucket=bucket)
    versioning = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=subject.staging, VersioningConfiguration=versioning)
    return subject


@pytest.fixture
def moto_subject(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with moto.mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        yield with_buckets(ObjectStore(s3, range_bytes=RANGE_BYTES), s3)


@pytest.fixture
def minio_subject(servers: Instance) -> Iterator[Subject]:
    environment = servers.environment()
    url = environment["BUCKET_POLICIES_S3_URL"]
    root = (environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"], environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"])
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=root[0],
        aws_secret_access_key=root[1],
        region_name="us-east-1",
    )
    subject = with_buckets(connect(url, *root, range_bytes=RANGE_BYTES), s3)
    yield subject
    for bucket in (subject.staging, subject.archive):
        empty(s3, bucket)
        s3.delete_bucket(Bucket=bucket)


def empty(s3: Any, bucket: str) -> None:
    answer = s3.list_object_versions(Bucket=bucket)
    for entry in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


@pytest.fixture(params=["moto", pytest.param("minio", marks=pytest.mark.server("minio"))])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(f"{request.param}_subject")
    return found


def test_object_is_read_in_ranges_and_has_its_checksum_at_the_end(subject: Subject) -> None:
    opened = subject.store.open(subject.put())
    assert (opened.size, opened.sha256) == (20, None)
    assert list(opened.blocks()) == [b"id,name\n", b"1,Ann\n2,", b"Bob\n"]
    assert opened.sha256 == hashlib.sha256(BODY).hexdigest()


def test_any_range_of_an_object_is_exactly_that(subject: Subject) -> None:
    opened = subject.store.open(subject.put())
    wanted = [(0, 4), (3, 5), (6, 6), (10, 1), (8, 12), (15, 100), (0, 100), (20, 5), (99, 1), (4, 0)]
    for start, size in wanted:
        assert opened.read_range(start, size) == BODY[start : start + size], (start, size)
    assert opened.sha256 is None
    assert subject.store.open(subject.put(b"")).read_range(0, 10) == b""


def test_small_object_has_its_checksum_however_it_is_read(subject: Subject) -> None:
    opened = subject.store.open(subject.put(b"1234567"))
    assert opened.read_range(2, 2) == b"34"
    assert opened.sha256 == hashlib.sha256(b"1234567").hexdigest()


def test_object_of_exactly_one_range_is_one_block(subject: Subject) -> None:
    assert list(subject.store.open(subject.put(b"12345678")).blocks()) == [b"12345678"]


def test_object_without_a_byte_has_no_block_and_keeps_its_metadata(subject: Subject) -> None:
    opened = subject.store.open(subject.put(b"", Metadata={"upload-id": "u1"}))
    assert (opened.size, list(opened.blocks())) == (0, [])
    assert opened.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert opened.metadata["upload-id"] == "u1"


def test_version_is_there_or_not(subject: Subject) -> None:
    version = subject.put()
    gone = ObjectVersion(subject.staging, "none.csv", version.version_id)
    assert (subject.store.has(version), subject.store.has(gone)) == (True, False)
    assert subject.store.has(ObjectVersion(subject.staging, version.key, str(uuid.uuid4()))) is False
    assert subject.store.has(ObjectVersion(subject.archive, "objects/1", "")) is False
    assert subject.store.has(ObjectVersion("no-such-bucket", "objects/1", "")) is False
    subject.store.delete(version)
    assert subject.store.has(version) is False


@pytest.mark.parametrize("key", ["objects/1", "rejects/1.csv"])
def test_object_of_a_bucket_without_versions_is_deleted(subject: Subject, key: str) -> None:
    version = ObjectVersion(subject.archive, key, "")
    subject.s3.put_object(Bucket=subject.archive, Key=key, Body=BODY)
    assert subject.store.has(version) is True
    for _ in range(2):
        subject.store.delete(version)
        assert subject.store.has(version) is False


def test_version_is_read_although_a_newer_one_is_there(subject: Subject) -> None:
    older = subject.put(b"old")
    newer = subject.put(b"new")
    assert list(subject.store.open(older).blocks()) == [b"old"]
    assert list(subject.store.open(newer).blocks()) == [b"new"]


def test_version_is_read_although_a_delete_marker_hides_it(subject: Subject) -> None:
    version = subject.put()
    subject.s3.delete_object(Bucket=subject.staging, Key="people.csv")
    assert subject.store.open(version).size == 20


def test_metadata_of_the_upload_are_found(subject: Subject) -> None:
    assert subject.store.open(subject.put(Metadata={"upload-id": "u1"})).metadata == {"upload-id": "u1"}


def test_what_is_not_there_is_gone(subject: Subject) -> None:
    version = subject.put()
    subject.store.delete(version)
    with pytest.raises(ObjectGone):
        subject.store.open(version)
    with pytest.raises(ObjectGone):
        subject.store.open(ObjectVersion("staging-nobody", "a.csv", version.version_id))
    with pytest.raises(ObjectGone):
        subject.store.get(subject.archive, "rejects/none.csv")
    with pytest.raises(ObjectGone):
        list(subject.store.versions("staging-nobody"))


@pytest.mark.parametrize("key", STRANGE_KEYS, ids=range(len(STRANGE_KEYS)))
def test_key_of_any_kind_is_listed_copied_read_and_deleted(subject: Subject, key: str) -> None:
    subject.put(key=key)
    [version] = subject.store.versions(subject.staging)
    assert (version.key, version.size) == (key, 20)
    assert b"".join(subject.store.open(version).blocks()) == BODY
    metadata = {"customer": "acme", "key": key, "version-id": version.version_id}
    subject.store.copy(version, subject.archive, "objects/1", metadata)
    subject.store.delete(version)
    assert list(subject.store.versions(subject.staging)) == []
    assert subject.archived("objects/1") == BODY


def test_copy_takes_the_version_named_and_its_own_metadata(subject: Subject) -> None:
    older = subject.put(b"old", Metadata={"upload-id": "u1"})
    subject.put(b"new")
    subject.store.copy(older, subject.archive, "objects/1", {"key": "café.csv"})
    answer = subject.s3.get_object(Bucket=subject.archive, Key="objects/1")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"old", {"key": "caf%C3%A9.csv"})


def test_copy_of_unknown_size_copies_as_well(subject: Subject) -> None:
    version = subject.put()
    unmeasured = ObjectVersion(version.bucket, version.key, version.version_id)
    subject.store.copy(unmeasured, subject.archive, "objects/1", {})
    assert subject.archived("objects/1") == BODY


def test_copy_of_what_is_not_there_is_gone(subject: Subject) -> None:
    version = subject.put()
    subject.store.delete(version)
    with pytest.raises(ObjectGone):
        subject.store.copy(version, subject.archive, "objects/1", {})


def test_copy_into_a_missing_bucket_is_no_sign_that_the_object_is_gone(subject: Subject) -> None:
    with pytest.raises(TransientError) as fault:
        subject.store.copy(subject.put(), "archive-nobody", "objects/1", {})
    assert fault.value.reason == "NoSuchBucket"


def test_put_into_a_missing_bucket_is_a_passing_fault(subject: Subject) -> None:
    with pytest.raises(TransientError) as fault:
        subject.store.put("archive-nobody", "rejects/1.csv", io.BytesIO(BODY), media_type="text/csv")
    assert fault.value.reason == "NoSuchBucket"


def test_delete_takes_one_version_and_may_be_repeated(subject: Subject) -> None:
    older, newer = subject.put(b"old"), subject.put(b"new")
    subject.store.delete(older)
    subject.store.delete(older)
    assert [version.version_id for version in subject.store.versions(subject.staging)] == [newer.version_id]


def test_delete_in_a_missing_bucket_is_fine(subject: Subject) -> None:
    version = subject.put()
    subject.store.delete(ObjectVersion("staging-nobody", "a.csv", version.version_id))
    assert len(list(subject.store.versions(subject.staging))) == 1


def test_listing_has_every_version_and_no_delete_marker(subject: Subject) -> None:
    versions = [subject.put(b"old"), subject.put(b"newer"), subject.put(b"", "empty.csv")]
    subject.s3.delete_object(Bucket=subject.staging, Key="people.csv")
    listed = {version.version_id: version for version in subject.store.versions(subject.staging)}
    assert {version.version_id: version.size for version in versions} == {
        version_id: version.size for version_id, version in listed.items()
    }
    assert all(version.modified_at and version.modified_at.tzinfo for version in listed.values())


def test_file_is_put_and_read_back_and_its_key_listed(subject: Subject) -> None:
    body = b"x" * 100_000
    subject.store.put(subject.archive, "rejects/1.csv", io.BytesIO(body), media_type="application/json")
    subject.store.put(subject.archive, "objects/1", io.BytesIO(b""), media_type="text/csv")
    found = subject.store.get(subject.archive, "rejects/1.csv")
    assert (found.media_type, b"".join(found.blocks)) == ("application/json", body)
    assert list(subject.store.keys(subject.archive, "rejects/")) == ["rejects/1.csv"]


@pytest.mark.server("minio")
@pytest.mark.parametrize("version_id", ["v1", "../1", str(uuid.uuid4())])
def test_version_id_that_no_version_can_have_is_gone(minio_subject: Subject, version_id: str) -> None:
    minio_subject.put()
    version = ObjectVersion(minio_subject.staging, "people.csv", version_id, len(BODY))
    with pytest.raises(ObjectGone):
        minio_subject.store.open(version)
    with pytest.raises(ObjectGone):
        minio_subject.store.copy(version, minio_subject.archive, "objects/1", {})
    minio_subject.store.delete(version)
    assert len(list(minio_subject.store.versions(minio_subject.staging))) == 1


@pytest.mark.server("minio")
@pytest.mark.parametrize("key", ["nul\0.csv", "in/../a.csv", "a" * 300, "in//a.csv"])
def test_key_that_no_object_can_have_is_gone(minio_subject: Subject, key: str) -> None:
    version = ObjectVersion(minio_subject.staging, key, minio_subject.put().version_id)
    with pytest.raises(ObjectGone):
        minio_subject.store.open(version)
    minio_subject.store.delete(version)


@pytest.mark.server("minio")
def test_longest_key_fits_into_the_archives_metadata(minio_subject: Subject) -> None:
    key = "/".join(["数" * 84] * 4)
    minio_subject.store.copy(minio_subject.put(key=key), minio_subject.archive, "objects/1", {"key": key})
    assert minio_subject.archived("objects/1") == BODY


@pytest.mark.server("minio")
def test_refused_login_is_an_answer_and_no_sign_that_an_object_is_gone(servers: Instance) -> None:
    url = servers.environment()["BUCKET_POLICIES_S3_URL"]
    stranger = connect(url, "nobody", "wrong secret", range_bytes=RANGE_BYTES)
    stranger.ping()
    with pytest.raises(TransientError) as fault:
        stranger.open(ObjectVersion("staging-nobody", "a.csv", str(uuid.uuid4())))
    assert fault.value.reason == "InvalidAccessKeyId"


def test_store_that_cannot_be_reached_is_down() -> None:
    store = connect("http://127.0.0.1:1", "user", "secret", range_bytes=RANGE_BYTES)
    for call in (store.ping, lambda: store.open(ObjectVersion("staging-acme", "a.csv", "v1"))):
        with pytest.raises(ServerDown) as fault:
            call()
        assert fault.value.server == "minio"
