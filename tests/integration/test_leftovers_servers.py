"""Clearing on a real Cassandra: cells of a load's earlier runs go, those of anybody else stay."""

from typing import Any

import polars as pl
import pytest

from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.row_writer import MISSING, RowWriter
from ingest_manager.cassandra.tables import declare_table

pytestmark = pytest.mark.server("cassandra")

FIRST_US = 1_700_000_000_000_000
EARLIER = range(FIRST_US, FIRST_US + 65)
BASE_US = EARLIER.stop
LITERALS = {
    "ascii": "'a'", "bigint": "1", "blob": "0x01", "boolean": "true", "date": "'2026-01-31'",
    "decimal": "1.5", "double": "1.5", "duration": "1d", "float": "1.5", "inet": "'10.0.0.1'", "int": "1",
    "smallint": "1", "text": "'a'", "time": "'12:00:00'", "timestamp": "1", "timeuuid": "now()",
    "tinyint": "1", "uuid": "uuid()", "varint": "1", "frozen<list<int>>": "[1, 2]", "set<int>": "{1, 2}",
    "map<int, text>": "{1: 'a'}", "frozen<set<int>>": "{1}", "tuple<int, text>": "(1, 'a')",
    "vector<float, 2>": "[1, 2]", "map<text, frozen<list<int>>>": "{'a': [1]}", "address": "{street: 'a'}",
    "frozen<address>": "{street: 'a', number: 1}",
}  # fmt: skip
COLUMNS = {f"c{number}": kind for number, kind in enumerate(LITERALS)}
VALUES = dict(zip(COLUMNS, LITERALS.values(), strict=True))


def people(**columns: Any) -> AppContract:
    return AppContract(
        files={"keys": ["*.csv"], "format": "csv"},
        table={"name": "people", "partition_key": ["team"], "clustering_key": ["Id"]},
        columns={"team": "text", "Id": "int", **columns},
        types={"address": {"street": "text", "number": "int"}},
    )


def run(
    session: CassandraSession,
    keyspace: str,
    contract: AppContract,
    *rows: dict[str, Any],
    earlier: range = EARLIER,
) -> None:
    """Write rows as a run above the earlier ones does, each row as a chunk of its own."""
    columns = {name for row in rows for name in row}
    kinds = {"team": pl.String, "Id": pl.Int32, "name": pl.String, "note": pl.String}
    writer = RowWriter(session).open(keyspace, contract, earlier)
    for number, row in enumerate(rows):
        cells = {name: pl.Series([row.get(name)], dtype=kinds[name]) for name in columns}
        writer.write(encode_rows(contract, pl.DataFrame(cells), MISSING), BASE_US + number)
    writer.flush()


def put(session: CassandraSession, keyspace: str, time_us: int, **cells: str) -> None:
    """Write cells as literals with one write time, as another run or object does."""
    names = ", ".join(f'"{name}"' for name in cells)
    values = ", ".join(cells.values())
    into = f"{keyspace}.people ({names})"
    session.execute(f"INSERT INTO {into} VALUES ({values}) USING TIMESTAMP {time_us}")


def stored(session: CassandraSession, keyspace: str, *columns: str) -> list[tuple[Any, ...]]:
    rows = session.execute(f'SELECT "Id", {", ".join(columns)} FROM {keyspace}.people')
    return sorted(tuple(row.values()) for row in rows)


def test_only_cells_of_earlier_runs_are_cleared(session: CassandraSession, keyspace: str) -> None:
    contract = people(name="text", note="text")
    declare_table(session, keyspace, contract)
    times = (FIRST_US - 1, FIRST_US, EARLIER[-1], BASE_US, BASE_US + 10_000_000)
    for number, time_us in enumerate(times):
        put(session, keyspace, time_us, team="'a'", Id=str(number), note=f"'{number}'")
    run(session, keyspace, contract, *({"team": "a", "Id": number, "name": "n"} for number in range(5)))
    assert stored(session, keyspace, "name", "note") == [
        (0, "n", "0"), (1, "n", None), (2, "n", None), (3, "n", "3"), (4, "n", "4")
    ]  # fmt: skip


def test_rows_that_the_run_does_not_write_stay_as_they_are(session: CassandraSession, keyspace: str) -> None:
    contract = people(note="text")
    declare_table(session, keyspace, contract)
    put(session, keyspace, FIRST_US, team="'a'", Id="1", note="'x'")
    run(session, keyspace, contract, {"team": "a", "Id": 2})
    assert stored(session, keyspace, "note") == [(1, "x"), (2, None)]


def test_value_that_an_earlier_chunk_of_the_same_run_gave_wins(
    session: CassandraSession, keyspace: str
) -> None:
    contract = people(note="text")
    declare_table(session, keyspace, contract)
    put(session, keyspace, FIRST_US, team="'a'", Id="1", note="'old'")
    for _ in ("first time", "repeated after a crash"):
        run(session, keyspace, contract, {"team": "a", "Id": 1, "note": "new"}, {"team": "a", "Id": 1})
        assert stored(session, keyspace, "note", "WRITETIME(note)") == [(1, "new", BASE_US)]


@pytest.mark.parametrize("is_declared", [True, False])
def test_column_of_every_type_is_cleared(
    session: CassandraSession, keyspace: str, *, is_declared: bool
) -> None:
    declare_table(session, keyspace, people(**COLUMNS))
    session.execute(f"ALTER TABLE {keyspace}.people ADD (by_hand list<int>, constant int static)")
    values = VALUES | {"by_hand": "[1, 2]"}
    put(session, keyspace, EARLIER[-1], team="'a'", Id="1", constant="5", **values)
    put(session, keyspace, FIRST_US - 1, team="'a'", Id="2", **values)
    before = stored(session, keyspace, *values)
    contract = people(**COLUMNS) if is_declared else people()
    run(session, keyspace, contract, {"team": "a", "Id": 1}, {"team": "a", "Id": 2})
    assert stored(session, keyspace, *values) == [(1, *[None] * len(values)), before[1]]
    assert None not in before[1]
    assert stored(session, keyspace, "constant") == [(1, 5), (2, 5)]


def test_set_that_another_object_has_added_to_keeps_what_was_added(
    session: CassandraSession, keyspace: str
) -> None:
    contract = people(tags="set<int>")
    declare_table(session, keyspace, contract)
    put(session, keyspace, FIRST_US, team="'a'", Id="1", tags="{1, 2}")
    later = f"UPDATE {keyspace}.people USING TIMESTAMP {BASE_US + 1} SET tags = tags + {{3}}"
    session.execute(f"""{later} WHERE team = 'a' AND "Id" = 1""")
    run(session, keyspace, contract, {"team": "a", "Id": 1})
    assert [set(tags) for _, tags in stored(session, keyspace, "tags")] == [{3}]


def test_run_without_earlier_ones_reads_nothing(session: CassandraSession, keyspace: str) -> None:
    contract = people(note="text")
    declare_table(session, keyspace, contract)
    put(session, keyspace, FIRST_US, team="'a'", Id="1", note="'x'")
    run(session, keyspace, contract, {"team": "a", "Id": 1}, earlier=range(BASE_US, BASE_US))
    assert stored(session, keyspace, "note") == [(1, "x")]
