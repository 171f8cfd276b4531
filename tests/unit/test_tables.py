"""Tables: made from an app's contract, widened, never changed otherwise; compared before every load."""

import pytest

from customer_ingestapps.contract import AppContract
from ingest_manager.errors import PermanentError
from ingest_manager.tables import (
    check_table,
    create_statement,
    declare_keyspace,
    declare_table,
    declared_table,
    insert_statement,
    quoted,
)

PRESENT = {
    "time_hour": ("timestamp", "partition_key", 0),
    "carrier": ("text", "clustering", 0),
    "flight": ("int", "clustering", 1),
    "distance": ("int", "regular", -1),
}


class Server:
    """A server with at most one table; keeps what it was asked to change."""

    def __init__(
        self, present: dict[str, tuple[str, str, int]] | None, types: dict[str, dict[str, str]] | None = None
    ) -> None:
        self.present = present
        self.types = types or {}
        self.changes: list[str] = []

    def execute(self, cql: str, parameters=()) -> list[dict]:
        if "system_schema.types" in cql:
            fields = self.types.get(parameters[1])
            return [{"field_names": list(fields), "field_types": list(fields.values())}] if fields else []
        if parameters:
            assert parameters == ("acme", "flights")
            return [
                {"column_name": name, "type": kind, "kind": place, "position": position}
                for name, (kind, place, position) in (self.present or {}).items()
            ]
        self.changes.append(cql)
        return []


def contract(**columns: str) -> AppContract:
    declared = {name: kind for name, (kind, _, _) in PRESENT.items()} | columns
    key = {"partition_key": ["time_hour"], "clustering_key": ["carrier", "flight"]}
    files = {"keys": ["flights/*.csv"], "format": "csv"}
    return AppContract(files=files, table={"name": "flights", **key}, columns=declared)


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
    with pytest.raises(PermanentError) as raised:
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
    server = Server(None, {"person": PERSON, "address": ADDRESS})
    declare_table(server, "acme", contract_with_types())
    assert server.changes == [
        'CREATE TYPE IF NOT EXISTS "acme"."address" ("street" text, "zip" int)',
        'CREATE TYPE IF NOT EXISTS "acme"."person" ("name" text, "homes" frozen<list<frozen<address>>>)',
        (
            'CREATE TABLE IF NOT EXISTS "acme"."flights" ("id" int, "who" frozen<person>, '
            '"seen" map<text, frozen<list<int>>>, PRIMARY KEY (("id")))'
        ),
    ]


@pytest.mark.parametrize("there", [{}, {"zip": "int", "street": "text"}, {"street": "text", "zip": "bigint"}])
def test_a_type_with_other_fields_is_refused(there: dict[str, str]):
    present = {
        "id": ("int", "partition_key", 0),
        "who": ("frozen<person>", "regular", -1),
        "seen": ("map<text, frozen<list<int>>>", "regular", -1),
    }
    server = Server(present, {"person": PERSON, "address": there})
    with pytest.raises(PermanentError, match="uses the type address with the fields") as raised:
        check_table(server, "acme", declared_table(contract_with_types()))
    assert raised.value.reason == "table_mismatch"
