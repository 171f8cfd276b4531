"""Replays on the real servers: nothing changes unless something was wrong, and nothing is lost on the way."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from support import crashing_manager
from support.rabbit import consumers, messages, waiting
from support.testbed import PEOPLE_APP, Platform, csv_of, eventually, keyspace

pytestmark = pytest.mark.deep

CELLS = "id, name, note, writetime(name) AS named, writetime(note) AS noted"
BROKEN_APP = PEOPLE_APP.replace('"int"', '"integer"')


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
    assert len(dead) == 1  # of its failure: nobody takes it out but people


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
