"""Replays on the real servers: nothing changes unless something was wrong, and nothing is lost on the way."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from support import crashing_manager
from support.rabbit import consumers, messages, orders, waiting
from support.testbed import BIN, PEOPLE_APP, Platform, csv_of, eventually, keyspace

pytestmark = pytest.mark.deep

CELLS = "id, name, note, writetime(name) AS named, writetime(note) AS noted"
BROKEN_APP = PEOPLE_APP.replace('"int"', '"integer"')
APP_WITHOUT_NOTE = PEOPLE_APP.replace('note = "text"\n', "").replace(
    'format = "csv"', 'format = "csv"\nextra_columns = "ignore"'
)


def cells(platform: Platform, customer: str) -> list[dict[str, Any]]:
    """Return every cell of the customer's table and its write time."""
    return sorted(platform.rows(customer, CELLS), key=lambda row: row["id"])


def replay(platform: Platform, customer: str, *options: str, code: int = 0) -> dict[str, Any]:
    """Run the command for one customer; return its summary."""
    command = ("ingest-manager", "replay", "--customer", customer, "--json", "--yes", *options)
    summary: dict[str, Any] = json.loads(platform.command(*command, code=code))
    return summary


def replayed(platform: Platform, customer: str, **replays: int) -> dict[str, dict[str, Any]]:
    """Wait until the loads have been replayed so often and are placed; return the ledger's rows by key."""

    def all_done() -> dict[str, dict[str, Any]]:
        rows = {row["key"]: row for row in platform.ledger(customer)}
        is_done = all(
            (row := rows.get(f"{name}.csv")) and row["replays"] == count and row["placed_at"]
            for name, count in replays.items()
        )
        return rows if is_done else {}

    return eventually(all_done, what=f"{replays} of {customer}")


def put_all_kinds(platform: Platform, customer: str) -> None:
    """Put objects that end as loaded, partly loaded, rejected and duplicate, and two versions of one key."""
    platform.put(customer, "people.csv", csv_of([(1, "old", "kept"), (2, "old", "kept")]))
    platform.put(customer, "people.csv", csv_of([(1, "new")], header="id,name"))
    platform.put(customer, "partly.csv", csv_of([(3, "c", "d"), ("x", "bad", "")]))
    platform.put(customer, "rejected.csv", b'id,name,note\n4,"open,b\n')
    granted = platform.granted(customer, "twice.csv", "u1")
    for _ in range(2):
        platform.put(customer, "twice.csv", csv_of([(5, "e", "f")]), Metadata=granted)


def without_run(load: dict[str, Any]) -> dict[str, Any]:
    """Return a load without what tells its runs apart."""
    of_run = {
        "claim", "worker", "lease_until", "started_at", "ended_at", "placed_at",
        "replays", "replay_id", "replayed_at", "first_placed_at", "earlier",
    }  # fmt: skip
    return {name: value for name, value in load.items() if name not in of_run}


def test_replaying_everything_of_the_last_hour_twice_leaves_every_cell_and_write_time(
    platform: Platform,
) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        put_all_kinds(platform, customer)
        before = platform.settled(customer, 6)
        first_cells, archived = cells(platform, customer), sorted(platform.archived(customer))
        for turn in (1, 2):
            summary = replay(platform, customer, "--from-log", "--since", "1h")
            assert (summary["count"], summary["left_out"]) == (5, {"duplicate": 1})

            def all_done(turn: int = turn) -> bool:
                rows = [row for row in platform.ledger(customer) if row["status"] != "duplicate"]
                return all(row["replays"] == turn and row["placed_at"] for row in rows)

            eventually(all_done, what="five replays")
            assert cells(platform, customer) == first_cells
            platform.verify(customer)
        after = platform.ledger(customer)
    assert [without_run(load) for load in after] == [without_run(load) for load in before]
    assert [row["id"] for row in first_cells] == [1, 2, 3, 5]
    assert sorted(platform.archived(customer)) == archived
    assert platform.staged(customer) == []
    shown = {
        load["status"]: (load["replays"], bool(load["replayed_at"])) for load in platform.history(customer)
    }
    assert shown["duplicate"] == (0, False)
    assert shown["partly_loaded"] == (2, True)


