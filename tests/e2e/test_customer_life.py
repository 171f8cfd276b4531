"""A customer is added, is removed with nothing deleted, and comes back."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.services import configure, start_auth_service
from support.testbed import BIN, Platform, csv_of, eventually, keyspace

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

PASSWORD = "a-word-nobody-guesses"
BODY = csv_of([(1, "Ann", "n")])
REFUSED = {"AccessDenied"}


def bucket_policies(platform: Platform, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "bucket-policies", *arguments],
        cwd=platform.folder,
        env=platform.environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def add(platform: Platform, customer: str, *options: str) -> subprocess.CompletedProcess[str]:
    return bucket_policies(platform, "add", customer, "--password-stdin", *options, text=f"{PASSWORD}\n")


def app_of(platform: Platform) -> str:
    """Write a new customer's app, and no document."""
    customer = platform.add_customer()
    (platform.policies / "customers" / f"{customer}.json").unlink()
    return customer


def offer(platform: Platform, customer: str, name: str) -> httpx.Response:
    file = {"name": name, "size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    return httpx.post(
        f"{platform.environment['FETCHDATA_SERVER']}/uploads",
        json={"files": [file]},
        auth=(customer, PASSWORD),
        timeout=60,
    )


def put(answer: httpx.Response) -> int:
    [file] = answer.json()["files"]
    return httpx.put(file["url"], content=BODY, headers=file["headers"]).status_code


def borrowed(platform: Platform, customer: str) -> Any:
    """Return an S3 client with temporary credentials."""
    server = platform.environment["FETCHDATA_SERVER"]
    lent = httpx.post(f"{server}/credentials", auth=(customer, PASSWORD), timeout=60).json()
    return boto3.client(
        "s3",
        endpoint_url=lent["endpoint_url"],
        region_name=lent["region"],
        aws_access_key_id=lent["access_key_id"],
        aws_secret_access_key=lent["secret_access_key"],
        aws_session_token=lent["session_token"],
        config=Config(s3={"addressing_style": "path"}),
    )


def refusals(s3: Any, customer: str) -> set[str]:
    bucket, refused = f"staging-{customer}", set()
    for call, arguments in (
        (s3.put_object, {"Key": "new.csv", "Body": b"x"}),
        (s3.get_object, {"Key": "a.csv"}),
        (s3.list_objects_v2, {}),
    ):
        with pytest.raises(ClientError) as fault:
            call(Bucket=bucket, **arguments)
        refused.add(fault.value.response["Error"]["Code"])
    return refused


def aside(platform: Platform) -> list[Path]:
    return sorted((platform.policies / "customers-removed").iterdir())


def test_added_customer_has_a_document_a_login_and_buckets(platform: Platform) -> None:
    configure(platform)
    platform.apply()
    start_auth_service(platform)
    customer = app_of(platform)

    added = add(platform, customer, "--formats", ".csv,.csv.gz", "--number-files", "3", "--quota-kib", "9")

    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.splitlines() == [
        f"{customer}: customers/{customer}.json is written, the password is set",
        f"{customer}: staging-{customer} and archive-{customer} are ready",
        f"next: an app for its files, customer_ingestapps/{customer}/app.toml, then bucket-policies plan",
    ]
    assert json.loads((platform.policies / "customers" / f"{customer}.json").read_text()) == {
        "formats": [".csv", ".csv.gz"],
        "number_files": 3,
        "data_sizes": 4096,
        "quota_kib": 9,
    }
    assert put(offer(platform, customer, "a.csv")) == 200
    [used] = json.loads(platform.command("bucket-policies", "usage", customer, "--json"))
    assert (used["quota_bytes"], used["bucket_quota_bytes"]) == (9216, 9216)
    assert (used["staged_bytes"], used["staged_files"], used["granted_bytes"]) == (len(BODY), 1, 0)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", used["last_arrival_at"])


