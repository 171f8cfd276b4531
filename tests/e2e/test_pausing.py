"""Customers paused, resumed and drained, and what `status` says of them, on the real servers."""

import json
from typing import Any

import pytest
from support.denial import Denial
from support.rabbit import consumers, discard_events, waiting
from support.testbed import Platform, csv_of, eventually

GOOD = csv_of([(1, "a", "b")])
AT_ONCE = {"INGEST_MANAGER_RECONCILE_SECONDS": "1", "INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS": "0"}


def status(platform: Platform, customer: str, code: int = 0) -> dict[str, Any]:
    """Return the state of one customer."""
    answer = json.loads(
        platform.command("ingest-manager", "status", "--customer", customer, "--json", code=code)
    )
    [state] = answer["customers"]
    return dict(state)


def drain(platform: Platform, customer: str, *options: str, code: int = 0) -> dict[str, Any]:
    """Drain a customer; return the summary."""
    return dict(
        json.loads(platform.command("ingest-manager", "drain", customer, "--json", *options, code=code))
    )


def hold(platform: Platform, customer: str) -> None:
    """Pause a customer and wait until no manager consumes its queue."""
    platform.command("ingest-manager", "pause", customer)
    eventually(lambda: consumers(platform, f"ingest.{customer}") == 0, what=f"a pause of {customer}")


def put_and_wait(platform: Platform, customer: str, key: str, messages: int) -> None:
    """Put an object of a paused customer and wait until so many messages are in its queue."""
    platform.put(customer, key, GOOD)
    eventually(lambda: waiting(platform, f"ingest.{customer}") == messages, what="both copies of the event")


def test_paused_customer_waits_while_another_loads_and_goes_on_when_resumed(platform: Platform) -> None:
    held, other = platform.add_customer(), platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(held, "first.csv", GOOD)
        platform.settled(held, 1)
        hold(platform, held)
        put_and_wait(platform, held, "second.csv", 2)
        platform.put(other, "people.csv", GOOD)
        platform.settled(other, 1)
        assert len(platform.ledger(held)) == 1
        assert platform.command("ingest-manager", "resume", held) == f"{held} is resumed\n"
        loads = platform.settled(held, 2)
        platform.verify(held)
    assert [(load["key"], load["status"], load["attempts"]) for load in loads] == [
        ("first.csv", "loaded", 1),
        ("second.csv", "loaded", 1),
    ]


def test_pause_outlives_managers_and_is_no_difference_and_no_lost_event(platform: Platform) -> None:
    held, other = platform.add_customer(), platform.add_customer()
    platform.apply()
    platform.environment |= AT_ONCE
    platform.command("ingest-manager", "pause", held)
    put_and_wait(platform, held, "people.csv", 2)
    for number in range(2):
        platform.put(other, f"{number}.csv", GOOD)
        discard_events(platform, other, 2)
        with platform.manager():
            platform.settled(other, number + 1)  # by a reconcile, so there was one
            assert waiting(platform, f"ingest.{held}") == 2
            assert platform.ledger(held) == []
            platform.verify(held)
    platform.command("ingest-manager", "resume", held)
    with platform.manager():
        [load] = platform.settled(held, 1)
    assert (load["status"], load["attempts"]) == ("loaded", 1)


