"""A day of ops: 300 objects of two customers, and everything that goes wrong on one day, put right again.

A broken app, a broken file, a lost event, a broker that restarts, an app that was wrong for hours. At the end
nothing differs, and the tables equal what the files say.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from support.rabbit import consumers
from support.testbed import PEOPLE_APP, Platform, csv_of, eventually

from servers.instance import Instance

QUICK = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]", "INGEST_MANAGER_ATTEMPTS": "2"}
NOTHING_IS_YOUNG = "INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS"
BROKEN_APP = PEOPLE_APP.replace('"int"', '"integer"')
SWAPPED_APP = PEOPLE_APP.replace(
    'name = "text"\nnote = "text"',
    'name = { type = "text", column = "note" }\nnote = { type = "text", column = "name" }',
)
ROWS = 20  # of an object
SHARED = 10  # of them, the next object of the customer has, too


@dataclass(slots=True)
class Sender:
    """A customer that sends objects, and what its table shall hold when all are in."""

    platform: Platform
    customer: str
    sent: int = 0
    expected: dict[int, tuple[str, str]] = field(default_factory=dict)

    def send(self, count: int) -> None:
        """Put objects; each has new rows, and newer values of rows of the one before."""
        for number in range(self.sent, self.sent + count):
            first = number * (ROWS - SHARED)
            rows = [(i, f"name {i} of {number}", f"note {i} of {number}") for i in range(first, first + ROWS)]
            self.platform.put(self.customer, f"day/{number}.csv", csv_of(rows))
            self.expected |= {i: (name, note) for i, name, note in rows}
        self.sent += count

    def stored(self) -> dict[int, tuple[str, str]]:
        """Return what the table holds."""
        return {row["id"]: (row["name"], row["note"]) for row in self.platform.rows(self.customer)}

    def statuses(self) -> Counter[str]:
        """Count the customer's placed loads by status."""
        return Counter(row["status"] for row in self.platform.ledger(self.customer) if row["placed_at"])

    def wait_for(self, **statuses: int) -> None:
        """Wait until just these loads have ended."""
        what = f"{statuses} of {self.customer}"
        eventually(lambda: self.statuses() == Counter(statuses), what=what)

    def replay(self, *options: str) -> dict[str, Any]:
        """Replay some of the customer's loads; return the summary."""
        command = ("ingest-manager", "replay", "--customer", self.customer, "--yes", "--json", *options)
        summary: dict[str, Any] = json.loads(self.platform.command(*command))
        return summary


def test_day_of_operations_ends_without_a_difference_and_with_the_rows_of_the_files(
    servers: Instance, platform: Platform
) -> None:
    acme = Sender(platform, platform.add_customer(apps={"people": SWAPPED_APP}))
    bolt = Sender(platform, platform.add_customer(prefix="bolt"))
    platform.apply()
    with platform.manager(**QUICK):
        eventually(lambda: consumers(platform, f"ingest.{bolt.customer}"), what="the customers' taking up")
        began = datetime.now(UTC)
        break_app(bolt)
        acme.send(60)
        bolt.send(40)
        acme.wait_for(loaded=60)
        bolt.wait_for(failed=40)
        send_bad_files(acme)
        lose_an_event(bolt)
        restart_broker_while_sending(servers, acme, bolt)
        mend_app(bolt)
        acme.wait_for(loaded=148, partly_loaded=1, rejected=1)
        bolt.wait_for(loaded=150)
        ended = datetime.now(UTC)
        correct_app(acme, began, ended)
        for sender in (acme, bolt):
            platform.verify(sender.customer)
            assert sender.stored() == sender.expected
    assert acme.sent + bolt.sent + 2 == 300


def break_app(sender: Sender) -> None:
    """Break the app of a customer that no worker has met yet: all its loads will fail."""
    (sender.platform.apps / sender.customer / "people" / "app.toml").write_text(BROKEN_APP)


def send_bad_files(sender: Sender) -> None:
    """Send a file that cannot be read, and one with a row that cannot be stored."""
    sender.platform.put(sender.customer, "broken.csv", b'id,name,note\n-1,"open,b\n')
    sender.platform.put(sender.customer, "partly.csv", csv_of([(-2, "a", "b"), ("x", "c", "d")]))
    sender.expected[-2] = ("a", "b")
    sender.wait_for(loaded=60, rejected=1, partly_loaded=1)


def lose_an_event(sender: Sender) -> None:
    """Put an object while somebody has switched the events off; reconcile finds it."""
    platform, customer = sender.platform, sender.customer
    bucket = f"staging-{customer}"
    platform.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    sender.send(1)
    drift = json.loads(platform.command("bucket-policies", "plan", "--json", code=1))["differences"]
    found = [one["what"] for one in drift if customer in one["what"]]
    assert found == [f"bucket {bucket}: notifications", f"apps of {customer}"]
    platform.command("bucket-policies", "apply", code=1)  # the events come again, the app stays broken
    assert len(platform.ledger(customer)) == 40
    platform.environment[NOTHING_IS_YOUNG] = "0"
    platform.command("ingest-manager", "reconcile", "--customer", customer)
    del platform.environment[NOTHING_IS_YOUNG]
    sender.wait_for(failed=41)


def restart_broker_while_sending(servers: Instance, acme: Sender, bolt: Sender) -> None:
    """Stop the broker, go on sending, start it: every event arrives."""
    servers.rabbitmq.stop()
    try:
        acme.send(88)
        bolt.send(109)
    finally:
        servers.rabbitmq.start()
        servers.rabbitmq.wait()
    acme.wait_for(loaded=148, rejected=1, partly_loaded=1)
    bolt.wait_for(failed=150)


def mend_app(sender: Sender) -> None:
    """Mend the app and replay what failed."""
    (sender.platform.apps / sender.customer / "people" / "app.toml").write_text(PEOPLE_APP)
    assert sender.stored() == {}
    assert sender.replay("--status", "failed", "--dry-run")["count"] == 150
    assert sender.replay("--status", "failed")["count"] == 150


def correct_app(sender: Sender, began: datetime, ended: datetime) -> None:
    """Correct an app that has stored names as notes all day, and load the day again from the event log."""
    swapped = {number: (note, name) for number, (name, note) in sender.expected.items()}
    assert sender.stored() == swapped
    (sender.platform.apps / sender.customer / "people" / "app.toml").write_text(PEOPLE_APP)
    window = ("--since", began.isoformat(), "--until", ended.isoformat())
    summary = sender.replay("--from-log", *window, "--force")
    assert (summary["count"], summary["left_out"]) == (150, {})

    def all_replayed() -> bool:
        rows = sender.platform.ledger(sender.customer)
        return all(row["replays"] == 1 and row["placed_at"] for row in rows)

    eventually(all_replayed, what="150 replays")
    assert sender.statuses() == Counter(loaded=148, partly_loaded=1, rejected=1)