@pytest.mark.parametrize(("after_load", "archived"), [("archive", 1), ("delete", 0), ("keep", 1)])
def test_failed_load_is_replayed_once_its_app_is_mended(
    platform: Platform, after_load: str, archived: int
) -> None:
    customer = platform.add_customer(after_load=after_load)
    platform.apply()
    app = platform.apps / customer / "people" / "app.toml"
    quick = {"INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]", "INGEST_MANAGER_ATTEMPTS": "2"}
    with platform.manager(**quick):
        eventually(lambda: consumers(platform, f"ingest.{customer}"), what="the customer's taking up")
        app.write_text(BROKEN_APP)  # before a worker has seen the good one
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [failed] = platform.settled(customer, 1)
        assert (failed["status"], failed["reason"], failed["attempts"]) == ("failed", "app_refused", 2)
        app.write_text(PEOPLE_APP)
        assert replay(platform, customer, "--dead-letters", "--reason", "app_refused")["count"] == 1
        loads = replayed(platform, customer, people=1)
        platform.verify(customer)
    load = loads["people.csv"]
    assert (load["status"], load["reason"], load["attempts"], load["rows_written"]) == ("loaded", None, 1, 1)
    assert [(row["id"], row["named"]) for row in cells(platform, customer)] == [(1, failed["write_base"])]
    assert len(platform.archived(customer)) == archived
    assert platform.staged(customer) == []
    dead = [body for body in messages(platform, "dead-letters") if customer.encode() in body]
    assert dead == []  # the replay has taken out that of its failure


@pytest.mark.parametrize("effect", ["claim", "rows", "outcome", "placed"])
def test_manager_killed_in_the_middle_of_a_replay_finishes_it_once(platform: Platform, effect: str) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "partly.csv", csv_of([(1, "a", "b"), ("x", "bad", "")]))
        [before] = platform.settled(customer, 1)
    first_cells = cells(platform, customer)
    script = Path(crashing_manager.__file__)
    doomed = platform.start(sys.executable, script, effect, "manager", platform.folder / "crashed")
    assert replay(platform, customer, "--status", "partly_loaded")["count"] == 1
    assert doomed.wait(60) == -signal.SIGKILL

    with platform.manager():
        load = replayed(platform, customer, partly=1)["partly.csv"]
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        platform.verify(customer)
    attempts = 2 if effect in ("claim", "rows") else 1
    assert load["attempts"] == attempts
    assert without_run(load) == without_run(before) | {"attempts": attempts, "first_error": None}
    assert cells(platform, customer) == first_cells


