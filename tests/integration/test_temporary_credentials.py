"""Temporary credentials on a real MinIO and Cassandra: what they can do, and that places never run over."""

import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from support.settings import settings_of
from support.testbed import Platform

from bucket_policies.allowances import AllowanceStore
from bucket_policies.constraints import Constraints
from bucket_policies.credentials import Lender
from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import GrantError, StoreError
from bucket_policies.grant_store import CassandraSession
from bucket_policies.settings import AuthSettings
from bucket_policies.store import open_object_store

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

MIB = 1 << 20
PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


class Scene:
    """Two customers with their buckets, the auth service's part in this process, its settings."""

    def __init__(self, folder, environment):
        self.platform = Platform(folder, environment)
        self.own, self.other = (self.platform.add_customer(formats=[".csv", ".csv.gz"]) for _ in range(2))
        self.platform.apply()
        self.settings = settings_of(environment, AuthSettings)
        self.store = open_object_store(self.settings)
        self.session = CassandraSession(self.settings)
        self.allowances = AllowanceStore(self.session)

    def lend(self):
        customers = CustomerDirectory(self.platform.policies / "customers").current()
        return Lender(self.store, self.allowances, self.settings).lend(customers[self.own])

    def client(self):
        lent = self.lend()
        return boto3.client(
            "s3",
            endpoint_url=lent.endpoint_url,
            region_name=lent.region,
            aws_access_key_id=lent.access_key_id,
            aws_secret_access_key=lent.secret_access_key,
            aws_session_token=lent.session_token,
            config=Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture(scope="module")
def scene(servers, tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("platform"), {**servers.environment(), "PATH": "/usr/bin:/bin"})
    with closing(made.session):
        yield made
    made.platform.close()


def refusal_of(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


def test_customer_puts_small_and_in_parts_looks_and_reads(scene):
    s3, bucket = scene.client(), f"staging-{scene.own}"

    s3.put_object(Bucket=bucket, Key="in/a.csv", Body=b"id\n")
    s3.put_object(Bucket=bucket, Key="in/A.CSV.GZ", Body=b"id\n")
    s3.upload_fileobj(io.BytesIO(b"x" * 11 * MIB), bucket, "in/parts.csv", Config=PARTS)

    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [
        ("in/A.CSV.GZ", 3),
        ("in/a.csv", 3),
        ("in/parts.csv", 11 * MIB),
    ]
    assert listed[2]["ETag"].endswith('-3"')
    assert s3.get_object(Bucket=bucket, Key="in/a.csv")["Body"].read() == b"id\n"


def test_upload_in_parts_can_be_looked_at_and_given_up(scene):
    s3, bucket = scene.client(), f"staging-{scene.own}"
    begun = {"Bucket": bucket, "Key": "given-up.csv"}
    begun["UploadId"] = s3.create_multipart_upload(**begun)["UploadId"]
    s3.upload_part(**begun, PartNumber=1, Body=b"x")

    assert [part["Size"] for part in s3.list_parts(**begun)["Parts"]] == [1]
    s3.abort_multipart_upload(**begun)


@pytest.mark.parametrize("key", ["a.pdf", "a.csv.exe", "csv", "a.Csv", "a.csv/b.zip", "a.csv.gz.tmp"])
def test_other_endings_are_refused_by_minio(scene, key):
    s3, bucket = scene.client(), f"staging-{scene.own}"

    assert refusal_of(s3.put_object, Bucket=bucket, Key=key, Body=b"x") == "AccessDenied"
    assert refusal_of(s3.create_multipart_upload, Bucket=bucket, Key=key) == "AccessDenied"


def test_another_customers_bucket_is_refused_by_minio(scene):
    s3, foreign = scene.client(), f"staging-{scene.other}"
    scene.platform.put(scene.other, "secret.csv", b"id\n")
    source = {"Bucket": foreign, "Key": "secret.csv"}

    for call, arguments in (
        (s3.put_object, {"Bucket": foreign, "Key": "a.csv", "Body": b"x"}),
        (s3.get_object, source),
        (s3.list_objects_v2, {"Bucket": foreign}),
        (s3.list_multipart_uploads, {"Bucket": foreign}),
        (s3.copy_object, {"Bucket": f"staging-{scene.own}", "Key": "a.csv", "CopySource": source}),
        (s3.list_objects_v2, {"Bucket": f"archive-{scene.own}"}),
        (s3.put_object, {"Bucket": f"archive-{scene.own}", "Key": "objects/a.csv", "Body": b"x"}),
    ):
        assert refusal_of(call, **arguments) == "AccessDenied"


def test_nothing_can_be_deleted_tagged_or_arranged(scene):
    s3, bucket = scene.client(), f"staging-{scene.own}"
    version = s3.put_object(Bucket=bucket, Key="kept.csv", Body=b"id\n")["VersionId"]
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}

    for call, arguments in (
        (s3.delete_object, {"Key": "kept.csv"}),
        (s3.delete_object, {"Key": "kept.csv", "VersionId": version}),
        (s3.put_object_tagging, {"Key": "kept.csv", "Tagging": tags}),
        (s3.get_bucket_policy, {}),
        (s3.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Suspended"}}),
        (s3.put_bucket_notification_configuration, {"NotificationConfiguration": {}}),
        (s3.delete_bucket, {}),
    ):
        assert refusal_of(call, Bucket=bucket, **arguments) == "AccessDenied"


def test_credentials_last_as_long_as_their_allowance(scene):
    before = datetime.now(UTC)
    lent = scene.lend()

    newest = scene.allowances.alive(scene.own, datetime.now(UTC))[-1]
    assert (newest.expires_at, newest.number_files) == (lent.expires_at, lent.number_files)
    assert timedelta(0) <= newest.issued_at - before + timedelta(milliseconds=1)
    assert timedelta(minutes=59) < lent.expires_at - before < timedelta(minutes=61)


def test_session_policy_over_the_limit_would_be_refused_by_minio_as_well(scene):
    with pytest.raises(StoreError, match="MinIO refused temporary credentials"):
        scene.store.lend_keys("acme", "{}".ljust(2049), 900)


def new_customer(places):
    constraints = Constraints(formats=(".csv",), number_files=places, data_sizes=4)
    return Customer(f"acme-{uuid.uuid4().hex[:12]}", constraints)


@pytest.fixture
def places(scene, servers):
    """Allowances as the manager sees them: it may read and take places."""
    environment = servers.environment()
    login = {
        "cassandra_user": environment["INGEST_MANAGER_CASSANDRA_USER"],
        "cassandra_password": environment["INGEST_MANAGER_CASSANDRA_PASSWORD"],
    }
    settings = AuthSettings(_env_file=None, **scene.settings.model_dump() | login)
    with closing(CassandraSession(settings)) as session:
        yield AllowanceStore(session)


def test_loads_that_race_get_exactly_the_places_there_are(scene, places):
    customer, now = new_customer(7), datetime.now(UTC)
    for minutes in (1, 2):
        scene.allowances.issue(customer, now, now + timedelta(minutes=minutes))
    load_ids = [uuid.uuid4() for _ in range(20)]

    def let_in(load_id):
        return places.take_place(customer.id, load_id, now) is None

    with ThreadPoolExecutor(10) as pool:
        first, again = (list(pool.map(let_in, load_ids)) for _ in range(2))

    assert sum(first) == 14
    assert again == first


def test_auth_service_can_take_no_place(scene):
    customer, now = new_customer(1), datetime.now(UTC)
    scene.allowances.issue(customer, now, now + timedelta(minutes=1))

    with pytest.raises(GrantError, match="Cassandra refused"):
        scene.allowances.take_place(customer.id, uuid.uuid4(), now)
