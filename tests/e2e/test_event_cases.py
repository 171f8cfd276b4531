"""The event faults of `tests/cases` on the running system (their parsing is in `unit/test_events`)."""

from pathlib import Path

import pytest
from support.rabbit import discard_events, messages, publish, waiting
from support.testbed import Platform, csv_of, eventually

pytestmark = pytest.mark.deep

CASES = Path(__file__).parent.parent / "cases"


def lines_for(customer: str, name: str) -> list[bytes]:
    """Return a case's messages, addressed to a customer's own bucket."""
    text = (CASES / name).read_text().replace("staging-acme", f"staging-{customer}")
    return text.encode().splitlines()


def test_c01_keys_with_spaces_and_unicode_are_found(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    keys = [
        "in/plain.csv",
        "in/red flower (1).csv",
        "in/café 数据.csv",
        "in/nl\n.csv",
        "in/100%.csv",
        "in/a+b.csv",
    ]
    with platform.manager():
        for number, key in enumerate(keys):
            platform.put(customer, key, csv_of([(number, "a", "b")]))
        loads = platform.settled(customer, len(keys))
        platform.verify(customer)
    assert [(load["key"], load["status"]) for load in loads] == [(key, "loaded") for key in keys]


def test_c03_unusable_messages_are_dead_lettered_at_once_and_harm_no_neighbour(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    messages(platform, "dead-letters")
    version = platform.put(customer, "in/plain.csv", csv_of([(1, "a", "b")]))
    discard_events(platform, customer, 2)
    bodies = lines_for(customer, "C03_messages.txt")
    bodies[-1] = bodies[-1].replace(b'"size": 12', f'"size": 12, "versionId": "{version}"'.encode())
    for body in bodies:
        publish(platform, customer, body)

    with platform.manager():
        [load] = platform.settled(customer, 1)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        dead: list[bytes] = []
        eventually(lambda: (dead.extend(messages(platform, "dead-letters")), len(dead) >= 3)[1])
        platform.verify(customer)
    assert (load["status"], load["key"]) == ("loaded", "in/plain.csv")
    assert sorted(dead) == sorted([b"{}", b"[]", b"this is not json"])
    kept = platform.session.execute("SELECT body, queue FROM ingest.unusable_messages")
    mine = sorted(row["body"] for row in kept if row["queue"] == f"ingest.{customer}")
    assert mine == sorted([b"{}", b"[]", b"this is not json"])


def test_c05_only_events_that_bring_bytes_load_and_tagging_does_not(platform: Platform) -> None:
    customer = platform.add_customer(after_load="keep")
    platform.apply()
    bucket = f"staging-{customer}"
    body = csv_of([(number, "n" * 500, "o" * 500) for number in range(11_000)])
    parts = [body[: 5 << 20], body[5 << 20 : 10 << 20], body[10 << 20 :]]
    with platform.manager():
        upload = platform.s3.create_multipart_upload(Bucket=bucket, Key="big.csv")["UploadId"]
        where = {"Bucket": bucket, "Key": "big.csv", "UploadId": upload}
        etags = [
            platform.s3.upload_part(**where, PartNumber=number, Body=part)["ETag"]
            for number, part in enumerate(parts, 1)
        ]
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        platform.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": listed})
        platform.s3.copy_object(
            Bucket=bucket, Key="copy.csv", CopySource={"Bucket": bucket, "Key": "big.csv"}
        )
        loads = platform.settled(customer, 2)
        tag = {"TagSet": [{"Key": "done", "Value": "yes"}]}
        platform.s3.put_object_tagging(Bucket=bucket, Key="copy.csv", Tagging=tag)
        platform.put(customer, "after.csv", csv_of([(-1, "a", "b")]))  # queued behind whatever tagging caused
        platform.settled(customer, 3)
        platform.verify(customer)
    assert [(load["key"], load["status"], load["rows_written"]) for load in loads] == [
        ("big.csv", "loaded", 11_000),
        ("copy.csv", "loaded", 11_000),
    ]
    assert [load["attempts"] for load in platform.ledger(customer)] == [1, 1, 1]


def test_c07_object_gone_before_it_is_read_ends_as_gone(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    for body in lines_for(customer, "C07_events.jsonl"):
        publish(platform, customer, body)
    with platform.manager():
        [load] = platform.settled(customer, 1)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        platform.verify(customer)
    assert (load["status"], load["key"], load["attempts"]) == ("gone", "in/gone.csv", 1)
    assert platform.rows(customer) == []


def test_c09_older_object_delivered_after_a_newer_never_wins(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    versions = {
        key: platform.put(customer, key, (CASES / name).read_bytes())
        for key, name in (("in/newer.csv", "C09_newer.csv"), ("in/older.csv", "C09_older.csv"))
    }
    discard_events(platform, customer, 4)
    for body, version in zip(
        lines_for(customer, "C09_events_out_of_order.jsonl"), versions.values(), strict=True
    ):
        publish(platform, customer, body.replace(b'"size": 12', f'"versionId": "{version}"'.encode()))
    with platform.manager():
        platform.settled(customer, 2)
        platform.verify(customer)
    [row] = platform.rows(customer, "id, name, note, writetime(name) AS n, writetime(note) AS o")
    assert row == {"id": 1, "name": "new", "note": "kept", "n": 1795577560652486, "o": 1795577559350863}
