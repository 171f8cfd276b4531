"""`bucket-policies watch` as a process, on a real MinIO."""

import json

import pytest
from support.testbed import BIN, Platform, eventually, stop

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@pytest.fixture
def platform(tmp_path, environment):
    made = Platform(tmp_path, environment)
    yield made
    made.close()


def log_of(platform):
    lines = (platform.folder / "bucket-policies-0.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def saw(platform, times=1, **wanted):
    eventually(
        lambda: sum(wanted.items() <= line.items() for line in log_of(platform)) == times,
        what=f"{wanted} in the log",
    )


def test_document_that_appears_becomes_buckets_beside_a_bad_one(platform):
    process = platform.start(BIN / "bucket-policies", "watch")
    saw(platform, event="MinIO equals the documents", customers=0)

    (platform.policies / "customers" / "bad.json").write_text("{")
    customer = platform.add_customer()
    saw(platform, event="applied", what=f"bucket staging-{customer}: notifications")
    saw(platform, event="not applied", what="document bad.json")
    platform.write_constraints(customer, replay_days=3)
    saw(platform, 2, event="applied", what=f"bucket archive-{customer}: lifecycle")
    saw(platform, 2, event="MinIO equals the documents", customers=1)

    assert stop(process) == 0
    (platform.policies / "customers" / "bad.json").unlink()
    planned = json.loads(platform.run("bucket-policies", "plan", "--json").stdout)
    assert [one for one in planned["differences"] if one["system"] == "MinIO"] == []


def test_watch_waits_for_a_store_that_is_away_and_ends_when_told(platform):
    process = platform.start(BIN / "bucket-policies", "watch", BUCKET_POLICIES_S3_URL="http://127.0.0.1:1")
    saw(platform, event="not applied", what="MinIO")

    assert stop(process) == 0
    assert {line["event"] for line in log_of(platform)} == {"not applied"}