def test_nothing_is_written_where_something_is_wrong(platform: Platform) -> None:
    customer = platform.add_customer()
    document = platform.policies / "customers" / f"{customer}.json"
    before = document.read_text()

    for arguments, text, code, told in (
        ((customer,), PASSWORD, 1, f"there is a customer {customer} already: edit customers/{customer}.json"),
        (("ingest",), PASSWORD, 1, "'ingest' cannot be a customer: "),
        (("acme-new", "--data-sizes", "0"), PASSWORD, 1, "data_sizes: 0 is not allowed: "),
        (("acme-new",), "short", 1, "a password has 8 characters or more and is none of the demo's"),
    ):
        done = bucket_policies(platform, "add", *arguments, "--password-stdin", text=text)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
        assert done.stderr.startswith(f"bucket-policies: {told}")
    asked = bucket_policies(platform, "add", "acme-new")
    assert (asked.returncode, asked.stderr.count("\n")) == (2, 1)

    assert (document.read_text(), (platform.policies / "users.json").read_text()) == (before, "{}")
    assert [path.name for path in document.parent.iterdir()] == [document.name]


def test_store_that_is_away_or_not_known_here_leaves_the_buckets_to_the_watch(platform: Platform) -> None:
    away, unknown = app_of(platform), app_of(platform)

    def added(customer: str) -> str:
        done = add(platform, customer)
        assert (done.returncode, done.stderr) == (0, "")
        assert (platform.policies / "customers" / f"{customer}.json").exists()
        return done.stdout.splitlines()[1]

    platform.environment["BUCKET_POLICIES_S3_URL"] = "http://127.0.0.1:1"
    assert added(away).startswith(f"{away}: MinIO does not answer: ")
    del platform.environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"]
    told = "MinIO's administrator is not known here: `bucket-policies watch` or `apply` makes the buckets"
    assert added(unknown) == f"{unknown}: {told}"


def test_password_that_nobody_gives_is_made_and_shown_on_the_terminal_once(platform: Platform) -> None:
    configure(platform)
    start_auth_service(platform)
    customer = app_of(platform)
    output = platform.folder / "output"
    typed = f"{BIN / 'bucket-policies'} add {customer} > {output}"
    with subprocess.Popen(  # on a terminal of its own
        ["script", "--quiet", "--return", "--command", typed, "/dev/null"],
        cwd=platform.folder,
        env=platform.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as terminal:
        assert terminal.stdin is not None
        assert terminal.stdout is not None
        shown = b""
        while b"make one): " not in shown:
            shown += os.read(terminal.stdout.fileno(), 1000)
        terminal.stdin.write(b"\n")
        terminal.stdin.flush()
        shown += terminal.stdout.read()
        assert terminal.wait(120) == 0

    [line] = [line for line in shown.decode().splitlines() if "shown this once" in line]
    password = line.rpartition(": ")[2].strip()
    assert password not in output.read_text()
    server = platform.environment["FETCHDATA_SERVER"]
    assert httpx.get(f"{server}/app", auth=(customer, password), timeout=60).status_code == 200


def test_removed_customer_can_do_nothing_and_what_it_has_comes_back_with_it(platform: Platform) -> None:
    configure(platform)
    platform.apply()
    start_auth_service(platform)
    customer = app_of(platform)
    assert add(platform, customer).returncode == 0
    ready = json.loads(platform.command("ingest-manager", "setup", "--json"))
    assert ready == {"customer": customer, "ready": True, "misfits": {}}
    signed, s3 = offer(platform, customer, "b.csv"), borrowed(platform, customer)
    assert put(offer(platform, customer, "a.csv")) == 200

    refused = bucket_policies(platform, "remove", customer, "--yes")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"bucket-policies: {customer} has 1 objects without outcome: `ingest-manager drain {customer}` waits "
        "for them; with --force they stay as they are, and are loaded when it comes back\n"
    )
    removed = bucket_policies(platform, "remove", customer, "--yes", "--force")

    assert (removed.returncode, removed.stderr) == (0, "")
    [document] = aside(platform)
    assert f"bucket staging-{customer}: 1 objects, {len(BODY)} bytes\n" in removed.stdout
    assert f'DROP KEYSPACE "{keyspace(customer)}"\n' in removed.stdout
    assert f"its document is customers-removed/{document.name}\n" in removed.stdout
    assert (platform.policies / "users.json").read_text() == "{}\n"
    assert (put(signed), refusals(s3, customer)) == (403, REFUSED)
    assert offer(platform, customer, "c.csv").status_code == 401
    assert platform.command("bucket-policies", "plan").endswith("equal the documents of 0 customers\n")
    assert bucket_policies(platform, "remove", customer, "--yes").returncode == 1

    added = add(platform, customer, "--json")
    assert (added.returncode, json.loads(added.stdout)) == (0, {
        "customer": customer, "document": f"customers/{customer}.json", "password_generated": False,
        "ready": True, "why_not": None, "failed": [],
    })  # fmt: skip
    with platform.manager():
        platform.settled(customer, 1)
    assert platform.rows(customer, "id") == [{"id": 1}]
    assert put(offer(platform, customer, "c.csv")) == 200


