"""Rows looked for in their table: what is found, what is named, what is only counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cassandra.query import PreparedStatement
from support import fakes
from support.fakes import WRITTEN_US, FakeRegistry, FakeStore

from customer_ingestapps.cells import READER_VERSION
from customer_ingestapps.contract import AppContract
from customer_ingestapps.cql_types import CqlType
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reason
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.row_finder import _shown
from ingest_manager.cassandra.stored_values import reader_of
from ingest_manager.errors import IngestError, ServerDown, TransientError
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.archive import Archive
from ingest_manager.operations.readback import ReadBack
from ingest_manager.operations.verify import Report

CONTRACT = AppContract(
    files={"keys": ["**.csv"], "format": "csv", "null_words": ["NA"]},
    table={"name": "people", "partition_key": ["id"]},
    columns={"id": "int", "name": "text", "note": {"type": "text", "empty": "null"}, "tags": "set<text>"},
)
VERSION = f"abc-r{READER_VERSION}"
FILE = b'id,name,note,tags\n1,Ann,n,"[""a""]"\n2,Bob,,[]\n3,,o,\n'
TIMES = {"w0": WRITTEN_US, "w1": WRITTEN_US, "w2": WRITTEN_US}


@dataclass
class Answer:
    outcome: Sequence[dict[str, Any]] | IngestError

    def result(self) -> list[dict[str, Any]]:
        if isinstance(self.outcome, IngestError):
            raise self.outcome
        return list(self.outcome)


@dataclass
class Table:
    """A session that knows one table; rows are the write times of each id's cells."""

    lacks: str = ""
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: list[IngestError] = field(default_factory=list)
    lifetime_seconds: int = 0
    texts: list[str] = field(default_factory=list)

    def prepare(self, text: str) -> PreparedStatement:
        self.texts.append(text)
        return PreparedStatement([], b"id-of-the-select", [0], text, "acme", 5, [], None)

    def execute_async(self, statement: Any) -> Answer:
        if self.faults:
            return Answer(self.faults.pop(0))
        found = self.rows.get(int.from_bytes(statement.values[0], "big"))
        return Answer([] if found is None else [found])

    def execute(self, statement: Any, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if not isinstance(statement, str):
            return self.execute_async(statement).result()
        if "default_time_to_live" in statement:
            return [{"default_time_to_live": self.lifetime_seconds}]
        kinds = {"id": "partition_key"}
        return [
            {"column_name": name, "type": str(cql), "kind": kinds.get(name, "regular"), "position": 0}
            for name, cql in CONTRACT.cql_types.items()
            if name != self.lacks
        ]


class Scene:
    """An archived object of three rows, its load, and a table that has them."""

    def __init__(self, body: bytes = FILE) -> None:
        self.table = Table(rows={number: dict(TIMES) for number in (1, 2, 3)})
        self.store = FakeStore()
        self.registry = FakeRegistry(IngestApp("acme", "people", "abc", Path(), CONTRACT))
        self.told: list[int] = []
        self.cleared_us: dict[str, int] = {}
        self.report = Report()
        self.put(body)

    def put(self, body: bytes) -> None:
        self.store.put_version(body, f"objects/{fakes.event().load_id}", "", "archive-acme")

    def compare(self, **values: Any) -> list[str]:
        """Look for the rows of the load; return the messages of what differs."""
        counts = {"rows_read": 3, "rows_written": 3, "table_rows": 3}
        load = fakes.load(**(counts | {"app_version": VERSION} | values))
        return self.compare_loads([load])

    def compare_loads(self, loads: list[Load]) -> list[str]:
        read_back = ReadBack(
            Archive(self.store),  # type: ignore[arg-type]  # fakes, all three
            self.registry,  # type: ignore[arg-type]
            self.table,  # type: ignore[arg-type]
            self.report,
            on_rows=self.told.append,
            clock=lambda: fakes.NOW,
        )
        read_back.compare(fakes.customer(max_rejects=0, expanded_kib=1), loads, self.cleared_us)
        return [difference.message for difference in self.report.differences]


def test_rows_with_the_loads_write_time_or_a_later_one_make_no_difference() -> None:
    scene = Scene()
    scene.table.rows[1] |= {"w0": WRITTEN_US + 1}
    assert scene.compare() == []
    assert dict(scene.report.counts) == {"read back": 1, "rows found": 3}
    assert scene.told == [3]
    [text] = scene.table.texts
    wanted = 'writetime("name") AS w0, writetime("note") AS w1, maxwritetime("tags") AS w2'
    assert text == f'SELECT {wanted} FROM "acme"."people" WHERE "id" = ?'


def test_row_that_is_not_there_is_named_by_its_key() -> None:
    scene = Scene()
    del scene.table.rows[2]
    assert scene.compare() == ["row id=2 is not in its table"]
    assert scene.report.counts["rows found"] == 2
    [difference] = scene.report.differences
    assert (difference.customer, difference.key) == ("acme", "people.csv")
    assert difference.load_id == str(fakes.event().load_id)


def test_cell_that_is_older_than_the_object_or_missing_is_named() -> None:
    scene = Scene()
    scene.table.rows[1] |= {"w0": WRITTEN_US - 1, "w1": -(2**63)}
    scene.table.rows[2] |= {"w0": None}
    of = "the object is of 2026-01-31T12:00:00.000000Z"
    assert scene.compare() == [
        f"row id=1: name was written 2026-01-31T11:59:59.999999Z, {of}; note was written {-(2**63)} µs, {of}",
        "row id=2: name is not there",
    ]


def test_row_whose_key_no_calendar_has_is_named_by_its_bytes() -> None:
    assert _shown((2**62).to_bytes(8, "big"), reader_of(CqlType("timestamp"))) == "0x4000000000000000"
    assert _shown(b"\0\0\0\7", reader_of(CqlType("int"))) == "7"


def test_cells_that_the_load_did_not_give_are_not_asked_for() -> None:
    scene = Scene()
    scene.table.rows[2] |= {"w1": None, "w2": None}  # an empty set is no cell
    scene.table.rows[3] |= {"w0": None, "w2": 1}
    assert scene.compare() == []
    assert scene.report.counts["rows found"] == 3


def test_cell_that_a_newer_object_may_have_cleared_is_counted() -> None:
    scene = Scene()
    scene.table.rows[1] |= {"w1": None, "w2": None}
    assert scene.compare() == []
    assert scene.report.counts["cells that a newer object or a forced load may have cleared"] == 2


@pytest.mark.parametrize(("cleared_us", "cleared"), [(WRITTEN_US, 1), (WRITTEN_US - 1, 0)])
def test_cell_that_a_forced_load_may_have_cleared_is_counted(cleared_us: int, cleared: int) -> None:
    scene = Scene()
    scene.table.rows[2] |= {"w0": None}
    scene.cleared_us = {"people": cleared_us, "another app": WRITTEN_US}
    assert len(scene.compare()) == 1 - cleared
    assert scene.report.counts["cells that a newer object or a forced load may have cleared"] == cleared


def test_only_the_first_rows_of_an_object_are_named() -> None:
    numbers = range(25)
    scene = Scene(b"id,name,note,tags\n" + b"".join(b"%d,n,o,\n" % number for number in numbers))
    scene.table.rows = {}
    messages = scene.compare(rows_read=25, rows_written=25, table_rows=25)
    assert messages[:10] == [f"row id={number} is not in its table" for number in range(10)]
    assert messages[10:] == ["and 15 more rows are not as it wrote them"]


def test_accounts_that_come_out_otherwise_are_a_difference() -> None:
    scene = Scene(FILE + b"x,bad,,\n")
    assert scene.compare() == [
        "rows_read is 3 in the ledger, 4 when it is read again",
        "rows_rejected is 0 in the ledger, 1 when it is read again",
    ]


def test_object_that_cannot_be_read_to_its_end_again_is_a_difference() -> None:
    scene = Scene(FILE + b'4,"never closed\n')
    [message] = scene.compare()
    assert message.startswith("cannot be read to its end again: ")


def test_limits_of_the_document_as_it_is_now_do_not_matter() -> None:
    rows = b"".join(b"%d,%s,o,\n" % (number, b"n" * 100) for number in (1, 2, 3) * 10)
    scene = Scene(b"id,name,note,tags\n" + rows + b"x,bad,,\n")
    assert scene.compare(rows_read=31, rows_written=30, rows_rejected=1) == []


@pytest.mark.parametrize(
    ("app", "version", "count"),
    [
        (None, "older-r1", "not read back: loaded by another version of its app"),
        (ContractError("app.toml: refused"), VERSION, "not read back: no app takes it now"),
        (FileRejected(Reason.NO_APP, "none"), VERSION, "not read back: no app takes it now"),
    ],
)
def test_load_that_the_present_app_did_not_make_is_counted_and_left_out(
    app: Exception | None, version: str, count: str
) -> None:
    scene = Scene()
    scene.table.rows = {}
    scene.registry.app = app or scene.registry.app
    assert scene.compare(app_version=version) == []
    assert dict(scene.report.counts) == {count: 1}


def test_object_that_has_gone_since_the_buckets_were_listed_is_counted() -> None:
    scene = Scene()
    scene.store.objects.clear()
    assert scene.compare() == []
    assert dict(scene.report.counts) == {"not read back: no longer there": 1}


def test_table_of_another_shape_is_a_difference() -> None:
    scene = Scene()
    scene.table.lacks = "tags"
    assert scene.compare() == ["its rows cannot be looked for: table acme.people has no column 'tags'"]


@pytest.mark.parametrize(("seconds", "expected"), [(3600, []), (3601, ["row id=1 is not in its table"])])
def test_rows_are_expected_as_long_as_their_table_keeps_them(seconds: int, expected: list[str]) -> None:
    scene = Scene(b"id,name,note,tags\n1,Ann,,\n")
    scene.table.rows, scene.table.lifetime_seconds = {}, seconds
    counts = {"rows_read": 1, "rows_written": 1, "table_rows": 1}
    assert scene.compare(started_at=fakes.WRITTEN_AT, **counts) == expected


def test_row_whose_answer_was_lost_is_asked_for_again() -> None:
    scene = Scene()
    scene.table.faults = [TransientError("timed out")]
    assert scene.compare() == []
    assert scene.report.counts["rows found"] == 3


def test_server_that_is_away_ends_the_proof() -> None:
    scene = Scene()
    scene.table.faults = [ServerDown("gone", server="cassandra")]
    with pytest.raises(ServerDown):
        scene.compare()
