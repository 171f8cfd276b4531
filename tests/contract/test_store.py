"""The store's adapter: one suite over moto and MinIO, and what MinIO alone can answer."""

import hashlib
import inspect
import json
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.exceptions
import httpx
import moto
import pytest
import urllib3.exceptions
from botocore.config import Config
from minio.error import MinioAdminException

from bucket_policies.errors import StoreError, UnreachableError
from bucket_policies.rules import key_of
from bucket_policies.settings import AuthSettings
from bucket_policies.store import NewObject, ObjectStore, minio_errors, open_object_store

CONTENT = b"id,name\n1,Ann\n"
PUBLIC_URL = "https://files.example"


@dataclass(frozen=True)
class Subject:
    """A store under test and the same store with every right."""

    store: ObjectStore
    s3: object
    bucket: str


def auth_settings(**given):
    unused = {
        "s3_url": "http://127.0.0.1:1",
        "s3_public_url": PUBLIC_URL,
        "granter_access_key": "granter",
        "granter_secret_key": "secret-of-granter",
        "cassandra_hosts": "127.0.0.1",
        "cassandra_user": "granter",
        "cassandra_password": "unused",
        "token_key": "0123456789abcdef",
        "status_url": PUBLIC_URL,
    }
    return AuthSettings(_env_file=None, **unused | given)


def root_of(servers):
    environment = servers.environment()
    return {
        "s3_url": environment["BUCKET_POLICIES_S3_URL"],
        "granter_access_key": environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
        "granter_secret_key": environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
    }


def versioned_bucket(s3):
    bucket = f"staging-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def moto_subject(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with moto.mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        presigner = boto3.client(
            "s3", region_name="us-east-1", endpoint_url=PUBLIC_URL, config=Config(signature_version="s3v4")
        )
        sts = boto3.client("sts", region_name="us-east-1")
        yield Subject(ObjectStore(s3, presigner, sts), s3, versioned_bucket(s3))


@pytest.fixture
def minio_subject(servers):
    root = root_of(servers)
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=root["s3_url"],
        aws_access_key_id=root["granter_access_key"],
        aws_secret_access_key=root["granter_secret_key"],
    )
    bucket = versioned_bucket(s3)
    yield Subject(open_object_store(auth_settings(**root | {"s3_public_url": root["s3_url"]})), s3, bucket)
    for version in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)


@pytest.fixture(params=["moto", pytest.param("minio", marks=pytest.mark.server("minio"))])
def subject(request):
    return request.getfixturevalue(f"{request.param}_subject")


def new_object(bucket, key="in/a.csv", content=CONTENT, upload_id="upload-1"):
    return NewObject(bucket, key, len(content), hashlib.sha256(content).hexdigest(), upload_id, "5ea1")


def test_every_version_is_listed(subject):
    for content in (b"12345", b"123", b""):
        subject.s3.put_object(Bucket=subject.bucket, Key="a.csv", Body=content)
    subject.s3.put_object(Bucket=subject.bucket, Key="b.csv", Body=b"12")
    deleted = subject.s3.delete_object(Bucket=subject.bucket, Key="b.csv")

    assert sorted(subject.store.staged(subject.bucket)) == [
        ("a.csv", 0),
        ("a.csv", 3),
        ("a.csv", 5),
        ("b.csv", 2),
    ]
    subject.s3.delete_object(Bucket=subject.bucket, Key="b.csv", VersionId=deleted["VersionId"])


def test_empty_bucket_lists_nothing(subject):
    assert subject.store.staged(subject.bucket) == []


def test_missing_bucket_is_a_store_error_with_the_servers_own_code(subject):
    with pytest.raises(StoreError, match="MinIO refused the listing of staging-nobody") as refused:
        subject.store.staged("staging-nobody")

    assert refused.value.code == "NoSuchBucket"


def test_store_that_answers_can_be_pinged(subject):
    subject.store.ping()


def test_signature_covers_length_checksum_and_metadata_for_the_public_address(moto_subject):
    signed = moto_subject.store.sign_put(new_object("staging-acme"), 600)

    url = urlsplit(signed.url)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.scheme, url.netloc, url.path) == ("https", "files.example", "/staging-acme/in/a.csv")
    assert query["X-Amz-Expires"] == "600"
    assert query["X-Amz-SignedHeaders"] == (
        "content-length;host;x-amz-checksum-sha256;x-amz-meta-grant;x-amz-meta-upload-id"
    )
    assert signed.headers == {
        "Content-Length": "14",
        "x-amz-checksum-sha256": "mJxJVVpdFqU/tDJjRa2IKBD9/yMkBeCAPI/V8d8rHfw=",
        "x-amz-meta-grant": "5ea1",
        "x-amz-meta-upload-id": "upload-1",
    }


@pytest.mark.server("minio")
def test_signed_put_stores_exactly_what_was_signed(minio_subject):
    signed = minio_subject.store.sign_put(new_object(minio_subject.bucket), 600)

    assert httpx.put(signed.url, content=CONTENT, headers=signed.headers).status_code == 200

    found = minio_subject.s3.get_object(Bucket=minio_subject.bucket, Key="in/a.csv")
    assert found["Body"].read() == CONTENT
    assert found["Metadata"] == {"upload-id": "upload-1", "grant": "5ea1"}


