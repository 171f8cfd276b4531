"""Any S3 tool works with a customer's password: temporary credentials, small files and files in parts."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from support.s3_tools import TOOLS, client_of, put_with_boto3
from support.services import configure, start_auth_service
from support.testbed import Platform, csv_of

from bucket_policies.api import CredentialsAnswer
from bucket_policies.users import set_password
from fetchdata.answers import parse
from servers import programs

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

PASSWORD = "a-word-nobody-guesses"
FILES = {
    "in/small.csv": csv_of([(1, "Ann", "n"), (2, "Bob", "")]),
    "in/parts.csv": csv_of([(number, "é" * 500, "n" * 40) for number in range(10, 17_010)]),  # 18 MB
}


def serve(platform: Platform, *customers: str) -> Path:
    """Start an auth service for customers, nothing loads yet; return a folder with the files."""
    configure(platform)
    for customer in customers:
        set_password(platform.policies / "users.json", customer, PASSWORD)
    platform.apply()
    start_auth_service(platform)
    (platform.folder / "files" / "in").mkdir(parents=True)
    for name, content in FILES.items():
        (platform.folder / "files" / name).write_bytes(content)
    return platform.folder / "files"


def lend(platform: Platform, customer: str) -> CredentialsAnswer:
    url = f"{platform.environment['FETCHDATA_SERVER']}/credentials"
    answer = httpx.post(url, auth=(customer, PASSWORD))
    assert answer.status_code == 200, answer.text
    return parse(answer.content, CredentialsAnswer)


def rows_of(platform: Platform, customer: str) -> Mapping[int, tuple[str, str | None]]:
    return {row["id"]: (row["name"], row["note"]) for row in platform.rows(customer)}


@pytest.mark.parametrize("tool", TOOLS)
def test_files_put_with_a_tool_load_as_those_put_with_fetchdata(platform: Platform, tool: str) -> None:
    if tool == "mc" and not programs.mc().exists():
        pytest.skip("mc is not installed: python -m servers install")
    ours, theirs = platform.add_customer(), platform.add_customer()
    folder = serve(platform, ours, theirs)
    platform.command("fetchdata", "-u", ours, "-p", PASSWORD, "-d", str(folder))
    lent = lend(platform, theirs)
    for name in FILES:
        TOOLS[tool](lent, folder / name, name)
    [parts] = [
        one for one in platform.s3.list_objects_v2(Bucket=lent.bucket)["Contents"] if "parts" in one["Key"]
    ]
    assert "-" in parts["ETag"]  # it did come in parts

    with platform.manager():
        loads = [(load["key"], load["status"]) for load in platform.settled(theirs, 2)]
        platform.settled(ours, 2)
        platform.verify(theirs)

    assert sorted(loads) == [("in/parts.csv", "loaded"), ("in/small.csv", "loaded")]
    found = rows_of(platform, theirs)
    assert len(found) == 17_002
    assert found == rows_of(platform, ours)


def test_eleventh_file_under_an_allowance_of_ten_is_too_many(platform: Platform) -> None:
    customer = platform.add_customer(number_files=10)
    folder = serve(platform, customer)
    lent = lend(platform, customer)
    client = client_of(lent)
    for number in range(11):  # what their own metadata says is not believed
        forged = {"upload-id": f"upload-{number}", "grant": "0" * 64}
        body = csv_of([(number, "a", "b")])
        client.put_object(Bucket=lent.bucket, Key=f"{number:02}.csv", Body=body, Metadata=forged)

    with platform.manager():
        loads = platform.settled(customer, 11)
        platform.verify(customer)

        assert sorted(load["status"] for load in loads) == ["loaded"] * 10 + ["rejected"]
        [refused] = [load for load in loads if load["status"] == "rejected"]
        assert (refused["reason"], refused["rows_read"], refused["rows_written"]) == ("too_many_files", 0, 0)
        assert refused["message"] == (
            "the temporary credentials that were valid then allow 10 objects, and this is one more: "
            "put it again with new credentials"
        )
        assert {load["upload_id"] for load in loads} == {None}
        assert len(platform.rows(customer)) == 10

        put_with_boto3(lend(platform, customer), folder / "in/small.csv", "again.csv")
        assert platform.settled(customer, 12)[-1]["status"] == "loaded"


def test_granted_files_take_no_place_beside_temporary_credentials(platform: Platform) -> None:
    customer = platform.add_customer(number_files=2)
    folder = serve(platform, customer)
    lent = lend(platform, customer)
    platform.command("fetchdata", "-u", customer, "-p", PASSWORD, "-d", str(folder))
    for key in ("a.csv", "b.csv", "c.csv"):
        put_with_boto3(lent, folder / "in/small.csv", key)

    with platform.manager():
        loads = platform.settled(customer, 5)

    found = {load["key"]: load["reason"] or load["status"] for load in loads}
    assert (found["in/small.csv"], found["in/parts.csv"]) == ("loaded", "loaded")
    assert sorted(found[key] for key in ("a.csv", "b.csv", "c.csv")) == ["loaded", "loaded", "too_many_files"]


def test_header_of_a_grant_that_is_used_again_is_a_duplicate(platform: Platform) -> None:
    customer = platform.add_customer()
    serve(platform, customer)
    genuine = platform.granted(customer, "people.csv", "u1")
    client = client_of(lend(platform, customer))
    body = csv_of([(1, "a", "b")])
    for key in ("people.csv", "people.csv", "other.csv"):
        client.put_object(Bucket=f"staging-{customer}", Key=key, Body=body, Metadata=genuine)

    with platform.manager():
        loads = platform.settled(customer, 3)

    assert sorted((load["key"], load["status"], load["upload_id"]) for load in loads) == [
        ("other.csv", "loaded", None),
        ("people.csv", "duplicate", "u1"),
        ("people.csv", "loaded", "u1"),
    ]
