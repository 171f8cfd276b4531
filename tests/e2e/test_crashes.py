"""Whatever dies in the middle of a load, the result is that of an undisturbed one."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from support import crashing_manager
from support.testbed import Platform, children_of, csv_of, eventually, is_worker, kill_tree

# One row is no row: rejects have to survive as well. Id 7 comes twice: its last line wins.
FILE = csv_of(
    [*((number, f"name {number}", "") for number in range(25)), (7, "seven", "again"), ("x", "bad", "")]
)
EFFECTS = ["claim", "rows", "rejects", "outcome", "copy", "delete", "placed"]
SAME_AS_UNDISTURBED = (
    "status", "rows_read", "rows_written", "rows_rejected", "rows_dropped", "table_rows", "size", "sha256"
)  # fmt: skip


def picture(platform: Platform, customer: str) -> dict[str, Any]:
    """Return all that an undisturbed load of FILE leaves, without what differs from object to object."""
    [load] = platform.settled(customer, 1)
    rows = platform.rows(customer, "id, name, note, writetime(name) AS written, writetime(note) AS noted")
    times = {"written", "noted"}
    return {
        "rows": sorted(
            (
                {
                    name: value - load["write_base"] if name in times and value is not None else value
                    for name, value in row.items()
                }
                for row in rows
            ),
            key=lambda row: row["id"],
        ),
        "load": {name: load[name] for name in SAME_AS_UNDISTURBED},
        "staged": len(platform.staged(customer)),
        "archived": sorted(key.replace(str(load["load_id"]), "ID") for key in platform.archived(customer)),
    }


UNDISTURBED = {
    "rows": sorted(
        [
            *(
                {"id": number, "name": f"name {number}", "note": None, "written": 0, "noted": None}
                for number in range(25)
                if number != 7
            ),
            {"id": 7, "name": "seven", "note": "again", "written": 0, "noted": 0},
        ],
        key=lambda row: row["id"],
    ),
    "load": {
        "status": "partly_loaded", "rows_read": 27, "rows_written": 26, "rows_rejected": 1, "rows_dropped": 0,
        "table_rows": 25, "size": 314,
        "sha256": "5ca56e05dd23f72bc554cfebf292e97f5756f404456f146563fe2a0bfd81fa8a",
    },
    "staged": 0,
    "archived": ["objects/ID", "rejects/ID.csv"],
}  # fmt: skip


def start_crashing(platform: Platform, effect: str, victim: str) -> Any:
    script = Path(crashing_manager.__file__)
    return platform.start(sys.executable, script, effect, victim, platform.folder / "crashed")


@pytest.mark.parametrize("effect", EFFECTS)
def test_manager_killed_after_an_effect_leaves_what_an_undisturbed_load_leaves(
    platform: Platform, effect: str
) -> None:
    customer = platform.add_customer()
    platform.apply()
    doomed = start_crashing(platform, effect, "manager")
    platform.put(customer, "people.csv", FILE)

    assert doomed.wait(60) == -signal.SIGKILL
    with platform.manager():
        assert picture(platform, customer) == UNDISTURBED
        platform.verify(customer)


@pytest.mark.parametrize("effect", ["claim", "rows", "copy"])
def test_worker_killed_after_an_effect_is_replaced_and_its_load_finished(
    platform: Platform, effect: str
) -> None:
    customer = platform.add_customer()
    platform.apply()
    start_crashing(platform, effect, "worker")
    platform.put(customer, "people.csv", FILE)

    eventually((platform.folder / "crashed").exists)
    assert picture(platform, customer) == UNDISTURBED
    platform.verify(customer)


def test_manager_killed_with_half_the_rows_in_loads_each_once(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    total = 400_000
    body = csv_of([(number, f"name {number}", "n") for number in range(total)])
    first = platform.start_manager()
    platform.put(customer, "people.csv", body)
    platform.first_row(customer)
    kill_tree(first)
    [load] = platform.ledger(customer)
    present = len(platform.rows(customer, "id"))
    assert (load["status"], 0 < present < total) == ("loading", True)

    with platform.manager():
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
    assert (load["status"], load["rows_written"], load["attempts"]) == ("loaded", total, 2)
    rows = platform.rows(customer, "id, name, note, writetime(name) AS written")
    expected = {
        number: (f"name {number}", "n", load["write_base"] + number // 10_000) for number in range(total)
    }
    assert {row["id"]: (row["name"], row["note"], row["written"]) for row in rows} == expected


def test_worker_killed_in_the_middle_is_replaced_and_the_others_go_on(platform: Platform) -> None:
    customer, other = platform.add_customer(), platform.add_customer()
    platform.apply()
    body = csv_of([(number, f"name {number}", "n") for number in range(300_000)])
    with platform.manager() as manager:
        platform.put(customer, "people.csv", body)
        platform.first_row(customer)
        workers = [pid for pid in children_of(manager.pid) if is_worker(pid)]
        for pid in workers:  # the load stands still until it is known whose it is
            os.kill(pid, signal.SIGSTOP)
        [load] = platform.ledger(customer)
        victim = int(load["worker"].partition("/")[2])
        os.kill(victim, signal.SIGKILL)
        for pid in {*workers} - {victim}:
            os.kill(pid, signal.SIGCONT)
        assert victim in workers
        platform.put(other, "people.csv", FILE)
        [load] = platform.settled(customer, 1)
        assert picture(platform, other) == UNDISTURBED
        platform.verify(customer)
    assert (load["status"], load["rows_written"], load["attempts"]) == ("loaded", 300_000, 2)
    assert len(platform.rows(customer, "id")) == 300_000
