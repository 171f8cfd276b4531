"""Dead letters on the real servers: listed, shown, replayed, discarded, and taken out of their queue."""

import getpass
import json
import re
import uuid
from typing import Any

import pytest
from support.rabbit import consumers, discard_events, publish, seen, waiting
from support.testbed import PEOPLE_APP, Platform, csv_of, eventually

from ingest_manager.queues.events import ObjectEvent, message_body

BROKEN_APP = PEOPLE_APP.replace('"int"', '"integer"')
QUICK = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]", "INGEST_MANAGER_ATTEMPTS": "2"}


def dead_letters(platform: Platform, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run a sub-command with --json; return its documents."""
    text = platform.command("ingest-manager", "dead-letters", *arguments, "--json", code=code)
    return [json.loads(line) for line in text.splitlines()]


def in_queue(platform: Platform, customer: str) -> list[bytes]:
    """Return a customer's alarms, and leave them where they are."""
    return [body for _, body in seen(platform, "dead-letters") if customer.encode() in body]


def mend(platform: Platform, customer: str) -> None:
    (platform.apps / customer / "people" / "app.toml").write_text(PEOPLE_APP)


@pytest.fixture
def customer(platform: Platform) -> str:
    """A customer whose app is broken, two failed loads, and a message that is no event."""
    made = platform.add_customer()
    platform.apply()
    with platform.manager(**QUICK):
        eventually(lambda: consumers(platform, f"ingest.{made}"), what="the customer's taking up")
        (platform.apps / made / "people" / "app.toml").write_text(BROKEN_APP)
        for number, key in enumerate(("a.csv", "b.csv"), 1):
            platform.put(made, key, csv_of([(number, "n", "o")]))
        publish(platform, made, f"no event of {made}\x1b[2J\nsecond line".encode())
        loads = platform.settled(made, 2)
        assert {load["status"] for load in loads} == {"failed"}
        eventually(lambda: len(in_queue(platform, made)) == 3, what="three alarms")
    return made


def test_list_shows_failed_loads_and_messages_newest_first(platform: Platform, customer: str) -> None:
    found = dead_letters(platform, "list", "--customer", customer)
    loads = {load["key"]: load for load in platform.ledger(customer)}
    assert [letter["kind"] for letter in found] == ["message", "load", "load"]
    message, newer, older = found
    assert (message["queue"], message["reason"], message["attempts"]) == (
        f"ingest.{customer}", "unusable_message", None
    )  # fmt: skip
    assert message["last_error"].startswith("the body is not JSON: ")
    assert [newer["id"], older["id"]] == [str(loads[key]["load_id"]) for key in ("b.csv", "a.csv")]
    assert (newer["customer"], newer["key"], newer["reason"], newer["attempts"]) == (
        customer, "b.csv", "app_refused", 2
    )  # fmt: skip
    assert newer["first_error"] == newer["last_error"] == loads["b.csv"]["message"]
    asked = {
        ("--reason", "app_refused"): [newer, older],
        ("--reason", "unusable_message"): [message],
        ("--limit", "1"): [message],
        ("--since", newer["at"], "--reason", "app_refused"): [newer],
    }
    for options, expected in asked.items():
        assert dead_letters(platform, "list", "--customer", customer, *options) == expected, options
    for command in (["list"], ["discard", "--yes"]):
        unknown = platform.run("ingest-manager", "dead-letters", *command, "--customer", "nobody")
        assert (unknown.returncode, unknown.stdout) == (2, "")
        assert "'nobody' is no customer; the customers are " in " ".join(unknown.stderr.split())


def test_show_tells_all_that_is_known_and_makes_a_body_harmless(platform: Platform, customer: str) -> None:
    message, load, _ = dead_letters(platform, "list", "--customer", customer)
    [shown] = dead_letters(platform, "show", message["id"])
    assert shown["body"] == f"no event of {customer}\x1b[2J\nsecond line"
    text = platform.command("ingest-manager", "dead-letters", "show", message["id"])
    assert f"    no event of {customer}\\x1b[2J\n    second line\n" in text
    [shown] = dead_letters(platform, "show", load["id"])
    assert (shown["key"], shown["status"], shown["worker"]) == (
        "b.csv",
        "failed",
        platform.ledger(customer)[1]["worker"],
    )
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", shown["ended_at"])
    unknown = platform.run("ingest-manager", "dead-letters", "show", str(uuid.uuid4()))
    assert (unknown.returncode, unknown.stdout, unknown.stderr.count("\n")) == (1, "", 1)


def test_replay_loads_what_failed_and_says_why_a_message_is_still_none(
    platform: Platform, customer: str
) -> None:
    mend(platform, customer)
    with platform.manager(**QUICK):
        [summary] = dead_letters(platform, "replay", "--customer", customer, "--yes", "--wait", code=1)
        platform.verify(customer)
    assert (summary["count"], summary["outcomes"]) == (2, {"loaded": 2})
    [message] = summary["messages"]
    assert (message["load_ids"], message["problem"].startswith("the body is not JSON: ")) == ([], True)
    [left] = dead_letters(platform, "list", "--customer", customer)
    assert left["id"] == message["id"]
    # A late copy of an event that met the failure may have left its alarm, too.
    assert f"no event of {customer}\x1b[2J\nsecond line".encode() in in_queue(platform, customer)


def test_message_that_is_an_event_now_is_published(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    version = platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
    discard_events(platform, customer, 2)
    event = ObjectEvent(f"staging-{customer}", "people.csv", version, 1_700_000_000_000_000)
    publish(platform, customer, message_body(event), **{"ingest-replay": "an order of tomorrow's version"})
    with platform.manager():
        [letter] = eventually(lambda: dead_letters(platform, "list", "--customer", customer))
        [summary] = dead_letters(platform, "replay", letter["id"], "--yes", "--wait")
        platform.verify(customer)
    assert summary["outcomes"] == {"loaded": 1}
    assert dead_letters(platform, "list", "--customer", customer) == []
    [kept] = dead_letters(platform, "list", "--customer", customer, "--all")
    assert (kept["id"], bool(kept["replayed_at"])) == (letter["id"], True)
    assert in_queue(platform, customer) == []


def test_discarded_dead_letters_are_out_of_the_way_and_a_replay_takes_that_back(
    platform: Platform, customer: str
) -> None:
    message, newer, older = dead_letters(platform, "list", "--customer", customer)
    options = ("discard", newer["id"], message["id"], "--note", "sent again", "--yes")
    assert dead_letters(platform, *options) == [{"discarded": [newer["id"], message["id"]], "kept": []}]
    assert dead_letters(platform, "list", "--customer", customer) == [older]
    shown = {
        letter["id"]: letter for letter in dead_letters(platform, "list", "--customer", customer, "--all")
    }
    for letter_id in (newer["id"], message["id"]):
        mark = [shown[letter_id][name] for name in ("discarded_by", "discard_note")]
        assert mark == [getpass.getuser(), "sent again"]
    assert platform.ledger(customer)[1]["status"] == "failed"
    assert len(in_queue(platform, customer)) == 1

    mend(platform, customer)
    failed = ("replay", "--customer", customer, "--yes", "--json", "--status", "failed")
    with platform.manager(**QUICK):
        summary = json.loads(platform.command("ingest-manager", *failed, "--wait"))
        assert (summary["count"], summary["left_out"], summary["outcomes"]) == (
            1,
            {"discarded": 1},
            {"loaded": 1},
        )
        summary = json.loads(platform.command("ingest-manager", *failed, "--all", "--wait"))
        assert (summary["count"], summary["outcomes"]) == (1, {"loaded": 1})
        platform.settled(customer, 2)
        platform.verify(customer)
    assert [load["discarded_at"] for load in platform.ledger(customer)] == [None, None]
    assert waiting(platform, f"ingest.{customer}") == 0


def test_what_is_no_dead_letter_is_refused_and_nothing_is_discarded(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [load] = platform.settled(customer, 1)
    done = platform.run("ingest-manager", "dead-letters", "discard", str(load["load_id"]), "--yes")
    assert (done.returncode, done.stderr) == (
        1, f"ingest-manager: {load['load_id']} is loaded, no dead letter\n"
    )  # fmt: skip
    platform.command("ingest-manager", "dead-letters", "discard", "--yes", code=2)
    platform.command("ingest-manager", "dead-letters", "discard", "--customer", customer, code=2)
