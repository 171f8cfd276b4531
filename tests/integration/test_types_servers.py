"""Every CQL type on a real Cassandra: the declared table passes its own check, and values come back equal."""

import json
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from support.cql_values import app, read
from support.every_type import COLUMNS, TIMED, TYPES, VALUES

from customer_ingestapps.cells import encode_rows
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.cassandra.row_writer import MISSING, RowWriter
from ingest_manager.cassandra.tables import check_table, declare_table, declared_table

pytestmark = pytest.mark.server("cassandra")


def test_every_type_comes_back_as_it_was_written(session: CassandraSession, keyspace: str) -> None:
    ingest_app = app(COLUMNS, "id", "when", types=TYPES, format="jsonl")
    declare_table(session, keyspace, ingest_app.contract)
    declare_table(session, keyspace, ingest_app.contract)
    check_table(session, keyspace, declared_table(ingest_app.contract))
    (chunk,) = read(ingest_app, json.dumps(VALUES).encode())
    assert chunk.rejects == []
    table = RowWriter(session).open(keyspace, ingest_app.contract)
    table.write(encode_rows(ingest_app.contract, chunk.frame, MISSING), 1_700_000_000_000_000)
    table.flush()
    (row,) = session.execute(f"SELECT * FROM {keyspace}.t")
    months, days, nanoseconds = (getattr(row["dur"], part) for part in ("months", "days", "nanoseconds"))
    assert (months, days, nanoseconds) == (-14, -3, -4)
    home = row["who"].home
    assert (row["who"].name, home.street, list(home.tags)) == ("Ann", "x", ["a", "b"])
    assert (row["adr"].street, row["adr"].tags) == ("y", None)
    assert {name: list(map(str, inner)) for name, inner in row["map"].items()} == {
        "a": [],
        "b": ["1.0", "2.50"],
    }
    assert [row[name] for name in ("txt", "asc", "tiny", "small", "big", "var", "dou", "boo")] == [
        "数据 🙂", "a", -128, 32767, 9007199254740993, -123456789012345678901234567890, 5e-324, True,
    ]  # fmt: skip
    assert (str(row["dec"]), row["when"], round(row["flo"], 7)) == ("0.10", Decimal("1.50"), 0.1)
    assert (str(row["day"]), str(row["tim"])) == ("0001-01-01", "23:59:59.999999999")
    assert row["sta"] == datetime(2024, 3, 10, 12, 0, 0, 123000)  # noqa: DTZ001 - the driver's are naive
    assert (row["uid"], row["tid"], row["net"], row["blo"]) == (
        UUID(TIMED),
        UUID(TIMED),
        "2001:db8::1",
        b"\x00\xff",
    )
    assert (list(row["lis"]), list(row["ses"]), list(row["fse"])) == ([3, 1, 3], [-1, 2, 3], [-1, 2, 3])
    assert (row["tup"][:2], list(row["tup"][2])) == ((1, None), [2])
    vectors = [list(map(plain, row[name])) for name in ("vec", "vet", "ves", "vel")]
    assert vectors == [[1, 2.5, -3], ["a", "x" * 200], [1, -1], [[1], []]]


def plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def test_decimals_of_one_value_are_one_clustering_key(session: CassandraSession, keyspace: str) -> None:
    ingest_app = app({"id": "decimal", "c": "decimal", "v": "int"}, "id", "c")
    declare_table(session, keyspace, ingest_app.contract)
    (chunk,) = read(ingest_app, b"id,c,v\n1.0,1.0,1\n1.0,1.00,2\n1.00,1.0,3\n")
    assert chunk.frame.height == 2
    table = RowWriter(session).open(keyspace, ingest_app.contract)
    table.write(encode_rows(ingest_app.contract, chunk.frame, MISSING), 1_700_000_000_000_000)
    table.flush()
    assert sorted(row["v"] for row in session.execute(f"SELECT v FROM {keyspace}.t")) == [2, 3]


def test_the_longest_keys_that_pass_are_taken(session: CassandraSession, keyspace: str) -> None:
    ingest_app = app({"p": "text", "c": "text"}, "p", "c")
    declare_table(session, keyspace, ingest_app.contract)
    (chunk,) = read(ingest_app, b"p,c\n%b,%b\n%b,x\n" % (b"a" * 65_535, b"b" * 65_535, b"a" * 65_536))
    assert [reject.reason for reject in chunk.rejects] == ["key_too_long"]
    table = RowWriter(session).open(keyspace, ingest_app.contract)
    table.write(encode_rows(ingest_app.contract, chunk.frame, MISSING), 1_700_000_000_000_000)
    table.flush()
    assert len(session.execute(f"SELECT p FROM {keyspace}.t")) == 1
