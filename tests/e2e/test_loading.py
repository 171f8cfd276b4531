"""From an object in staging to rows, an outcome and the archive, on the real servers."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.denial import Denial
from support.rabbit import discard_events, messages, publish, waiting
from support.testbed import Platform, csv_of, eventually

pytestmark = pytest.mark.deep

CASES = Path(__file__).parent.parent / "cases"


def test_key_overwritten_while_its_first_version_waits_ends_as_two_loads(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.put(customer, "people.csv", csv_of([(1, "old", "kept"), (2, "old", "kept")]))
    platform.put(customer, "people.csv", csv_of([(1, "new")], header="id,name"))

    with platform.manager():
        loads = platform.settled(customer, 2)
        platform.verify(customer)

    assert [(load["status"], load["rows_written"]) for load in loads] == [("loaded", 2), ("loaded", 1)]
    older, newer = (load["write_base"] for load in loads)
    rows = platform.rows(customer, "id, name, note, writetime(name) AS n, writetime(note) AS o")
    assert sorted(map(tuple, (row.values() for row in rows))) == [
        (1, "new", "kept", newer, older),
        (2, "old", "kept", older, older),
    ]
    assert platform.staged(customer) == []
    assert sorted(platform.archived(customer)) == sorted(f"objects/{load['load_id']}" for load in loads)


def test_event_delivered_three_times_loads_once(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    version = platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
    body = event_body(customer, "people.csv", version)
    for _ in range(3):
        publish(platform, customer, body)

    with platform.manager():
        [load] = platform.settled(customer, 1)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        platform.verify(customer)
    [after] = platform.ledger(customer)
    assert (after["status"], after["attempts"], after["rows_written"]) == ("loaded", 1, 1)
    assert after == load


def test_lost_event_is_found_by_reconcile_once_also_when_it_arrives_later(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    version = platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
    discard_events(platform, customer, 2)

    with platform.manager(INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS="0"):
        [load] = platform.settled(customer, 1)
        publish(platform, customer, event_body(customer, "people.csv", version))
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        platform.verify(customer)
    assert platform.ledger(customer) == [load]
    assert (load["status"], load["attempts"]) == ("loaded", 1)


def test_file_that_breaks_a_constraint_ends_as_rejected_without_a_row(platform: Platform) -> None:
    customer = platform.add_customer(formats=[".csv"], data_sizes=1)
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.txt", csv_of([(1, "a", "b")]))
        platform.put(customer, "large.csv", csv_of([(number, "name", "note") for number in range(200)]))
        loads = platform.settled(customer, 2)
        platform.verify(customer)
    assert [(load["key"], load["status"], load["reason"], load["rows_written"]) for load in loads] == [
        ("people.txt", "rejected", "format", 0),
        ("large.csv", "rejected", "size", 0),
    ]
    assert platform.rows(customer) == []
    assert platform.staged(customer) == []


def test_same_key_twice_under_one_upload_is_a_duplicate(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    body = csv_of([(1, "a", "b")])
    for _ in range(2):
        platform.put(customer, "people.csv", body, Metadata=platform.granted(customer, "people.csv", "u1"))
    with platform.manager():
        loads = platform.settled(customer, 2)
        platform.verify(customer)
    assert sorted(load["status"] for load in loads) == ["duplicate", "loaded"]
    assert len(platform.archived(customer)) == 1


def test_event_before_its_customer_exists_is_loaded_when_it_does(platform: Platform) -> None:
    first = platform.add_customer()
    platform.apply()
    customer = platform.add_customer()
    platform.make_buckets()
    before = waiting(platform, "ingest.unrouted")
    platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
    eventually(lambda: waiting(platform, "ingest.unrouted") > before, what="an event without a queue")
    with platform.manager():
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
        platform.verify(first)
    assert load["status"] == "loaded"


def test_waiting_retry_lies_in_a_retry_queue_and_blocks_nobody(platform: Platform) -> None:
    broken, other = platform.add_customer(), platform.add_customer()
    platform.apply()
    denial = Denial(platform, broken)
    with platform.manager(**denial.settings, INGEST_MANAGER_RETRY_PAUSES_SECONDS="[10]"):
        platform.put(broken, "people.csv", csv_of([(1, "a", "b")]))
        eventually(lambda: waiting(platform, "retry.10s") > 0, what="a message in retry.10s")
        eventually(lambda: [load["status"] for load in platform.ledger(broken)] == ["waiting"])
        platform.put(other, "people.csv", csv_of([(1, "a", "b")]))
        [load] = platform.settled(other, 1)
        assert load["status"] == "loaded"
        [waits] = platform.ledger(broken)
        assert waits["status"] in {"waiting", "loading"}  # on a slow machine the next attempt may have begun
        denial.lift()
        [load] = platform.settled(broken, 1)
        platform.verify(broken)
    assert load["status"] == "loaded"
    assert load["attempts"] >= waits["attempts"] + (waits["status"] == "waiting")
    assert load["attempts"] > 1


def test_object_that_may_not_be_read_ends_as_failed_after_its_attempts(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    denial = Denial(platform, customer)
    quick = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]", "INGEST_MANAGER_ATTEMPTS": "2"}
    with platform.manager(**denial.settings, **quick):
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        eventually(lambda: [load["status"] for load in platform.ledger(customer)] == ["failed"])
        denial.lift()
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
    assert (load["status"], load["reason"], load["attempts"]) == ("failed", "AccessDenied", 2)
    assert platform.archived(customer) == [f"objects/{load['load_id']}"]
    dead = [body for body in messages(platform, "dead-letters") if customer.encode() in body]
    assert len(dead) == 1


def test_one_of_another_customer_ends_among_the_first_ten_of_three_hundred(platform: Platform) -> None:
    crowd, single = platform.add_customer(), platform.add_customer()
    platform.apply()
    for number in range(300):
        platform.put(crowd, f"{number:03}.csv", csv_of([(number, "a", "b")]))
    platform.put(single, "people.csv", csv_of([(1, "a", "b")]))

    with platform.manager():
        [alone] = platform.settled(single, 1)
        loads = platform.settled(crowd, 300, within=300)
        platform.verify(crowd)
    before = [load for load in loads if load["ended_at"] < alone["ended_at"]]
    assert len(before) < 10
    assert {load["status"] for load in loads} == {"loaded"}
    assert sorted(row["id"] for row in platform.rows(crowd, "id")) == list(range(300))


def test_small_file_that_turns_out_broken_writes_nothing(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "open.csv", b'id,name,note\n1,a,b\n2,"never closed,c\n3,d,e\n')
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
    assert (load["status"], load["reason"], load["rows_written"]) == ("rejected", "unclosed_quote", 0)
    assert platform.rows(customer) == []


def event_body(customer: str, key: str, version: str, **item: Any) -> bytes:
    """Return an event as MinIO sends it."""
    record = {
        "eventName": "s3:ObjectCreated:Put",
        "eventSource": "minio:s3",
        "eventTime": "2026-11-25T03:32:39.353Z",
        "s3": {
            "bucket": {"name": f"staging-{customer}"},
            "object": {"key": key, "versionId": version, "sequencer": "18EB2C46DFC565D8"} | item,
        },
    }
    return json.dumps({"Records": [record]}).encode()
