"""A new version of an app in the shadow of the present one: what differs is found, and nothing is written."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import fakes
from support.fakes import FakeLedger, FakeStore

from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager.apps.shadow import ObjectShadow, Shadow, read_new_version
from ingest_manager.apps.shadow_comparison import NOT_SET, packed, unpacked
from ingest_manager.cassandra.row_writer import MISSING
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.loading.archive import Archive

PEOPLE = """
[files]
keys = ["people*.csv"]
format = "csv"
[table]
name = "people"
partition_key = ["id"]
[columns]
id = "int"
name = "text"
age = "int"
"""


@dataclass
class Scene:
    """Present and new apps in folders, and objects in an archive."""

    root: Path
    ledger: FakeLedger = field(default_factory=FakeLedger)
    store: FakeStore = field(default_factory=lambda: FakeStore(range_bytes=1 << 20))

    def __post_init__(self) -> None:
        self.write("present/acme/people", PEOPLE)
        self.write("new", PEOPLE)

    def write(self, folder: str, contract: str) -> None:
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / folder / "app.toml").write_text(contract)

    def put(self, body: bytes, key: str = "people.csv", minutes: int = 0, **values: Any) -> Load:
        at = fakes.WRITTEN_AT + timedelta(minutes=minutes)
        load = fakes.load(key=key, event_at=at, **values)
        self.ledger.enter(load)
        self.store.put_version(body, f"objects/{load.load_id}", "", "archive-acme")
        return load

    def shadow(self) -> Shadow:
        customer = fakes.customer()
        new = read_new_version(self.root / "new", customer)
        nothing = {"present": lambda _: None, "new": lambda _: None}
        archive: Any = Archive(self.store)  # type: ignore[arg-type]  # a fake
        return Shadow(customer, Registry(self.root / "present"), new, archive, nothing)  # type: ignore[arg-type]

    def loads(self, last: int = 10) -> list[Load]:
        return self.shadow().loads(self.ledger, last)  # type: ignore[arg-type]  # a fake

    def compared(self, most: int = 10) -> ObjectShadow:
        effects = [*self.store.effects, *self.ledger.effects]
        [found] = self.shadow().compare(self.loads(), most)
        assert [*self.store.effects, *self.ledger.effects] == effects
        return found


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


GOOD = b"id,name,age\n1,Ann,30\n2,Bob,31\n"


def test_same_version_differs_in_nothing(scene: Scene) -> None:
    scene.put(GOOD)
    found = scene.compared()
    assert not found.is_different
    assert (found.present.rows_written, found.new.rows_written, found.values) == (2, 2, [])


def test_values_that_are_read_otherwise_are_shown_by_key_and_column(scene: Scene) -> None:
    scene.write("new", PEOPLE.replace('name = "text"', 'name = { type = "text", null_words = ["Bob"] }'))
    scene.put(GOOD)
    found = scene.compared()
    assert (found.rows_changed, found.values_changed, found.is_different) == (1, 1, True)
    [value] = found.values
    assert (value.key, value.column, value.present, value.new) == ({"id": 2}, "name", "Bob", NOT_SET)


def test_value_of_another_type_is_the_same_where_a_reader_sees_no_difference(scene: Scene) -> None:
    scene.write("new", PEOPLE.replace('age = "int"', 'age = "bigint"'))
    scene.put(GOOD)
    assert not scene.compared().is_different


def test_new_column_is_a_difference_of_every_row(scene: Scene) -> None:
    scene.write("new", PEOPLE + 'note = { type = "text", column = "name" }\n')
    scene.put(GOOD)
    found = scene.compared(most=1)
    assert (found.rows_changed, found.values_changed, len(found.values)) == (2, 2, 1)
    assert (found.values[0].column, found.values[0].present, found.values[0].new) == ("note", NOT_SET, "Ann")


def test_rejects_that_are_new_or_gone_are_told_with_their_line(scene: Scene) -> None:
    scene.write(
        "new", PEOPLE.replace('name = "text"', 'name = "ascii"').replace('age = "int"', 'age = "double"')
    )
    scene.put("id,name,age\n1,Ann,0.5\n2,Zoë,31\nx,Cy,1\n".encode())
    found = scene.compared()
    assert (found.rejects_new, found.rejects_gone, found.rows_new, found.rows_gone) == (1, 1, 1, 1)
    assert [(one.is_new, one.line, one.column, one.reason) for one in found.rejects] == [
        (False, 2, "age", "not_whole"),
        (True, 3, "name", "bad_value"),
    ]
    assert (found.present.rows_rejected, found.new.rows_rejected) == (2, 2)


def test_later_rows_of_a_key_replace_earlier_ones_across_chunks(scene: Scene) -> None:
    filler = b"".join(b"%d,x,1\n" % number for number in range(10, 10_010))
    scene.put(b"id,name,age\n1,Ann,30\n" + filler + b"1,,31\n")
    scene.write("new", PEOPLE.replace('age = "int"', 'age = { type = "int", null_words = ["31"] }'))
    found = scene.compared()
    assert found.rows_changed == 1
    [value] = found.values
    assert (value.key, value.column, value.present, value.new) == ({"id": 1}, "age", 31, 30)


def test_another_key_compares_counts_and_rejects_only(scene: Scene) -> None:
    scene.write("new", PEOPLE.replace('partition_key = ["id"]', 'partition_key = ["name"]'))
    scene.put(GOOD)
    found = scene.compared()
    assert (found.has_same_key, found.values, found.is_different) == (False, [], True)


def test_object_that_the_new_version_does_not_take_would_be_rejected(scene: Scene) -> None:
    scene.write("new", PEOPLE.replace("people*.csv", "folk*.csv"))
    scene.put(GOOD)
    found = scene.compared()
    assert (found.new.status, found.new.reason, found.rows_gone) == ("rejected", "no_app", 2)


def test_file_that_only_the_new_version_reads_is_a_difference(scene: Scene) -> None:
    scene.write("new", PEOPLE.replace('format = "csv"', 'format = "csv"\ndelimiter = ";"'))
    scene.put(b"id;name;age\n1;Ann;30\n", status=LoadStatus.REJECTED)
    found = scene.compared()
    assert (found.present.status, found.present.reason) == ("rejected", "unknown_columns")
    assert (found.new.status, found.rows_new) == ("loaded", 1)


def test_newest_objects_of_the_app_are_taken_and_no_others(scene: Scene) -> None:
    scene.write("present/acme/orders", PEOPLE.replace("people", "orders"))
    scene.put(GOOD, "people-1.csv", minutes=1)
    scene.put(GOOD, "people-2.csv", minutes=2)
    scene.put(GOOD, "people-3.csv", minutes=3, status=LoadStatus.PARTLY_LOADED)
    scene.put(GOOD, "orders-4.csv", minutes=4)
    scene.put(GOOD, "people-5.csv", minutes=5, status=LoadStatus.DUPLICATE)
    scene.put(GOOD, "people-6.txt", minutes=6, status=LoadStatus.REJECTED)
    expired = scene.put(GOOD, "people-7.csv", minutes=7)
    scene.store.objects.pop(("archive-acme", f"objects/{expired.load_id}", ""))
    assert [load.key for load in scene.loads(2)] == ["people-3.csv", "people-2.csv"]
    assert len(scene.loads(10)) == 3


def test_new_version_may_be_named_by_its_declaration_and_has_to_be_one(scene: Scene, tmp_path: Path) -> None:
    [app] = read_new_version(tmp_path / "new" / "app.toml", fakes.customer())
    assert (app.customer, app.contract.table.name) == ("acme", "people")
    with pytest.raises(ContractError, match=r"has no app\.toml, nor a folder that has one"):
        read_new_version(tmp_path / "present", fakes.customer())


def test_cells_come_back_as_they_were() -> None:
    cells = [b"", b"\0\1", None, MISSING, b"x" * 70_000]
    assert unpacked(packed(cells)) == cells
