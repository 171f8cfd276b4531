"""Tables: made from an app's contract, widened, never changed otherwise; compared before every load."""

from typing import Any

import pytest

from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.tables import (
    check_table,
    create_statement,
    declare_keyspace,
    declare_table,
    declared_table,
    differences,
    insert_statement,
    keyspace_differences,
    quoted,
)
from ingest_manager.errors import PermanentError, TransientError

PRESENT = {
    "time_hour": ("timestamp", "partition_key", 0),
    "carrier": ("text", "clustering", 0),
    "flight": ("int", "clustering", 1),
    "distance": ("int", "regular", -1),
}


class Server:
    """A server with at most one table; keeps what it was asked to change."""

    def __init__(
        self,
        present: dict[str, tuple[str, str, int]] | None,
        types: dict[str, dict[str, str]] | None = None,
        *,
        order: dict[str, str] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.present = present
        self.types = types or {}
        self.order = order or {}
        self.options = {"default_time_to_live": 0, "gc_grace_seconds": 864_000, "comment": ""} | (
            options or {}
        )
        self.changes: list[str] = []

    def execute(self, cql: str, parameters=()) -> list[dict]:
        if "system_schema.tables" in cql:
            return [self.options]
        if "system_schema.types" in cql:
            fields = self.types.get(parameters[1])
            return [{"field_names": list(fields), "field_types": list(fields.values())}] if fields else []
        if parameters:
            assert parameters == ("acme", "flights")
            return [
                {
                    "column_name": name,
                    "type": kind,
                    "kind": place,
                    "position": position,
                    "clustering_order": self.order.get(name, "asc" if place == "clustering" else "none"),
                }
                for name, (kind, place, position) in (self.present or {}).items()
            ]
        self.changes.append(cql)
        return []


def contract(options: dict[str, Any] | None = None, **columns: str) -> AppContract:
    declared = {name: kind for name, (kind, _, _) in PRESENT.items()} | columns
    key = {"partition_key": ["time_hour"], "clustering_key": ["carrier", "flight"]}
    files = {"keys": ["flights/*.csv"], "format": "csv"}
    return AppContract(files=files, table={"name": "flights", **key, **(options or {})}, columns=declared)


CREATE = (
    'CREATE TABLE IF NOT EXISTS "acme"."flights" ("time_hour" timestamp, "carrier" text, "flight" int, '
    '"distance" int, PRIMARY KEY (("time_hour"), "carrier", "flight"))'
)


def test_a_table_is_made_from_the_contract():
    server = Server(None)
    declare_table(server, "acme", contract())
    assert server.changes == [CREATE]


def test_declaring_again_changes_nothing():
    server = Server(PRESENT)
    declare_table(server, "acme", contract())
    assert server.changes == []


def test_a_new_column_is_added():
    server = Server(PRESENT)
    declare_table(server, "acme", contract(dep_delay="double"))
    assert server.changes == ['ALTER TABLE "acme"."flights" ADD IF NOT EXISTS "dep_delay" double']


def test_a_column_that_the_app_no_longer_declares_stays():
    server = Server(PRESENT | {"old": ("text", "regular", -1)})
    declare_table(server, "acme", contract())
    assert server.changes == []


def refusal(server: Server, declared: AppContract) -> str:
    with pytest.raises(PermanentError) as raised:
        declare_table(server, "acme", declared)
    assert raised.value.reason == "table_mismatch"
    assert server.changes == []
    return str(raised.value)


def test_another_type_is_refused():
    assert refusal(Server(PRESENT), contract(distance="bigint")) == (
        "table acme.flights has column 'distance' of type int, the app declares bigint"
    )


def test_another_key_is_refused():
    present = PRESENT | {"flight": ("int", "regular", -1)}
    assert refusal(Server(present), contract()) == (
        "table acme.flights has the primary key (time_hour), carrier, "
        "the app declares (time_hour), carrier, flight"
    )


def mismatch(present: dict | None, declared: AppContract) -> str:
    with pytest.raises(TransientError) as raised:
        check_table(Server(present), "acme", declared_table(declared))
    assert raised.value.reason == "table_mismatch"
    return str(raised.value)


def test_a_table_as_declared_or_wider_passes_the_check():
    check_table(Server(PRESENT | {"w": ("text", "regular", -1)}), "acme", declared_table(contract()))


def test_the_check_names_what_is_missing():
    assert mismatch(None, contract()) == "table acme.flights does not exist"
    assert mismatch(PRESENT, contract(v="text")) == "table acme.flights has no column 'v'"


def test_the_check_names_a_column_of_another_type():
    assert mismatch(PRESENT, contract(flight="text")) == (
        "table acme.flights has column 'flight' of type int, the app declares text"
    )


def test_every_identifier_is_quoted():
    table = declared_table(contract(**{"Order No.": "int", "select": "text"}))
    assert '"distance" int, "Order No." int, "select" text, PRIMARY KEY' in create_statement("acme", table)
    assert insert_statement("acme", table) == (
        'INSERT INTO "acme"."flights" ("time_hour", "carrier", "flight", "distance", "Order No.", "select") '
        "VALUES (?, ?, ?, ?, ?, ?)"
    )
    assert quoted('a"; DROP TABLE b; --') == '"a""; DROP TABLE b; --"'


def test_a_composite_partition_key_has_its_own_parentheses():
    table = declared_table(
        AppContract(
            files={"keys": ["*.csv"], "format": "csv"},
            table={"name": "weather", "partition_key": ["origin", "day"]},
            columns={"origin": "text", "day": "date"},
        )
    )
    assert create_statement("acme", table).endswith('PRIMARY KEY (("origin", "day")))')


def test_a_keyspace_is_made_with_the_replication_of_the_settings():
    server = Server(None)
    declare_keyspace(server, "acme", {"class": "NetworkTopologyStrategy", "dc1": "3"})
    assert server.changes == [
        (
            'CREATE KEYSPACE IF NOT EXISTS "acme" WITH replication = '
            "{'class': 'NetworkTopologyStrategy', 'dc1': '3'}"
        )
    ]


PERSON = {"name": "text", "homes": "frozen<list<frozen<address>>>"}
ADDRESS = {"street": "text", "zip": "int"}


def contract_with_types() -> AppContract:
    return AppContract(
        files={"keys": ["*.jsonl"], "format": "jsonl"},
        table={"name": "flights", "partition_key": ["id"]},
        columns={"id": "int", "who": "frozen<person>", "seen": "map<text,frozen<list<int>>>"},
        types={"person": PERSON, "address": ADDRESS},
    )


def test_types_are_made_before_those_that_use_them():
    server = Server(None)
    declare_table(server, "acme", contract_with_types())
    assert server.changes == [
        'CREATE TYPE IF NOT EXISTS "acme"."address" ("street" text, "zip" int)',
        'CREATE TYPE IF NOT EXISTS "acme"."person" ("name" text, "homes" frozen<list<frozen<address>>>)',
        (
            'CREATE TABLE IF NOT EXISTS "acme"."flights" ("id" int, "who" frozen<person>, '
            '"seen" map<text, frozen<list<int>>>, PRIMARY KEY (("id")))'
        ),
    ]


@pytest.mark.parametrize("there", [{"zip": "int", "street": "text"}, {"street": "text", "zip": "bigint"}])
def test_a_type_with_other_fields_is_refused(there: dict[str, str]):
    present = {
        "id": ("int", "partition_key", 0),
        "who": ("frozen<person>", "regular", -1),
        "seen": ("map<text, frozen<list<int>>>", "regular", -1),
    }
    server = Server(present, {"person": PERSON, "address": there})
    with pytest.raises(TransientError, match=r"type acme\.address has the fields") as raised:
        check_table(server, "acme", declared_table(contract_with_types()))
    assert raised.value.reason == "table_mismatch"


OPTIONS = {
    "clustering_order": {"flight": "desc"},
    "default_ttl": 86_400,
    "gc_grace_seconds": 3600,
    "comment": "the day's flights",
    "compaction": {"class": "TimeWindowCompactionStrategy", "compaction_window_size": 1},
}
LIVE_COMPACTION = {
    "class": "org.apache.cassandra.db.compaction.TimeWindowCompactionStrategy",
    "compaction_window_size": "1",
    "max_threshold": "32",
}


def test_options_are_a_part_of_the_table_from_the_start():
    server = Server(None)
    declare_table(server, "acme", contract(OPTIONS))
    assert server.changes == [
        CREATE + ' WITH CLUSTERING ORDER BY ("carrier" ASC, "flight" DESC) AND default_time_to_live = 86400 '
        "AND gc_grace_seconds = 3600 AND comment = 'the day''s flights' AND compaction = "
        "{'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': '1'}"
    ]


def test_options_as_declared_are_no_difference():
    options = {
        "default_time_to_live": 86_400,
        "gc_grace_seconds": 3600,
        "comment": "the day's flights",
        "compaction": LIVE_COMPACTION,
    }
    assert (
        differences(Server(PRESENT, order={"flight": "desc"}, options=options), "acme", contract(OPTIONS))
        == []
    )


def test_changed_options_are_set_one_by_one():
    server = Server(PRESENT, options={"default_time_to_live": 60, "compaction": LIVE_COMPACTION})
    declared = contract({"default_ttl": 0, "compaction": {"class": "LeveledCompactionStrategy"}})
    assert [str(change) for change in declare_table(server, "acme", declared)] == [
        "table acme.flights has default_time_to_live 60, the app declares 0",
        (
            "table acme.flights has compaction {'class': 'TimeWindowCompactionStrategy'}, "
            "the app declares {'class': 'LeveledCompactionStrategy'}"
        ),
    ]
    assert server.changes == [
        'ALTER TABLE "acme"."flights" WITH default_time_to_live = 0',
        "ALTER TABLE \"acme\".\"flights\" WITH compaction = {'class': 'LeveledCompactionStrategy'}",
    ]


def test_options_that_are_not_declared_are_left_but_rows_that_expire_are_told():
    server = Server(PRESENT, options={"default_time_to_live": 60, "gc_grace_seconds": 7})
    assert [(one.kind, one.message) for one in differences(server, "acme", contract())] == [
        ("note", "lets its rows expire after 60 seconds, of which the app says nothing")
    ]


def test_another_order_is_refused():
    assert refusal(Server(PRESENT), contract({"clustering_order": {"flight": "desc"}})) == (
        "table acme.flights is ordered by 'flight' asc, the app declares desc: Cassandra cannot change that"
    )


def test_every_refusal_is_told_at_once_and_says_what_to_do():
    found = differences(Server(PRESENT), "acme", contract(distance="text", flight="bigint", new="int"))
    assert [(one.kind, one.message) for one in found] == [
        ("refused", "has column 'flight' of type int, the app declares bigint"),
        ("refused", "has column 'distance' of type int, the app declares text"),
        ("change", "has no column 'new'"),
    ]
    assert "name another table in the app" in found[0].remedy


def test_a_column_that_the_app_does_not_name_is_a_note():
    server = Server(PRESENT | {"old": ("text", "regular", -1)})
    [found] = differences(server, "acme", contract())
    assert (found.kind, found.message) == (
        "note",
        "has a column 'old' that the app does not name; it is left as it is",
    )


class Keyspaces:
    """A server that is asked for a keyspace."""

    def __init__(self, *replications: dict[str, str]) -> None:
        self.rows = [{"replication": replication} for replication in replications]

    def execute(self, _: str, parameters=()) -> list[dict]:
        assert parameters == ("acme",)
        return self.rows


def test_a_keyspace_is_made_once_and_then_left():
    wanted = {"class": "SimpleStrategy", "replication_factor": "1"}
    there = {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "1"}
    [missing] = keyspace_differences(Keyspaces(), "acme", wanted)
    assert (missing.kind, str(missing)) == ("change", "keyspace acme does not exist")
    assert missing.statement.startswith('CREATE KEYSPACE IF NOT EXISTS "acme"')
    assert keyspace_differences(Keyspaces(there), "acme", wanted) == []
    [other] = keyspace_differences(Keyspaces(there | {"replication_factor": "3"}), "acme", wanted)
    assert other.kind == "note"