def test_customer_whose_objects_have_their_outcome_is_removed_without_force(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.put(customer, "a.csv", BODY)
    with platform.manager():
        platform.settled(customer, 1)

    asked = bucket_policies(platform, "remove", customer)
    removed = bucket_policies(platform, "remove", customer, "--yes", "--json")

    assert (asked.returncode, asked.stderr.splitlines()[-1].count("--yes")) == (2, 1)
    assert (removed.returncode, removed.stderr) == (0, "")
    told, [document] = json.loads(removed.stdout), aside(platform)
    assert (told["customer"], told["document"]) == (customer, f"customers-removed/{document.name}")
    assert (told["not_told"], told["faults"]) == ([], [])
    assert told["stays"][0] == {
        "system": "MinIO", "what": f"bucket staging-{customer}: 0 objects, 0 bytes",
        "deletion": f"mc rb --force ALIAS/staging-{customer}", "unfinished": None,
    }  # fmt: skip
    assert len(platform.archived(customer)) == 1
    assert len(platform.rows(customer)) == 1


def test_running_services_let_go_of_a_removed_customer_and_take_it_up_again(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.start(BIN / "bucket-policies", "watch")
    platform.start_manager()
    platform.put(customer, "a.csv", BODY)
    platform.settled(customer, 1)
    assert bucket_policies(platform, "remove", customer, "--yes").returncode == 0

    platform.put(customer, "b.csv", csv_of([(2, "Bob", "n")]))  # by the administrator: nobody else can
    assert add(platform, customer, "--formats", ".csv").returncode == 0

    platform.settled(customer, 2)
    assert sorted(row["id"] for row in platform.rows(customer)) == [1, 2]
    eventually(lambda: platform.run("bucket-policies", "plan").returncode == 0, what="no difference")


def test_object_that_nobody_granted_is_rejected_when_the_quota_is_full(platform: Platform) -> None:
    body = csv_of([(1, "Ann", "n" * 400)])
    customer = platform.add_customer(after_load="keep", data_sizes=1, quota_kib=1)
    platform.apply()
    for key in ("a.csv", "b.csv", "c.csv", "d.csv"):
        platform.put(customer, key, body)

    with platform.manager():
        loads = platform.settled(customer, 4)
        assert [(load["key"], load["status"], load["reason"]) for load in loads] == [
            ("a.csv", "loaded", None),
            ("b.csv", "loaded", None),
            ("c.csv", "rejected", "over_quota"),
            ("d.csv", "rejected", "over_quota"),
        ]
        platform.write_constraints(customer, after_load="keep", data_sizes=1, quota_kib=2)
        replayed = ("replay", "--customer", customer, "--reason", "over_quota", "--since", "1h", "--yes")
        platform.command("ingest-manager", *replayed)
        eventually(
            lambda: {load["status"] for load in platform.ledger(customer)} == {"loaded"}, what="the replay"
        )