@pytest.mark.leaves_differences("an archived object is deleted before its days are over")
def test_load_whose_object_has_expired_keeps_its_outcome(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b"), ("x", "bad", "")]))
        [before] = platform.settled(customer, 1)
    assert replay(platform, customer, "--since", "1h")["count"] == 1
    platform.s3.delete_object(Bucket=f"archive-{customer}", Key=f"objects/{before['load_id']}")
    with platform.manager():
        load = replayed(platform, customer, people=1)["people.csv"]
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        summary = replay(platform, customer, "--since", "1h", code=1)
    assert (summary["count"], summary["left_out"]) == (0, {"no_object": 1})
    kept = (
        "status",
        "attempts",
        "rows_read",
        "rows_rejected",
        "started_at",
        "ended_at",
        "placed_at",
        "message",
    )
    assert {name: load[name] for name in kept} == {name: before[name] for name in kept}


def test_dry_run_orders_nothing(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [before] = platform.settled(customer, 1)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
    for source in ((), ("--from-log",)):
        summary = replay(platform, customer, "--since", "1h", "--dry-run", *source)
        assert (summary["count"], summary["rows"], summary["ordered"]) == (1, 1, False)
        assert [load["key"] for load in summary["loads"]] == ["people.csv"]
    assert waiting(platform, f"ingest.{customer}") == 0
    assert platform.ledger(customer) == [before]


def test_without_a_terminal_and_without_yes_nothing_is_ordered(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.command("ingest-manager", "replay", "--customer", customer, code=2)
    platform.command("ingest-manager", "replay", "--yes", code=2)


@pytest.mark.leaves_differences("a row is deleted by hand")
def test_lost_rows_come_back_and_a_deleted_row_stays_deleted(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    table = f"{keyspace(customer)}.people"
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b"), (2, "c", "d")]))
        platform.settled(customer, 1)
        first_cells = cells(platform, customer)
        platform.session.execute(f"TRUNCATE {table}")
        replay(platform, customer, "--since", "1h")
        replayed(platform, customer, people=1)
        assert cells(platform, customer) == first_cells

        platform.session.execute(f"DELETE FROM {table} WHERE id = 2")
        replay(platform, customer, "--since", "1h")
        load = replayed(platform, customer, people=2)["people.csv"]
        platform.verify(customer)
    assert cells(platform, customer) == first_cells[:1]
    assert (load["status"], load["rows_written"]) == ("loaded", 2)


def test_load_by_another_version_of_its_app_is_reloaded_by_force_only(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [before] = platform.settled(customer, 1)
        app = platform.apps / customer / "people" / "app.toml"
        app.write_text(app.read_text() + "\n# another version\n")
        summary = replay(platform, customer, "--since", "1h", code=1)
        assert (summary["count"], summary["left_out"]) == (0, {"other_version": 1})
        assert replay(platform, customer, "--since", "1h", "--force")["count"] == 1
        load = replayed(platform, customer, people=1)["people.csv"]
        platform.verify(customer)
    assert load["write_base"] == before["write_high"] + 1
    assert load["app_version"] != before["app_version"]
    assert [row["named"] for row in cells(platform, customer)] == [load["write_base"]]


def test_ledger_that_was_lost_is_filled_again_from_the_event_log(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        [before] = platform.settled(customer, 1)
    first_cells = cells(platform, customer)
    platform.session.execute(f"DELETE FROM ingest.loads WHERE load_id = {before['load_id']}")
    platform.session.execute(f"TRUNCATE {keyspace(customer)}.people")
    with platform.manager():
        summary = replay(platform, customer, "--from-log", "--since", "1h")
        assert [load["status"] for load in summary["loads"]] == ["unknown"]
        load = replayed(platform, customer, people=1)["people.csv"]
        platform.verify(customer)
    assert (load["status"], load["write_base"]) == ("loaded", before["write_base"])
    assert cells(platform, customer) == first_cells


def put_around(platform: Platform, customer: str) -> list[dict[str, Any]]:
    """Put an older and a newer object around one that all share keys with; return the ledger's rows."""
    platform.put(
        customer, "older.csv", csv_of([(1, "older", "older"), (4, "older", "older"), (5, "o", "older")])
    )
    platform.put(
        customer, "mine.csv", csv_of([(1, "mine", "m"), (2, "mine", "m"), (3, "mine", "m"), (5, "m", "")])
    )
    platform.put(customer, "newer.csv", csv_of([(3, "newer", "newer")]))
    return platform.settled(customer, 3)


def without_note(platform: Platform, customer: str) -> None:
    """Correct the app: it was wrong to give `note`."""
    (platform.apps / customer / "people" / "app.toml").write_text(APP_WITHOUT_NOTE)


CLEARED = [
    (1, "mine", None),
    (2, "mine", None),
    (3, "newer", "newer"),
    (4, "older", "older"),
    (5, "m", "older"),
]


def test_force_clears_what_the_load_itself_wrote_and_its_app_no_longer_gives(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        before = put_around(platform, customer)
        without_note(platform, customer)
        for turn in (1, 2):
            summary = replay(platform, customer, "--key", "mine.csv", "--force", "--wait")
            assert (summary["forced"], summary["outcomes"]) == (True, {"loaded": 1})
            found = cells(platform, customer)
            assert [(row["id"], row["name"], row["note"]) for row in found] == CLEARED
            assert (
                replayed(platform, customer, mine=turn)["mine.csv"]["write_first"] == before[1]["write_base"]
            )
        platform.verify(customer)
    assert found[0]["named"] == before[1]["write_high"] + 66  # twice above all that was written


@pytest.mark.parametrize("effect", ["claim", "rows"])
def test_manager_killed_in_the_middle_of_a_forced_load_clears_the_same(
    platform: Platform, effect: str
) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        put_around(platform, customer)
    without_note(platform, customer)
    script = Path(crashing_manager.__file__)
    doomed = platform.start(sys.executable, script, effect, "manager", platform.folder / "crashed")
    assert replay(platform, customer, "--key", "mine.csv", "--force")["count"] == 1
    assert doomed.wait(60) == -signal.SIGKILL
    with platform.manager():
        load = replayed(platform, customer, mine=1)["mine.csv"]
        platform.verify(customer)
    assert (load["status"], load["attempts"]) == ("loaded", 2)
    assert [(row["id"], row["name"], row["note"]) for row in cells(platform, customer)] == CLEARED


def test_force_says_before_it_asks_what_it_cannot_clear(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        platform.settled(customer, 1)
    command = ("ingest-manager", "replay", "--customer", customer, "--force", "--dry-run")
    assert platform.command(*command).splitlines()[-1] == (
        "forced: values that the app no longer gives are cleared; "
        "rows under other keys, and rows that it now rejects or drops, stay as they are"
    )


def test_interrupted_replay_is_repeated_and_every_load_is_replayed_once(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    names = ("a", "b", "c", "d")
    with platform.manager():
        for number, name in enumerate(names):
            platform.put(customer, f"{name}.csv", csv_of([(number, "n", "o")]))
        platform.settled(customer, 4)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
    options = ("--customer", customer, "--yes", "--rate", "0.05")
    slow = platform.start(BIN / "ingest-manager", "replay", *options)
    eventually(lambda: orders(platform, customer), what="the first order")
    slow.send_signal(signal.SIGINT)
    assert slow.wait(60) == 130
    assert orders(platform, customer) < 4
    assert replay(platform, customer, "--since", "1h")["count"] == 4
    with platform.manager():
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
        loads = replayed(platform, customer, a=1, b=1, c=1, d=1)
        platform.verify(customer)
    assert {load["attempts"] for load in loads.values()} == {1}


def test_replay_that_the_broker_has_lost_is_mended_by_repeating_it(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people.csv", csv_of([(1, "a", "b")]))
        platform.settled(customer, 1)
        eventually(lambda: waiting(platform, f"ingest.{customer}") == 0)
    replay(platform, customer, "--since", "1h")
    assert orders(platform, customer) == 1
    messages(platform, f"ingest.{customer}")
    with platform.manager():
        assert replay(platform, customer, "--since", "1h", "--wait")["outcomes"] == {"loaded": 1}
        replayed(platform, customer, people=1)
        platform.verify(customer)


def test_wait_tells_what_has_ended_otherwise_and_what_has_not_ended(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "good.csv", csv_of([(1, "a", "b")]))
        platform.put(customer, "bad.csv", b'id,name,note\n4,"open,b\n')
        platform.settled(customer, 2)
        summary = replay(platform, customer, "--since", "1h", "--wait", code=1)
        ended = {load["key"]: load["outcome"] for load in summary["loads"]}
        assert (ended, summary["outcomes"], summary["pending"]) == (
            {"good.csv": "loaded", "bad.csv": "rejected"}, {"loaded": 1, "rejected": 1}, 0
        )  # fmt: skip
    summary = replay(platform, customer, "--key", "good.csv", "--wait", "--wait-timeout", "1", code=1)
    assert (summary["outcomes"], summary["pending"], summary["loads"][0]["outcome"]) == ({}, 1, None)


def test_filters_combine_whatever_the_source(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        for name in ("in/a", "in/b", "out/a"):
            platform.put(customer, f"{name}.csv", csv_of([(1, "a", "b")]))
        platform.put(customer, "in/c.csv", b'id,name,note\n4,"open,b\n')
        platform.put(customer, "in/d.csv", csv_of([(5, "a")], header="id,nam"))
        loads = {load["key"]: load for load in platform.settled(customer, 5)}
    second = loads["in/b.csv"]["event_at"].isoformat()
    reason = loads["in/c.csv"]["reason"]
    version = loads["in/a.csv"]["app_version"]
    asked = {
        ("--key", "in/*.csv", "--status", "loaded"): ["in/a.csv", "in/b.csv"],
        ("--key", "in/*.csv", "--status", "loaded", "--since", second): ["in/b.csv"],
        ("--status", "loaded", "--until", second): ["in/a.csv"],
        ("--status", "loaded", "--status", "rejected", "--key", "in/*.csv", "--app-version", version): [
            "in/a.csv", "in/b.csv", "in/c.csv", "in/d.csv"
        ],
        ("--status", "rejected", "--reason", reason): ["in/c.csv"],
    }  # fmt: skip
    for options, keys in asked.items():
        for source in ((), ("--from-log",)):
            found = replay(platform, customer, "--dry-run", *options, *source)["loads"]
            assert [load["key"] for load in found] == keys, (options, source)
