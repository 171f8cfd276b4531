"""Plan and apply: what Cassandra lacks of the apps, and that of an app with a refusal nothing is done."""

from pathlib import Path
from typing import Any

import pytest
from support import fakes

from customer_ingestapps.registry import Registry
from ingest_manager.apps.app_plan import AppPlan, DifferenceView
from ingest_manager.errors import PermanentError

REPLICATION = {"class": "SimpleStrategy", "replication_factor": "1"}
APP = """
[files]
keys = ["{name}*.csv"]
format = "csv"
[table]
name = "{name}"
partition_key = ["id"]
[columns]
id = "int"
"""


class Server:
    """A keyspace with the columns of its tables; obeys CREATE TABLE and ADD by noting them."""

    def __init__(self, **tables: dict[str, str]) -> None:
        self.tables = tables
        self.has_keyspace = True
        self.changes: list[str] = []
        self.refuses = ""

    def execute(self, cql: str, parameters: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        if "system_schema.keyspaces" in cql:
            return [{"replication": REPLICATION}] if self.has_keyspace else []
        if "system_schema.columns" in cql:
            columns = self.tables.get(parameters[1], {})
            return [
                {
                    "column_name": name,
                    "type": kind,
                    "kind": "partition_key" if name == "id" else "regular",
                    "position": 0 if name == "id" else -1,
                    "clustering_order": "none",
                }
                for name, kind in columns.items()
            ]
        if parameters:
            return [{"default_time_to_live": 0}]
        if self.refuses and self.refuses in cql:
            raise PermanentError("Cassandra refused the statement: no", "cassandra_refused")
        self.changes.append(cql)
        return []


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    for name in ("fruit", "nuts"):
        folder = tmp_path / "acme" / name
        folder.mkdir(parents=True)
        (folder / "app.toml").write_text(APP.format(name=name))
    return tmp_path


def planning(server: Server, apps: Path) -> AppPlan:
    class Settings:
        replication = REPLICATION

    return AppPlan(server, Registry(apps), Settings())  # type: ignore[arg-type]  # fakes


def told(found: list[DifferenceView]) -> list[tuple[str | None, str, str]]:
    return [(one.app, one.kind, one.message) for one in found]


def planned(server: Server, apps: Path) -> list[tuple[str | None, str, str]]:
    found = told(list(planning(server, apps).plan([fakes.customer()])))
    assert server.changes == []
    return found


def applied(server: Server, apps: Path) -> list[tuple[str | None, str, str]]:
    return told(list(planning(server, apps).apply([fakes.customer()])))


def test_nothing_differs(apps: Path) -> None:
    server = Server(fruit={"id": "int"}, nuts={"id": "int"})
    assert planned(server, apps) == applied(server, apps) == []
    assert server.changes == []


def test_everything_is_missing_at_first_and_made_in_order(apps: Path) -> None:
    server = Server()
    server.has_keyspace = False
    expected = [
        (None, "change", "keyspace acme does not exist"),
        ("fruit", "change", "table acme.fruit does not exist"),
        ("nuts", "change", "table acme.nuts does not exist"),
    ]
    assert planned(server, apps) == expected
    assert applied(server, apps) == expected
    assert [change.split(" IF")[0] for change in server.changes] == [
        "CREATE KEYSPACE", "CREATE TABLE", "CREATE TABLE",
    ]  # fmt: skip


def test_app_with_a_refusal_is_left_alone_and_the_others_are_made(apps: Path) -> None:
    fruit = apps / "acme" / "fruit" / "app.toml"
    fruit.write_text(fruit.read_text() + 'note = "text"\n')
    server = Server(fruit={"id": "text"})
    refusal = ("fruit", "refused", "table acme.fruit has column 'id' of type text, the app declares int")
    assert planned(server, apps) == [
        refusal,
        ("fruit", "change", "table acme.fruit has no column 'note'"),
        ("nuts", "change", "table acme.nuts does not exist"),
    ]
    assert applied(server, apps) == [refusal, ("nuts", "change", "table acme.nuts does not exist")]
    assert len(server.changes) == 1


def test_notes_are_no_reason_to_do_anything(apps: Path) -> None:
    server = Server(fruit={"id": "int", "old": "text"}, nuts={"id": "int"})
    note = (
        "fruit",
        "note",
        "table acme.fruit has a column 'old' that the app does not name; it is left as it is",
    )
    assert planned(server, apps) == applied(server, apps) == [note]
    assert server.changes == []


def test_what_cassandra_refuses_is_told_and_stops_no_other_app(apps: Path) -> None:
    server = Server()
    server.refuses = '"fruit"'
    assert applied(server, apps) == [
        ("fruit", "refused", "Cassandra refused the statement: no"),
        ("nuts", "change", "table acme.nuts does not exist"),
    ]


def test_apps_that_are_refused_are_told_and_have_no_tables(apps: Path) -> None:
    (apps / "acme" / "nuts" / "app.toml").write_text(APP.format(name="fruit"))
    [(app, kind, message)] = planned(Server(), apps)
    assert (app, kind) == (None, "refused")
    assert "can take the same key; only one app may" in message


def test_app_of_two_formats_has_one_table(apps: Path) -> None:
    fruit = apps / "acme" / "fruit" / "app.toml"
    both = 'keys = ["fruit*.parquet"]\ncsv_keys = ["fruit*.csv"]'
    text = (
        fruit.read_text()
        .replace('keys = ["fruit*.csv"]', both)
        .replace('format = "csv"', 'format = "parquet"')
    )
    fruit.write_text(text)
    assert [app for app, _, _ in planned(Server(), apps)] == ["fruit", "nuts"]