@pytest.mark.server("minio")
def test_empty_object_can_be_put(minio_subject):
    signed = minio_subject.store.sign_put(new_object(minio_subject.bucket, content=b""), 600)

    assert httpx.put(signed.url, content=b"", headers=signed.headers).status_code == 200


@pytest.mark.server("minio")
@pytest.mark.parametrize(
    ("content", "changed", "status", "code"),
    [
        (CONTENT + b"2,Bob\n", {"Content-Length": "20"}, 403, "SignatureDoesNotMatch"),
        (CONTENT[:-1], {"Content-Length": "13"}, 403, "SignatureDoesNotMatch"),
        (CONTENT.replace(b"Ann", b"Eve"), {}, 400, "XAmzContentChecksumMismatch"),
        (CONTENT, {"x-amz-meta-upload-id": "upload-2"}, 403, "SignatureDoesNotMatch"),
        (CONTENT, {"x-amz-meta-upload-id": None}, 400, "AccessDenied"),
        (CONTENT, {"x-amz-meta-grant": "5ea2"}, 403, "SignatureDoesNotMatch"),
        (CONTENT, {"x-amz-checksum-sha256": None}, 400, "AccessDenied"),
        (CONTENT, {"Host": "files.example"}, 403, "SignatureDoesNotMatch"),
    ],
)
def test_anything_but_what_was_signed_is_refused(minio_subject, content, changed, status, code):
    signed = minio_subject.store.sign_put(new_object(minio_subject.bucket), 600)
    headers = {name: value for name, value in (dict(signed.headers) | changed).items() if value is not None}

    answer = httpx.put(signed.url, content=content, headers=headers)

    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True), answer.text
    assert minio_subject.store.staged(minio_subject.bucket) == []


@pytest.mark.server("minio")
@pytest.mark.parametrize(
    "name",
    ["in/UPPER.CSV", "/lead.csv", "in\\back.csv", "in/nl\n.csv", "e\u0301.csv", "a b+c%20&?#.csv", "k" * 255],
)
def test_name_that_the_rules_take_is_stored_under_its_key(minio_subject, name):
    signed = minio_subject.store.sign_put(new_object(minio_subject.bucket, key_of(name)), 600)

    assert httpx.put(signed.url, content=CONTENT, headers=signed.headers).status_code == 200

    listed = minio_subject.s3.list_object_versions(Bucket=minio_subject.bucket)["Versions"]
    assert [version["Key"] for version in listed] == [key_of(name)]


@pytest.mark.server("minio")
@pytest.mark.parametrize(
    "key",
    [
        "in//dbl.csv",
        "../up.csv",
        "in/./dot.csv",
        "in/NUL\0.csv",
        "k" * 256 + ".csv",
        "a\\..\\b.csv",
        "a/.. /b.csv",
    ],
)
def test_minio_refuses_what_the_name_rules_refuse(minio_subject, key):
    signed = minio_subject.store.sign_put(new_object(minio_subject.bucket, key), 600)

    answer = httpx.put(signed.url, content=CONTENT, headers=signed.headers)

    assert answer.status_code in {400, 403, 404}


@pytest.mark.server("minio")
def test_wrong_secret_is_a_store_error_without_the_secret(servers):
    store = open_object_store(auth_settings(**root_of(servers) | {"granter_secret_key": "guessed-secret"}))

    with pytest.raises(StoreError) as refused:
        store.staged("staging-acme")

    assert refused.value.code == "SignatureDoesNotMatch"
    assert "guessed-secret" not in str(refused.value)


def test_minio_that_does_not_listen_is_unreachable():
    store = open_object_store(auth_settings())

    with pytest.raises(UnreachableError, match=r"MinIO does not answer: .*http://127.0.0.1:1/"):
        store.staged("staging-acme")
    with pytest.raises(UnreachableError):
        store.ping()


def errors_in(module, root):
    return [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, root)]


@pytest.mark.parametrize(
    "kind",
    errors_in(botocore.exceptions, botocore.exceptions.BotoCoreError)
    + errors_in(urllib3.exceptions, urllib3.exceptions.HTTPError),
    ids=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
def test_every_error_of_the_libraries_becomes_one_of_ours(kind):
    quiet = type(kind.__name__, (kind,), {"__init__": lambda error: None, "__str__": lambda error: "why"})

    with pytest.raises((StoreError, UnreachableError)), minio_errors("a question"):
        raise quiet


@pytest.mark.parametrize("kind", errors_in(botocore.exceptions, botocore.exceptions.ClientError))
def test_every_answer_of_s3_becomes_one_of_ours(kind):
    def answered(status):
        response = {
            "Error": {"Code": "Why", "Message": "because"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        with minio_errors("a question"):
            raise kind(response, "GetObject")

    with pytest.raises(StoreError, match="MinIO refused a question: because") as refused:
        answered(403)
    assert refused.value.code == "Why"
    with pytest.raises(UnreachableError, match=r"MinIO does not answer: because \(Why\)"):
        answered(503)


def test_refusal_of_an_administrative_call_keeps_its_code():
    body = json.dumps(
        {"Code": "XMinioAdminNoSuchUser", "Message": "The user does not exist."}, separators=(",", ":")
    )

    with pytest.raises(StoreError, match="The user does not exist") as refused, minio_errors("a question"):
        raise MinioAdminException("404", body)

    assert refused.value.code == "XMinioAdminNoSuchUser"