def test_load_under_way_ends_when_its_customer_is_paused(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    total = 300_000
    with platform.manager():
        platform.put(customer, "large.csv", csv_of([(number, "name", "note") for number in range(total)]))
        platform.first_row(customer)
        for number in range(3):
            platform.put(customer, f"{number}.csv", csv_of([(-number, "a", "b")]))
        hold(platform, customer)
        eventually(lambda: [row["key"] for row in platform.ledger(customer) if row["placed_at"]] != [])
        large = next(row for row in platform.ledger(customer) if row["key"] == "large.csv")
        if not large["placed_at"]:
            eventually(
                lambda: next(r for r in platform.ledger(customer) if r["key"] == "large.csv")["placed_at"]
            )
        platform.command("ingest-manager", "resume", customer)
        loads = platform.settled(customer, 4)
        platform.verify(customer)
    assert [(load["status"], load["attempts"]) for load in loads] == [("loaded", 1)] * 4


def test_pausing_twice_and_resuming_twice_says_so(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    assert (
        platform.command("ingest-manager", "resume", customer)
        == f"{customer} was not paused; nothing changed\n"
    )
    first = platform.command("ingest-manager", "pause", customer, "--note", "table is rebuilt")
    again = platform.command("ingest-manager", "pause", customer, "--note", "another reason")
    assert first == f"{customer} is paused\n"
    assert again.startswith(f"{customer} was paused already, ")
    state = status(platform, customer)
    assert (state["paused"], state["pause_note"]) == (True, "table is rebuilt")
    assert "table is rebuilt" in platform.command("ingest-manager", "status", "--customer", customer)


@pytest.mark.parametrize("command", ["pause", "resume", "drain"])
def test_customer_that_nobody_knows_is_wrong_usage(platform: Platform, command: str) -> None:
    known = platform.add_customer()
    platform.apply()
    done = platform.run("ingest-manager", command, "nobody-at-all")
    assert done.returncode == 2
    assert f"'nobody-at-all' is no customer; the customers are {known}" in " ".join(done.stderr.split())


def test_drain_waits_for_retries_and_leaves_the_customer_paused(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    denial = Denial(platform, customer)
    quick = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]", "INGEST_MANAGER_ATTEMPTS": "2"}
    with platform.manager(**denial.settings, **quick):
        platform.put(customer, "people.csv", GOOD)
        eventually(lambda: platform.ledger(customer), what="a first attempt")
        eventually(lambda: [load["status"] for load in platform.ledger(customer)] == ["failed"])
        stuck = drain(platform, customer, "--timeout", "0", "--pause", code=1)  # it may not be copied
        denial.lift()
        drained = drain(platform, customer, "--pause", "--note", "moves")
        [load] = platform.ledger(customer)
        eventually(lambda: consumers(platform, f"ingest.{customer}") == 0)
    assert (stuck["drained"], stuck["paused"], stuck["hindrance"]) == (False, False, "the time is over")
    assert stuck["left"]["objects to be moved"] == 1
    assert drained == {
        "customer": customer,
        "drained": True,
        "paused": True,
        "hindrance": None,
        "left": {},
        "dead_letters": 1,
    }
    assert (load["status"], load["placed_at"] is not None) == ("failed", True)
    assert waiting(platform, f"ingest.{customer}") == 0
    refused = platform.run("ingest-manager", "drain", customer)
    assert refused.returncode == 1
    assert f"{customer} is not drained: it is paused" in refused.stdout


def test_drain_without_a_manager_says_what_is_left(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    put_and_wait(platform, customer, "people.csv", 2)
    summary = drain(platform, customer, "--timeout", "0", code=1)
    assert summary["left"] == {"messages in its queue": 2, "objects without an outcome": 1}
    assert (
        summary["hindrance"] == "the time is over, and no manager consumes its queue: see the managers' logs"
    )


def test_customer_whose_document_is_gone_can_be_paused_and_is_drained_if_nothing_is_left(
    platform: Platform,
) -> None:
    customer = platform.add_customer()
    platform.apply()
    document = platform.policies / "customers" / f"{customer}.json"
    text = document.read_text()
    document.unlink()
    assert drain(platform, customer)["drained"] is True
    put_and_wait(platform, customer, "people.csv", 2)
    refused = drain(platform, customer, code=1)
    assert refused["hindrance"] == "its document is gone, so no manager loads it: put the document back first"
    platform.command("ingest-manager", "pause", customer)
    assert (status(platform, customer)["has_document"], status(platform, customer)["paused"]) == (False, True)
    document.write_text(text)
    with platform.manager():
        platform.command("ingest-manager", "resume", customer)
        [load] = platform.settled(customer, 1)
    assert load["status"] == "loaded"


def test_status_of_a_made_situation(platform: Platform) -> None:
    customer = platform.add_customer(quota_kib=1_000, number_files=5)
    platform.apply()
    denial = Denial(platform, customer)
    slow = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[600]", "INGEST_MANAGER_ATTEMPTS": "1"}
    with platform.manager():
        platform.put(customer, "partly.csv", csv_of([(1, "a", "b"), ("x", "bad", "")]))
        platform.settled(customer, 1)
    with platform.manager(**denial.settings, **slow):
        platform.put(customer, "failing.csv", GOOD)
        eventually(lambda: "failed" in [load["status"] for load in platform.ledger(customer)])
    with platform.manager(**denial.settings, **slow | {"INGEST_MANAGER_ATTEMPTS": "2"}):
        platform.put(customer, "waiting.csv", GOOD)
        eventually(lambda: "waiting" in [load["status"] for load in platform.ledger(customer)])
        hold(platform, customer)
        put_and_wait(platform, customer, "queued.csv", 2)
    cql = "INSERT INTO ingest.grants (customer, upload_id, sizes) VALUES (%s, 'u1', {'a.csv': 1000})"
    platform.session.execute(cql, (customer,))
    state = status(platform, customer)
    assert 0 < state.pop("oldest_waiting_seconds") < 600
    assert state.pop("paused_at") is not None
    assert "@" in state.pop("paused_by")
    assert state == {
        "customer": customer,
        "has_document": True,
        "paused": True,
        "pause_note": None,
        "queue_depth": 2,
        "consumers": 0,
        "without_outcome": 2,
        "in_flight": 0,
        "waiting_for_retry": 1,
        "unplaced": 1,
        "loads_last_hour": 2,
        "rejects_last_hour": 1,
        "dead_letters": 1,
        "refused_by_app": 0,
        "quota_declared_bytes": 1_024_000,
        "quota_set_bytes": 1_024_000,
        "used_bytes": 1_000 + 3 * len(GOOD),
    }


def test_status_shows_what_it_can_when_a_server_is_away(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    nowhere = {
        "cassandra": {"INGEST_MANAGER_CASSANDRA_PORT": "9"},
        "minio": {"INGEST_MANAGER_S3_URL": "http://127.0.0.1:9"},
        "rabbitmq": {"INGEST_MANAGER_AMQP_URL": "amqp://127.0.0.1:9"},
    }
    found = {}
    for server, settings in nowhere.items():
        there, platform.environment = platform.environment, platform.environment | settings
        answer = json.loads(platform.command("ingest-manager", "status", "--json", code=4))
        text = platform.command("ingest-manager", "status", code=4)
        platform.environment = there
        assert [name for name, told in answer["servers"].items() if told != "reachable"] == [server]
        assert customer in text
        [found[server]] = [state for state in answer["customers"] if state["customer"] == customer]
    assert (found["cassandra"]["dead_letters"], found["cassandra"]["queue_depth"]) == (None, 0)
    assert (found["minio"]["used_bytes"], found["minio"]["dead_letters"]) == (None, 0)
    assert (found["rabbitmq"]["queue_depth"], found["rabbitmq"]["used_bytes"]) == (None, 0)
