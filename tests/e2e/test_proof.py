"""`verify --deep` and `reconcile` on the real servers: what was broken by hand is named, and nothing else."""

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import crashing_manager
from support.rabbit import discard_events
from support.testbed import PEOPLE_APP, Platform, csv_of, eventually, keyspace

pytestmark = [pytest.mark.server("minio", "rabbitmq", "cassandra"), pytest.mark.deep]

BROKEN_APP = PEOPLE_APP.replace('"int"', '"integer"')
OFTEN = {"INGEST_MANAGER_RECONCILE_SECONDS": "1", "INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS": "0"}


VERIFY = ("ingest-manager", "verify", "--json")


def deep(platform: Platform, customer: str, *options: str) -> dict[str, Any]:
    """Run `verify --deep`; return its report."""
    done = platform.run(*VERIFY, "--deep", "--customer", customer, *options)
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if report["differences"] else 0), done.stderr
    return report


def moment(written_us: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=written_us):%Y-%m-%dT%H:%M:%S.%fZ}"


def named(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["key"], one["message"]) for one in report["differences"]]


@pytest.mark.leaves_differences("rows are deleted, overwritten and truncated by hand")
def test_rows_that_were_changed_by_hand_are_named_exactly(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    table = f"{keyspace(customer)}.people"
    with platform.manager():
        platform.put(customer, "a.csv", csv_of([(number, "n", "o") for number in range(3)]))
        platform.put(customer, "b.csv", csv_of([(number, "n", "o") for number in range(10, 30)]))
        loads = platform.settled(customer, 2)
    report = deep(platform, customer)
    assert (named(report), report["counts"]["rows found"]) == ([], 23)

    platform.session.execute(f"DELETE FROM {table} WHERE id = 1")
    assert named(deep(platform, customer)) == [("a.csv", "row id=1 is not in its table")]

    platform.session.execute(f"DELETE note FROM {table} WHERE id = 2")
    then = 1_000_000_000_000_001
    platform.session.execute(f"DELETE FROM {table} USING TIMESTAMP {loads[1]['write_base']} WHERE id = 10")
    platform.session.execute(f"INSERT INTO {table} (id, name) VALUES (10, 'x') USING TIMESTAMP {then}")
    platform.session.execute(f"INSERT INTO {table} (id, name) VALUES (11, 'newer')")
    found = named(deep(platform, customer))
    assert found == [
        ("b.csv", "row id=10 is not in its table"),
        ("a.csv", "row id=1 is not in its table"),
        ("a.csv", "row id=2: note is not there"),
    ]

    platform.session.execute(f"TRUNCATE {table}")
    platform.session.execute(f"INSERT INTO {table} (id, name) VALUES (10, 'x') USING TIMESTAMP {then}")
    found = named(deep(platform, customer, "--last", "1"))
    of = f"the object is of {moment(loads[1]['write_base'])}"
    assert found[0] == (
        "b.csv",
        f"row id=10: name was written 2001-09-09T01:46:40.000001Z, {of}; note is not there",
    )
    assert found[1:10] == [("b.csv", f"row id={number} is not in its table") for number in range(11, 20)]
    assert found[10:] == [("b.csv", "and 10 more rows are not as it wrote them")]


def test_replay_whose_message_was_lost_is_found_by_reconcile(platform: Platform) -> None:
    """Its object is in the archive alone, and no event tells of it."""
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [before] = platform.settled(customer, 1)
    platform.session.execute(f"TRUNCATE {keyspace(customer)}.people")
    crashed = (Path(crashing_manager.__file__), "claim", "manager", platform.folder / "crashed")
    doomed = platform.start(sys.executable, *crashed)
    order = ("replay", "--customer", customer, "--since", "1h", "--yes", "--json")
    replay_id = json.loads(platform.command("ingest-manager", *order))["replay_id"]
    assert doomed.wait(60) == -signal.SIGKILL
    discard_events(platform, customer, 1)
    assert [load["status"] for load in platform.ledger(customer)] == ["loading"]

    with platform.manager(**OFTEN):
        [load] = eventually(lambda: [row for row in platform.ledger(customer) if row["placed_at"]])
    assert (load["status"], load["replays"], load["placed_in"]) == ("loaded", 1, "archive")
    assert (str(load["replay_id"]), load["write_base"]) == (replay_id, before["write_base"])
    assert [row["id"] for row in platform.rows(customer)] == [1]


def test_object_of_a_refused_app_tells_everybody_why_it_waits(platform: Platform) -> None:
    customer = platform.add_customer(apps={"people": BROKEN_APP})
    platform.make_buckets()
    granted = platform.granted(customer, "people.csv", "u1")
    platform.put(customer, "people.csv", csv_of([(1, "a", "b")]), Metadata=granted)
    with platform.manager(**OFTEN):
        [load] = eventually(lambda: platform.history(customer), what="a load that is held")
        assert (load["status"], load["upload_id"], load["attempts"]) == ("queued", "u1", 0)
        assert load["message"].startswith("waits until its customer is taken up: ")
        assert "[columns] id.type: 'integer' is not a type" in load["message"]
        report = platform.verify(customer)
        assert report["waiting"] == [{"customer": customer, "why": load["message"], "count": 1}]
        (platform.apps / customer / "people" / "app.toml").write_text(PEOPLE_APP)
        [load] = platform.settled(customer, 1)
    assert (load["status"], load["attempts"], load["message"]) == ("loaded", 1, None)


def test_customer_whose_document_was_removed_is_compared_as_far_as_possible(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b"), ("x", "bad", "")]))
        platform.settled(customer, 1)
    (platform.policies / "customers" / f"{customer}.json").unlink()
    platform.put(customer, "late.csv", csv_of([(2, "a", "b")]))
    report = platform.verify(customer)
    assert report["without_document"] == [customer]
    assert report["counts"] == {"partly_loaded": 1}
    assert report["waiting"] == [{"customer": customer, "why": "its customer has no document", "count": 1}]


@pytest.mark.leaves_differences("an object is put into the archive by hand")
def test_place_of_an_object_is_the_one_it_was_moved_to_whatever_the_document_says_now(
    platform: Platform,
) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "archived.csv", csv_of([(1, "a", "b")]))
        platform.settled(customer, 1)
        platform.write_constraints(customer, after_load="keep")
        platform.put(customer, "kept.csv", csv_of([(2, "a", "b")]))
        platform.settled(customer, 2)
        platform.write_constraints(customer, after_load="delete")
        platform.put(customer, "deleted.csv", csv_of([(3, "a", "b")]))
        loads = platform.settled(customer, 3)
    assert [load["placed_in"] for load in loads] == ["archive", "staging", "deleted"]
    assert platform.verify(customer, "--deep")["counts"]["rows found"] == 2
    for load in loads:
        stray = f"objects/{load['load_id']}"
        platform.s3.put_object(Bucket=f"archive-{customer}", Key=stray, Body=b"")
    found = json.loads(platform.command(*VERIFY, "--customer", customer, code=1))["differences"]
    strays = sorted(f"objects/{load['load_id']}" for load in loads[1:])
    assert [(one["key"], one["message"]) for one in found] == [
        (key, "is archived, but no load names it") for key in strays
    ]


def test_reconcile_counts_what_it_looked_at_what_was_lost_and_what_got_stuck(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.environment |= {"INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS": "0"}
    reconcile = ("ingest-manager", "reconcile", "--customer", customer, "--json")
    platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
    discard_events(platform, customer, 2)
    counts = {"customer": customer, "looked_at": 1, "lost": 1, "again": 0}
    assert json.loads(platform.command(*reconcile)) == counts
    assert json.loads(platform.command(*reconcile)) == counts | {"lost": 0}  # its message waits
    discard_events(platform, customer, 1)
    assert json.loads(platform.command(*reconcile)) == counts | {"lost": 0, "again": 1}
    with platform.manager():
        [load] = platform.settled(customer, 1)
    assert load["status"] == "loaded"
