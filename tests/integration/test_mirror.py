"""Plan and apply on a real MinIO: what is made, what a second apply writes, what the service users may do."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from bucket_policies import minio_parts, mirror, policy_documents
from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer, quota_in_minio
from bucket_policies.settings import MirrorSettings
from bucket_policies.store import open_administration

pytestmark = pytest.mark.server("minio", "rabbitmq")

COMMAND = Path(sys.executable).with_name("bucket-policies")
CONSTRAINTS = Constraints(formats=(".csv",), number_files=10, data_sizes=4096)
DOCUMENT = '{"formats":[".csv"],"number_files":10,"data_sizes":4096}'


class Mirrored:
    """One customer and two service users of this test alone, and MinIO with every right."""

    def __init__(self, servers):
        self.tag = uuid.uuid4().hex[:12]
        environment = servers.environment()
        self.settings = MirrorSettings(
            _env_file=None,
            s3_url=environment["BUCKET_POLICIES_S3_URL"],
            admin_access_key=environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
            admin_secret_key=environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
            granter_access_key=f"granter-{self.tag}",
            granter_secret_key="secret-of-granter",
            manager_access_key=f"manager-{self.tag}",
            manager_secret_key="secret-of-manager",
        )
        self.customer = Customer(f"acme-{self.tag}", CONSTRAINTS)
        self.minio = open_administration(self.settings)
        self.s3, self.admin = self.minio.s3, self.minio.admin
        self.staging, self.archive = self.customer.staging_bucket, self.customer.archive_bucket

    @property
    def parts(self):
        return minio_parts.wanted_parts(self.minio, [self.customer], self.settings)

    def plan(self):
        return mirror.plan(self.minio, self.parts)

    def apply(self):
        return mirror.apply(self.minio, self.parts)

    def constrain(self, **changes):
        self.customer = Customer(self.customer.id, CONSTRAINTS.model_copy(update=changes))

    def client_of(self, user):
        login = {
            "granter": (self.settings.granter_access_key, self.settings.granter_secret_key),
            "manager": (self.settings.manager_access_key, self.settings.manager_secret_key),
        }[user]
        return self.minio.open_as(*login)

    def remove(self):
        for bucket in (self.staging, self.archive):
            self.s3.delete_bucket_lifecycle(Bucket=bucket)
            for kind in ("Versions", "DeleteMarkers"):
                for found in self.s3.list_object_versions(Bucket=bucket).get(kind, []):
                    self.s3.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
            self.s3.delete_bucket(Bucket=bucket)
        for user in (self.settings.granter_access_key, self.settings.manager_access_key):
            self.admin.user_remove(user)
            self.admin.policy_remove(user)


@pytest.fixture
def mirrored(servers):
    made = Mirrored(servers)
    assert [one.error for one in made.apply()] == [None] * 12
    yield made
    made.remove()


@pytest.fixture
def written(mirrored):
    """The methods of all calls that are not mere reading, S3's and the administration's."""
    calls = []
    mirrored.s3.meta.events.register(
        "before-call.s3", lambda model, **_: calls.append(model.http["method"]), unique_id="count"
    )
    pool = mirrored.admin._http
    plain = pool.urlopen

    def counted(method, *args, **kwargs):
        calls.append(method)
        return plain(method, *args, **kwargs)

    pool.urlopen = counted
    return lambda: [method for method in calls if method not in {"GET", "HEAD"}]


def whats(differences):
    return [one.what for one in differences]


def refusal_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def test_plan_names_everything_that_is_missing_and_apply_makes_it(servers):
    made = Mirrored(servers)

    planned = made.plan()

    assert whats(planned) == [
        f"bucket {made.staging}",
        f"bucket {made.staging}: versioning",
        f"bucket {made.staging}: quota in bytes",
        f"bucket {made.staging}: notifications",
        f"bucket {made.archive}",
        f"bucket {made.archive}: lifecycle",
        f"policy granter-{made.tag}",
        f"user granter-{made.tag}: login",
        f"user granter-{made.tag}: policy",
        f"policy manager-{made.tag}",
        f"user manager-{made.tag}: login",
        f"user manager-{made.tag}: policy",
    ]
    assert (planned[2].now, planned[2].wanted) == (None, 41943040)
    assert whats(made.apply()) == whats(planned)
    assert made.plan() == []
    made.remove()


def test_second_apply_writes_nothing(mirrored, written):
    assert mirrored.apply() == []
    assert written() == []


def test_buckets_are_as_the_documents_say(mirrored):
    s3 = mirrored.s3

    assert s3.get_bucket_versioning(Bucket=mirrored.staging)["Status"] == "Enabled"
    assert json.loads(mirrored.admin.bucket_quota_get(mirrored.staging))["quota"] == 41943040 + 1
    told = s3.get_bucket_notification_configuration(Bucket=mirrored.staging)["QueueConfigurations"]
    assert {one["QueueArn"] for one in told} == {"arn:minio:sqs::FAST:amqp", "arn:minio:sqs::DURABLE:amqp"}
    rules = s3.get_bucket_lifecycle_configuration(Bucket=mirrored.archive)["Rules"]
    assert [(rule["Filter"]["Prefix"], rule["Expiration"]["Days"]) for rule in rules] == [
        ("objects/", 14),
        ("rejects/", 14),
    ]


@pytest.mark.parametrize(
    ("change", "part", "now", "wanted"),
    [
        ({"quota_kib": 100}, "staging: quota in bytes", 41943040, 102400),
        ({"replay_days": 30}, "archive: lifecycle", None, None),
    ],
)
def test_changed_document_is_one_difference(mirrored, change, part, now, wanted):
    mirrored.constrain(**change)

    [found] = mirrored.plan()

    bucket, _, setting = part.partition(": ")
    assert found.what == f"bucket {bucket}-{mirrored.customer.id}: {setting}"
    assert wanted is None or (found.now, found.wanted) == (now, wanted)
    assert [one.error for one in mirrored.apply()] == [None]
    assert mirrored.plan() == []


DRIFTS = {
    "versioning": lambda made: made.s3.put_bucket_versioning(
        Bucket=made.staging, VersioningConfiguration={"Status": "Suspended"}
    ),
    "quota in bytes": lambda made: made.admin.bucket_quota_clear(made.staging),
    "notifications": lambda made: made.s3.put_bucket_notification_configuration(
        Bucket=made.staging,
        NotificationConfiguration={"QueueConfigurations": policy_documents.staging_notifications()[:1]},
    ),
    "lifecycle": lambda made: made.s3.put_bucket_lifecycle_configuration(
        Bucket=made.staging,
        LifecycleConfiguration={"Rules": policy_documents.archive_lifecycle(1)},
    ),
    "login": lambda made: made.admin.user_add(made.settings.granter_access_key, "another-secret"),
    "policy": lambda made: made.admin.policy_set("readonly", user=made.settings.manager_access_key),
}


@pytest.mark.parametrize("setting", DRIFTS)
def test_change_by_hand_is_seen_and_mended(mirrored, setting):
    DRIFTS[setting](mirrored)

    [found] = mirrored.plan()

    assert found.what.endswith(f": {setting}")
    assert [one.error for one in mirrored.apply()] == [None]
    assert mirrored.plan() == []


def test_wider_policy_and_disabled_user_are_seen_and_mended(mirrored):
    user = mirrored.settings.granter_access_key
    mirrored.admin.policy_add(user, policy=policy_documents.manager_policy())
    mirrored.admin.user_disable(user)

    assert whats(mirrored.plan()) == [f"policy {user}", f"user {user}: login"]
    mirrored.apply()
    assert mirrored.plan() == []


def test_target_that_minio_does_not_know_is_one_line_and_the_rest_is_made(servers, monkeypatch):
    monkeypatch.setitem(policy_documents.NOTIFICATION_TARGETS, "FAST", "arn:minio:sqs::NONE:amqp")
    made = Mirrored(servers)

    failed = [one for one in made.apply() if one.error]

    assert whats(failed) == [f"bucket {made.staging}: notifications"]
    assert "\n" not in failed[0].error
    assert failed[0].error.endswith(
        "is MinIO started with the AMQP targets FAST and DURABLE, and does RabbitMQ answer?"
    )
    assert whats(made.plan()) == whats(failed)
    made.remove()


def test_granter_may_do_in_staging_what_s3_tools_do_to_put_and_nothing_else(mirrored):
    granter, bucket = mirrored.client_of("granter"), mirrored.staging
    version = granter.put_object(Bucket=bucket, Key="a.csv", Body=b"1")["VersionId"]

    assert len(granter.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert granter.get_object(Bucket=bucket, Key="a.csv")["Body"].read() == b"1"
    assert granter.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    for call, arguments in (
        (granter.put_object_tagging, {"Bucket": bucket, "Key": "a.csv", "Tagging": {"TagSet": []}}),
        (granter.get_object, {"Bucket": mirrored.archive, "Key": "objects/1"}),
        (granter.list_objects_v2, {"Bucket": mirrored.archive}),
        (granter.delete_object, {"Bucket": bucket, "Key": "a.csv"}),
        (granter.delete_object, {"Bucket": bucket, "Key": "a.csv", "VersionId": version}),
        (granter.put_object, {"Bucket": mirrored.archive, "Key": "objects/1", "Body": b"1"}),
        (granter.list_object_versions, {"Bucket": mirrored.archive}),
        (granter.create_bucket, {"Bucket": "staging-more"}),
    ):
        assert refusal_of(call, **arguments) == "AccessDenied"


def test_manager_may_move_a_version_to_the_archive(mirrored):
    manager, bucket, archive = mirrored.client_of("manager"), mirrored.staging, mirrored.archive
    version = mirrored.s3.put_object(Bucket=bucket, Key="a.csv", Body=b"1")["VersionId"]
    source = {"Bucket": bucket, "Key": "a.csv", "VersionId": version}

    assert manager.get_object(**source)["Body"].read() == b"1"
    manager.copy_object(
        Bucket=archive,
        Key="objects/1",
        CopySource=source,
        Metadata={"key": "a.csv"},
        MetadataDirective="REPLACE",
    )
    manager.delete_object(**source)

    assert manager.list_object_versions(Bucket=bucket).get("Versions", []) == []
    assert manager.head_object(Bucket=archive, Key="objects/1")["Metadata"] == {"key": "a.csv"}
    manager.put_object(Bucket=archive, Key="rejects/1.csv", Body=b"1")
    manager.delete_object(Bucket=archive, Key="objects/1")
    assert [one["Key"] for one in manager.list_objects_v2(Bucket=archive)["Contents"]] == ["rejects/1.csv"]


def test_manager_may_not_put_into_staging_nor_delete_a_bare_key(mirrored):
    manager, bucket = mirrored.client_of("manager"), mirrored.staging
    mirrored.s3.put_object(Bucket=bucket, Key="a.csv", Body=b"1")

    assert refusal_of(manager.put_object, Bucket=bucket, Key="b.csv", Body=b"1") == "AccessDenied"
    assert refusal_of(manager.delete_object, Bucket=bucket, Key="a.csv") == "AccessDenied"
    assert refusal_of(manager.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={}) is not None
    assert [one["Key"] for one in manager.list_objects_v2(Bucket=bucket)["Contents"]] == ["a.csv"]


@pytest.fixture
def command(mirrored, environment, tmp_path):
    """Run `bucket-policies` on a folder with this test's customer, where only MinIO's settings are given."""
    (tmp_path / "customers").mkdir()
    (tmp_path / "customers" / f"{mirrored.customer.id}.json").write_text(DOCUMENT)
    settings = mirrored.settings
    ours = {
        "BUCKET_POLICIES_DIR": str(tmp_path),
        "BUCKET_POLICIES_GRANTER_ACCESS_KEY": settings.granter_access_key,
        "BUCKET_POLICIES_GRANTER_SECRET_KEY": settings.granter_secret_key.get_secret_value(),
        "BUCKET_POLICIES_MANAGER_ACCESS_KEY": settings.manager_access_key,
        "BUCKET_POLICIES_MANAGER_SECRET_KEY": settings.manager_secret_key.get_secret_value(),
    }
    here = {name: value for name, value in environment.items() if not name.startswith("INGEST_MANAGER_")}

    def run(*arguments, **changes):
        return subprocess.run(
            [COMMAND, *arguments],
            env=here | ours | changes,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_command_says_that_there_is_no_difference_and_what_is_not_looked_at(command):
    for done in (command("plan"), command("apply")):
        assert (done.returncode, done.stderr) == (0, "")
        left_out, equal = done.stdout.splitlines()
        assert left_out.startswith("RabbitMQ and Cassandra are left out: INGEST_MANAGER_")
        assert equal == "MinIO equals the documents of 1 customers"


def test_command_prints_each_difference_and_exits_1_until_it_is_applied(command, mirrored):
    mirrored.admin.bucket_quota_set(mirrored.staging, quota_in_minio(1024))

    planned, applied, again = command("plan"), command("apply"), command("plan", "--json")

    what = f"bucket {mirrored.staging}: quota in bytes"
    assert (planned.returncode, planned.stdout.splitlines()[0]) == (1, f"{what}: now 1024, wanted 41943040")
    assert (applied.returncode, applied.stdout.splitlines()[0]) == (0, f"{what}: was 1024, is 41943040")
    found = json.loads(again.stdout)
    assert (again.returncode, found.pop("left_out")) == (0, [planned.stdout.splitlines()[1]])
    assert found == {"differences": [], "refused": {}, "failed": []}


def test_command_names_the_system_of_a_difference_in_json(command, mirrored):
    mirrored.admin.bucket_quota_set(mirrored.staging, quota_in_minio(1024))

    [difference] = json.loads(command("plan", "--json").stdout)["differences"]

    assert difference == {
        "system": "MinIO",
        "what": f"bucket {mirrored.staging}: quota in bytes",
        "now": 1024,
        "wanted": 41943040,
        "error": None,
    }


def test_users_document_that_cannot_be_used_is_shown(command, tmp_path):
    (tmp_path / "users.json").write_text('{"acme": "no hash"}')

    done = command("plan")

    assert done.returncode == 1
    assert done.stderr == "users.json: refused: 'acme' has neither a PBKDF2 nor an argon2id hash\n"


def test_command_reports_a_refused_document_and_does_the_rest(command, tmp_path):
    (tmp_path / "customers" / "globex.json").write_text('{"formats": [".csv"], "number_files": 0}')

    done = command("apply")

    assert done.returncode == 1
    assert done.stderr == (
        "globex.json: refused: number_files: 0 is not allowed: Input should be greater than or equal to 1; "
        "data_sizes: is missing\n"
    )


def test_command_names_a_server_that_does_not_answer_in_one_line(command):
    done = command("plan", BUCKET_POLICIES_S3_URL="http://127.0.0.1:1")

    assert done.returncode == 4
    assert done.stderr.startswith("bucket-policies: MinIO does not answer: ")
    assert done.stderr.count("\n") == 1


def test_command_names_missing_settings_in_one_line(tmp_path):
    path = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [COMMAND, "plan"], env=path, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "BUCKET_POLICIES_ADMIN_SECRET_KEY: Field required" in done.stderr
    assert done.stderr.count("\n") == 1


def test_administrators_wrong_secret_is_one_line_without_it(command):
    done = command("plan", BUCKET_POLICIES_ADMIN_SECRET_KEY="guessed-secret")

    assert done.returncode == 1
    assert done.stderr.startswith("bucket-policies: MinIO refused a read: ")
    assert "guessed-secret" not in done.stderr
