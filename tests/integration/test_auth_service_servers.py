"""The auth service as a process, with real MinIO and Cassandra: grants that hold, and faults that show."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from support.settings import settings_of
from support.testbed import eventually

from bucket_policies.grant_store import CassandraSession, GrantStore, Share
from bucket_policies.settings import AuthSettings

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
KIB = 1024


class Platform:
    """A documents folder of this module alone; its customers get buckets and passwords."""

    def __init__(self, folder, environment):
        self.folder = folder
        (folder / "customers").mkdir()
        (folder / "users.json").write_bytes((Path("bucket_policies") / "users.json").read_bytes())
        public = environment["BUCKET_POLICIES_S3_URL"].replace("127.0.0.1", "localhost")
        own = {"BUCKET_POLICIES_DIR": str(folder), "BUCKET_POLICIES_S3_PUBLIC_URL": public}
        self.environment = environment | own
        self.s3 = boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=environment["BUCKET_POLICIES_S3_URL"],
            aws_access_key_id=environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
            aws_secret_access_key=environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
        )

    def run(self, *arguments, text=None):
        return subprocess.run(
            [BIN / arguments[0], *arguments[1:]],
            env=self.environment,
            cwd=self.folder,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def add_customer(self, **constraints):
        customer = f"acme-{uuid.uuid4().hex[:12]}"
        document = {"formats": [".csv"], "number_files": 10, "data_sizes": 4096} | constraints
        (self.folder / "customers" / f"{customer}.json").write_text(json.dumps(document))
        for done in (
            self.run("bucket-policies", "apply"),
            self.run("bucket-policies", "passwd", customer, text=f"{PASSWORD}\n"),
        ):
            assert done.returncode == 0, done.stderr
        return customer


class Service:
    """A running auth service and its log."""

    def __init__(self, platform, **changes):
        self.process = subprocess.Popen(
            [BIN / "bucket-policies", "auth-service", "--listen", "127.0.0.1:0"],
            env=platform.environment | changes,
            cwd=platform.folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = [json.loads(self.process.stderr.readline())]
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.url = f"http://127.0.0.1:{self.log[0]['port']}"

    def _read(self):
        self.log.extend(json.loads(line) for line in self.process.stderr)

    def get(self, path, customer=None, password=PASSWORD):
        auth = (customer, password) if customer else None
        return httpx.get(f"{self.url}{path}", auth=auth, timeout=60)

    def offer(self, customer, *files):
        body = {
            "files": [
                {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files
            ]
        }
        answer = httpx.post(f"{self.url}/uploads", json=body, auth=(customer, PASSWORD), timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.reader.join()
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def platform(servers, tmp_path_factory):
    made = Platform(tmp_path_factory.mktemp("policies"), os.environ | servers.environment())
    assert made.run("ingest-manager", "setup").returncode == 0
    yield made
    for document in (made.folder / "customers").iterdir():
        for kind in ("staging", "archive"):
            bucket = f"{kind}-{document.stem}"
            for version in made.s3.list_object_versions(Bucket=bucket).get("Versions", []):
                made.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            made.s3.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="module")
def customer(platform):
    return platform.add_customer()


@pytest.fixture
def start(platform):
    """Start auth services; each is stopped at the end of the test."""
    started = []

    def start(**changes):
        started.append(Service(platform, **changes))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.stop()


def session_of(platform):
    return CassandraSession(settings_of(platform.environment, AuthSettings))


def put(granted, content):
    return httpx.put(granted["url"], content=content, headers=granted["headers"])


def test_granted_file_is_stored_and_counted(start, platform, customer):
    service = start()
    used_before = service.get("/constraints", customer).json()["used_bytes"]
    answer = service.offer(customer, ("in/\u00e9.csv", b"id\n1\n"))

    assert answer["files"][0]["url"].startswith(platform.environment["BUCKET_POLICIES_S3_PUBLIC_URL"] + "/")
    assert put(answer["files"][0], b"id\n1\n").status_code == 200

    found = platform.s3.get_object(Bucket=f"staging-{customer}", Key="in/\u00e9.csv")
    assert found["Body"].read() == b"id\n1\n"
    assert found["Metadata"]["upload-id"] == answer["upload_id"]
    session = session_of(platform)
    GrantStore(session).release(customer, answer["upload_id"], "in/\u00e9.csv")
    session.close()
    assert service.get("/constraints", customer).json()["used_bytes"] == used_before + 5


def test_other_size_and_other_bytes_are_refused_by_minio(start, platform, customer):
    [granted] = start().offer(customer, ("other.csv", b"id\n1\n"))["files"]

    longer = granted | {"headers": granted["headers"] | {"Content-Length": "7"}}
    assert put(longer, b"id\n1\n2\n").status_code == 403
    assert put(granted, b"id\n2\n").status_code == 400
    assert "Contents" not in platform.s3.list_objects_v2(Bucket=f"staging-{customer}", Prefix="other.csv")


def test_quota_holds_before_a_byte_is_sent(start, platform):
    customer = platform.add_customer(data_sizes=12 * KIB, quota_kib=10 * KIB)
    service = start()
    content = b"x" * (4 * KIB * KIB)

    answer = service.offer(customer, *((f"{number}.csv", content) for number in range(6)))

    granted, refused = answer["files"][:2], answer["files"][2:]
    assert ["url" in file for file in answer["files"]] == [True, True, False, False, False, False]
    assert [violation["rule"] for file in refused for violation in file["violations"]] == ["quota"] * 4
    assert (refused[0]["violations"][0]["value"], refused[0]["violations"][0]["limit"]) == (8388608, 10485760)
    assert [put(file, content).status_code for file in granted] == [200, 200]
    [large] = service.offer(customer, ("large.csv", b"x" * (11 * KIB * KIB)))["files"]
    assert large["violations"][0]["rule"] == "quota"


def test_granted_upload_that_fills_the_quota_exactly_is_taken_and_minio_takes_no_byte_more(start, platform):
    customer = platform.add_customer(quota_kib=4)
    service, bucket = start(), f"staging-{customer}"
    whole, more = b"x" * 4 * KIB, b"x" * (4 * KIB + 1)

    [granted] = service.offer(customer, ("whole.csv", whole))["files"]
    assert put(granted, whole).status_code == 200
    with pytest.raises(ClientError, match="XMinioAdminBucketQuotaExceeded"):
        platform.s3.put_object(Bucket=bucket, Key="more.csv", Body=more)


def test_parallel_calls_to_two_services_never_pass_the_quota_together(start, platform):
    customer = platform.add_customer(data_sizes=1, quota_kib=20)
    services = [start(), start()]

    def call(number):
        return services[number % 2].offer(customer, (f"{number}.csv", b"x" * KIB))["files"][0]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(call, range(50)))

    assert sum("url" in answer for answer in answers) == 20
    assert {answer["violations"][0]["rule"] for answer in answers if "url" not in answer} == {"quota"}


def test_fifty_reservations_at_once_share_the_quota_exactly(platform):
    session, customer = session_of(platform), f"racer-{uuid.uuid4().hex[:12]}"
    grants = GrantStore(session)

    def reserve(number):
        def decide(granted):
            used = sum(size for _, size in granted)
            return Share({"a.csv": 7, "b.csv": 3} if used + 10 <= 200 else {}, used)

        return grants.reserve(customer, f"upload-{number}", decide, ttl_seconds=60)

    with ThreadPoolExecutor(50) as pool:
        shares = list(pool.map(reserve, range(50)))

    assert sum(bool(share.sizes) for share in shares) == 20
    assert sum(size for _, size in grants.outstanding(customer)) == 200
    winner = next(f"upload-{number}" for number, share in enumerate(shares) if share.sizes)
    grants.release(customer, winner, "a.csv")
    grants.release(customer, winner, "a.csv")
    grants.release(customer, "unknown", "a.csv")
    assert sum(size for _, size in grants.outstanding(customer)) == 193
    session.close()


def test_grants_end_by_themselves(platform):
    session, customer = session_of(platform), f"ender-{uuid.uuid4().hex[:12]}"

    GrantStore(session).reserve(customer, "upload-1", lambda _: Share({"a.csv": 1}, 0), ttl_seconds=4500)

    [row] = session.execute("SELECT TTL(sizes) AS ttl FROM ingest.grants WHERE customer = ?", (customer,))
    assert 4400 < row["ttl"][0] <= 4500
    session.close()


def test_bytes_of_a_grant_that_ends_unused_are_free_again(platform):
    session, customer = session_of(platform), f"ender-{uuid.uuid4().hex[:12]}"
    grants = GrantStore(session)

    def decide(granted):
        return Share({} if granted else {"a.csv": 10}, 0)

    def reserve(upload_id):
        return dict(grants.reserve(customer, upload_id, decide, ttl_seconds=10).sizes)

    assert (reserve("upload-1"), reserve("upload-2")) == ({"a.csv": 10}, {})
    assert eventually(lambda: reserve("upload-3")) == {"a.csv": 10}
    session.close()


def test_bytes_of_an_object_that_leaves_staging_are_free_again(start, platform):
    customer = platform.add_customer(quota_kib=2)
    service, content = start(), b"x" * 2 * KIB

    def is_granted(answer):
        return "url" in answer["files"][0]

    first = service.offer(customer, ("a.csv", content))
    assert put(first["files"][0], content).status_code == 200
    assert not is_granted(service.offer(customer, ("b.csv", content)))

    session = session_of(platform)  # what the manager does: it ends the grant, and then moves the version
    GrantStore(session).release(customer, first["upload_id"], "a.csv")
    session.close()
    assert not is_granted(service.offer(customer, ("b.csv", content)))
    [version] = platform.s3.list_object_versions(Bucket=f"staging-{customer}")["Versions"]
    platform.s3.delete_object(Bucket=f"staging-{customer}", Key="a.csv", VersionId=version["VersionId"])

    assert is_granted(service.offer(customer, ("b.csv", content)))


def test_edited_quota_holds_for_the_next_call(start, platform):
    customer = platform.add_customer(quota_kib=1)
    service, document = start(), platform.folder / "customers" / f"{customer}.json"

    def offer():
        answer = service.offer(customer, ("a.csv", b"x" * 2 * KIB))
        return [violation["limit"] for violation in answer["files"][0].get("violations", [])]

    assert offer() == [KIB]
    document.write_text(document.read_text().replace('"quota_kib": 1', '"quota_kib": 2'))
    assert offer() == []


def test_service_answers_health_and_ends_cleanly_on_sigterm(start):
    service = start()

    assert service.get("/healthz").json() == {"status": "ok"}
    assert service.stop() == 0


def test_service_starts_and_says_so_while_cassandra_is_down(start, customer):
    service = start(BUCKET_POLICIES_CASSANDRA_PORT="1")

    for path in ("/healthz", "/constraints"):
        answer = service.get(path, customer)
        assert answer.status_code == 503
        assert answer.json() == {
            "error": "unavailable",
            "message": "Cassandra does not answer now, try again later",
        }
    service.stop()
    assert [line["event"] for line in service.log if line["action"] != "library"] == [
        "listening",
        "call failed",
        "call",
        "call failed",
        "call",
    ]


def test_service_starts_and_says_so_while_minio_is_down(start, customer):
    service = start(BUCKET_POLICIES_S3_URL="http://127.0.0.1:1")

    answer = service.get("/constraints", customer)

    assert (answer.status_code, answer.json()["message"]) == (
        503,
        "MinIO does not answer now, try again later",
    )
    service.stop()
    assert [line["event"] for line in service.log] == ["listening", "call failed", "call"]


def test_published_password_is_refused_without_demo(start):
    answer = start().get("/constraints", "customer-1", "password-1")

    assert answer.status_code == 401
    assert answer.json()["message"].startswith("this password is published")


def test_no_secret_reaches_the_log(start, platform, customer):
    service = start()
    service.offer(customer, ("secret.csv", b"1"))
    service.get("/constraints", customer, "wrong-secret")
    service.get(f"/nowhere?password={PASSWORD}")
    service.stop()

    log = json.dumps(service.log)
    secrets = [value for name, value in platform.environment.items() if name.endswith(("_KEY", "_PASSWORD"))]
    for secret in [PASSWORD, "wrong-secret", "Signature", *secrets]:
        assert secret in {"granter", "minio-admin", "ingest-manager"} or secret not in log


def test_busy_port_is_one_line(platform, start):
    taken = start().url.removeprefix("http://")

    done = platform.run("bucket-policies", "auth-service", "--listen", taken)

    assert done.returncode == 2
    assert done.stderr.startswith(f"bucket-policies: cannot listen at {taken}: ")
    assert done.stderr.count("\n") == 1


def test_password_of_an_unknown_customer_cannot_be_set(platform):
    done = platform.run("bucket-policies", "passwd", "nobody", text=f"{PASSWORD}\n")

    assert done.returncode == 1
    assert done.stderr == "bucket-policies: there is no customer 'nobody': bucket-policies add nobody\n"
