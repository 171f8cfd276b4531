"""The life of an app under a running manager: changed, drifted, ambiguous, tried in the shadow."""

import json

import pytest
from support.services import configure, start_auth_service, start_status_service
from support.testbed import PEOPLE_APP, Platform, csv_of, keyspace

from bucket_policies.users import set_password

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

ORDERS_APP = PEOPLE_APP.replace('"**.csv", "**.csv.gz"', '"orders/*.csv"').replace('"people"', '"orders"')
PEOPLE_ONLY = PEOPLE_APP.replace('"**.csv", "**.csv.gz"', '"people*.csv"')
PASSWORD = "a-word-nobody-guesses"
ROW = csv_of([(1, "Ann", "n")])


def test_changed_app_is_taken_up_between_loads_without_a_restart(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "first.csv", ROW)
        platform.settled(customer, 1)
        declaration = platform.apps / customer / "people" / "app.toml"
        declaration.write_text(PEOPLE_APP + 'age = "int"\n')
        platform.put(customer, "second.csv", csv_of([(2, "Bob", "n", 31)], header="id,name,note,age"))
        first, second = platform.settled(customer, 2)
    assert [(load["status"], load["message"]) for load in (first, second)] == [("loaded", None)] * 2
    assert first["app_version"] != second["app_version"]
    assert sorted((row["id"], row["age"]) for row in platform.rows(customer, "id, age")) == [
        (1, None),
        (2, 31),
    ]


def test_table_that_does_not_fit_stops_its_own_app_only_until_it_is_mended(platform: Platform) -> None:
    customer = platform.add_customer(apps={"orders": ORDERS_APP, "people": PEOPLE_ONLY})
    platform.apply()
    orders = f'"{keyspace(customer)}".orders'
    platform.session.execute(f"DROP TABLE {orders}")
    platform.session.execute(f"CREATE TABLE {orders} (id text PRIMARY KEY, name text, note text)")
    drift = "has column 'id' of type text, the app declares int"
    assert drift in platform.command("ingest-manager", "apps", "plan", customer, code=1)

    few_tries = {"INGEST_MANAGER_ATTEMPTS": "2", "INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]"}
    with platform.manager(**few_tries):
        platform.put(customer, "orders/1.csv", ROW)
        platform.put(customer, "people.csv", ROW)
        outcomes = {load["key"]: load for load in platform.settled(customer, 2)}
        assert outcomes["people.csv"]["status"] == "loaded"
        failed = outcomes["orders/1.csv"]
        assert (failed["status"], failed["reason"], failed["attempts"]) == ("failed", "table_mismatch", 2)
        assert drift in failed["message"]
        platform.session.execute(f"DROP TABLE {orders}")
        platform.command("ingest-manager", "apps", "apply", customer)
        platform.command("ingest-manager", "apps", "plan", customer)
        replay = ("replay", "--customer", customer, "--status", "failed", "--yes")
        platform.command("ingest-manager", *replay)
        platform.settled(customer, 2)
    assert [row["id"] for row in platform.rows(customer, "id", table="orders")] == [1]


def test_column_that_somebody_dropped_under_a_running_manager_comes_back_before_the_load(
    platform: Platform,
) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager(INGEST_MANAGER_RECONCILE_SECONDS="2"):
        platform.put(customer, "first.csv", ROW)
        platform.settled(customer, 1)
        platform.session.execute(f'ALTER TABLE "{keyspace(customer)}".people DROP note')
        platform.put(customer, "second.csv", csv_of([(2, "Bob", "kept")]))
        loads = platform.settled(customer, 2)
    assert [load["status"] for load in loads] == ["loaded", "loaded"]
    assert {row["id"]: row["note"] for row in platform.rows(customer, "id, note")}[2] == "kept"


def test_apps_that_want_the_same_key_are_refused_at_the_start_in_one_line(platform: Platform) -> None:
    customer = platform.add_customer(apps={"orders": ORDERS_APP, "people": PEOPLE_APP})
    platform.make_buckets()
    done = platform.run("ingest-manager", "setup")
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if line.startswith("ingest-manager: ")]
    assert "files.keys 'orders/*.csv' and '**.csv' can take the same key; only one app may" in line
    assert platform.run("ingest-manager", "apps", "list", customer).returncode == 1


def test_new_version_is_tried_on_archived_objects_and_nothing_is_written(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        platform.put(customer, "people-1.csv", csv_of([(1, "Ann", "n"), (2, "Bob", "n"), ("x", "Cy", "n")]))
        platform.put(customer, "people-2.csv", csv_of([(3, "Dan", "n")]))
        platform.settled(customer, 2)
    before = (platform.ledger(customer), platform.rows(customer), platform.archived(customer))
    new = platform.folder / "new"
    new.mkdir()
    (new / "app.toml").write_text(PEOPLE_APP)
    shadow = ("ingest-manager", "apps", "shadow", customer, "--with", str(new))
    assert "2 objects read by both versions, 0 with a difference" in platform.command(*shadow)

    changed = PEOPLE_APP.replace('name = "text"', 'name = { type = "text", null_words = ["Bob"] }')
    (new / "app.toml").write_text(changed.replace('note = "text"', 'note = "int"'))
    told = platform.command(*shadow, "--last", "1", code=1)
    assert "its table is refused" in told
    assert "people-2.csv: line 2 is rejected now: bad_value: note: 'n' is not a whole number" in told
    (new / "app.toml").write_text(changed)
    lines = platform.command(*shadow, "--json", code=1).splitlines()
    differing = {one["key"]: one["values"] for one in map(json.loads, lines)}
    assert differing["people-1.csv"] == [
        {"key": {"id": 2}, "column": "name", "present": "Bob", "new": "(not set)"}
    ]
    assert differing["people-2.csv"] == []
    assert (platform.ledger(customer), platform.rows(customer), platform.archived(customer)) == before


def test_file_that_no_app_takes_is_refused_before_it_is_sent(platform: Platform) -> None:
    configure(platform)
    customer = platform.add_customer(apps={"people": PEOPLE_ONLY})
    platform.apply()
    start_auth_service(platform)
    start_status_service(platform)
    set_password(platform.policies / "users.json", customer, PASSWORD)
    folder = platform.folder / "customer"
    folder.mkdir()
    (folder / "orders.csv").write_bytes(ROW)
    push = ("fetchdata", "-u", customer, "-p", PASSWORD, "-d", str(folder), "--json")
    [file] = json.loads(platform.command(*push, code=1))["files"]
    [violation] = file["violations"]
    assert (file["accepted"], violation["rule"]) == (False, "no_app")
    assert violation["message"] == "no ingest app takes 'orders.csv'; names that are taken: people*.csv"
    assert platform.staged(customer) == []
