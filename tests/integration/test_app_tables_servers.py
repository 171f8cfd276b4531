"""Plan and apply on a real Cassandra: what is made is what was declared, and every refusal is one."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from customer_ingestapps.contract import AppContract
from customer_ingestapps.registry import Registry
from ingest_manager.apps.app_plan import AppPlan
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.row_writer import RowWriter
from ingest_manager.cassandra.tables import declare_table, differences
from ingest_manager.errors import TransientError
from ingest_manager.settings import Settings

pytestmark = pytest.mark.server("cassandra")

COLUMNS = {"shop": "text", "at": "timestamp", "till": "int", "total": "double"}
OPTIONS = {
    "clustering_order": {"at": "desc"},
    "default_ttl": 86_400,
    "gc_grace_seconds": 3600,
    "comment": "the day's sales",
    "compaction": {"class": "TimeWindowCompactionStrategy", "compaction_window_size": 2},
}


def sales(
    options: dict[str, Any] | None = None, key: tuple[str, ...] = ("at", "till"), **columns: str
) -> AppContract:
    table = {"name": "sales", "partition_key": ["shop"], "clustering_key": list(key), **(options or {})}
    return AppContract.model_validate(
        {"files": {"keys": ["*.csv"], "format": "csv"}, "table": table, "columns": COLUMNS | columns}
    )


def told(session: CassandraSession, keyspace: str, contract: AppContract) -> list[tuple[str, str]]:
    return [(found.kind.value, found.message) for found in differences(session, keyspace, contract)]


def test_what_was_made_is_what_was_declared(session: CassandraSession, keyspace: str) -> None:
    assert told(session, keyspace, sales(OPTIONS)) == [("change", "does not exist")]
    declare_table(session, keyspace, sales(OPTIONS))
    assert told(session, keyspace, sales(OPTIONS)) == []
    session.execute(f"INSERT INTO {keyspace}.sales (shop, at, till, total) VALUES ('a', 1, 1, 5)")
    session.execute(f"INSERT INTO {keyspace}.sales (shop, at, till, total) VALUES ('a', 2, 1, 6)")
    rows = session.execute(f"SELECT total, ttl(total) AS ttl FROM {keyspace}.sales WHERE shop = ?", ("a",))
    assert [row["total"] for row in rows] == [6.0, 5.0]
    assert all(86_000 < row["ttl"] <= 86_400 for row in rows)


def test_changed_options_and_new_columns_are_made_and_then_nothing_differs(
    session: CassandraSession, keyspace: str
) -> None:
    declare_table(session, keyspace, sales(OPTIONS))
    changed = sales(
        OPTIONS | {"default_ttl": 0, "comment": "", "compaction": {"class": "LeveledCompactionStrategy"}},
        note="text",
    )
    assert told(session, keyspace, changed) == [
        ("change", "has no column 'note'"),
        ("change", "has default_time_to_live 86400, the app declares 0"),
        ("change", "has comment \"the day's sales\", the app declares ''"),
        (
            "change",
            (
                "has compaction {'class': 'TimeWindowCompactionStrategy'}, "
                "the app declares {'class': 'LeveledCompactionStrategy'}"
            ),
        ),
    ]
    declare_table(session, keyspace, changed)
    assert told(session, keyspace, changed) == []


def test_options_that_are_no_longer_declared_stay(session: CassandraSession, keyspace: str) -> None:
    declare_table(session, keyspace, sales(OPTIONS))
    assert told(session, keyspace, sales()) == [
        ("note", "lets its rows expire after 86400 seconds, of which the app says nothing")
    ]


@pytest.mark.parametrize(
    ("declared", "refusal"),
    [
        (sales(total="decimal"), "has column 'total' of type double, the app declares decimal"),
        (
            sales(key=("at",)),
            "has the primary key (shop), at, till, the app declares (shop), at",
        ),
        (
            sales(key=("till", "at")),
            "has the primary key (shop), at, till, the app declares (shop), till, at",
        ),
        (
            sales({"clustering_order": {"at": "asc", "till": "desc"}}),
            "is ordered by 'till' asc, the app declares desc: Cassandra cannot change that",
        ),
    ],
)
def test_what_would_reinterpret_data_is_refused_and_stops_its_loads(
    session: CassandraSession, keyspace: str, declared: AppContract, refusal: str
) -> None:
    declare_table(session, keyspace, sales())
    assert ("refused", refusal) in told(session, keyspace, declared)
    with pytest.raises(TransientError) as raised:
        RowWriter(session).open(keyspace, declared)
    assert (raised.value.reason, str(raised.value)) == ("table_mismatch", f"table {keyspace}.sales {refusal}")


def test_type_with_other_fields_is_refused(session: CassandraSession, keyspace: str) -> None:
    def people(**fields: str) -> AppContract:
        return AppContract.model_validate(
            {
                "files": {"keys": ["*.jsonl"], "format": "jsonl"},
                "table": {"name": "people", "partition_key": ["id"]},
                "columns": {"id": "int", "home": "frozen<address>"},
                "types": {"address": fields},
            }
        )

    declare_table(session, keyspace, people(street="text", zip="int"))
    assert told(session, keyspace, people(street="text", zip="int")) == []
    assert told(session, keyspace, people(zip="int", street="text")) == [
        ("refused", ("has the fields {'street': 'text', 'zip': 'int'}, the app declares "
         "{'zip': 'int', 'street': 'text'}"))
    ]  # fmt: skip


APP = """
[files]
keys = ["*.csv"]
format = "csv"
[table]
name = "sales"
partition_key = ["shop"]
{option}
[columns]
shop = "text"
"""


def test_plan_and_apply_of_a_customer(session: CassandraSession, settings: Settings, tmp_path: Path) -> None:
    customer = Customer(
        f"apps-{uuid.uuid4().hex[:8]}", Constraints(formats=(".csv",), number_files=1, data_sizes=1)
    )
    (tmp_path / customer.id).mkdir()
    declaration = tmp_path / customer.id / "app.toml"
    declaration.write_text(APP.format(option=""))
    planning = AppPlan(session, Registry(tmp_path), settings)
    missing = [(None, "change"), (customer.id, "change")]
    assert [(one.app, one.kind.value) for one in planning.plan([customer])] == missing
    assert [(one.app, one.kind.value) for one in planning.apply([customer])] == missing
    assert list(planning.plan([customer])) == []
    declaration.write_text(APP.format(option='compaction = { class = "LeveledCompactionStrategy", bad = 1 }'))
    [planned] = planning.plan([customer])
    [refused] = planning.apply([customer])
    assert (planned.kind.value, refused.kind.value) == ("change", "refused")
    assert refused.message.startswith("Cassandra refused the statement: ")
    session.execute(f'DROP KEYSPACE "{customer.keyspace}"')
