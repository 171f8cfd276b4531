"""Which app takes a key; how apps are found, versioned, refused and read again."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_ingestapps import globs
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.registry import Registry


def declare(folder: Path, *keys: str, table: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "app.toml"
    replacement = folder / "new"
    replacement.write_text(
        f'[files]\nkeys = {list(keys)}\nformat = "csv"\n'
        f'[table]\nname = "{table or folder.name}"\npartition_key = ["id"]\n[columns]\nid = "int"\n'
    )
    replacement.replace(document)
    return document


def test_each_key_goes_to_the_app_that_declares_it(tmp_path: Path) -> None:
    declare(tmp_path / "acme" / "orders", "orders-*.csv", "orders-*.csv.gz")
    declare(tmp_path / "acme" / "items", "items/**.csv")
    registry = Registry(tmp_path)
    assert [app.name for app in registry.apps("acme")] == ["items", "orders"]
    assert registry.pick("acme", "Orders-2026.CSV.gz").name == "orders"
    assert registry.pick("acme", "items/2026/01.csv").contract.table.name == "items"


def test_a_key_that_no_app_takes_is_rejected_with_what_is_taken(tmp_path: Path) -> None:
    declare(tmp_path / "acme" / "orders", "orders-*.csv")
    with pytest.raises(FileRejected, match=r"no ingest app takes 'x/orders-1.csv'.*orders-\*\.csv") as caught:
        Registry(tmp_path).pick("acme", "x/orders-1.csv")
    assert caught.value.reason == "no_app"


PARQUET = """
[files]
keys = ["orders-*.parquet"]
format = "parquet"
csv_keys = ["orders-*.csv"]
[table]
name = "orders"
partition_key = ["id"]
[columns]
id = "int"
"""


def test_an_app_of_parquet_may_take_csv_under_keys_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "acme" / "orders"
    folder.mkdir(parents=True)
    (folder / "app.toml").write_text(PARQUET)
    registry = Registry(tmp_path)
    picked = [registry.pick("acme", key) for key in ("orders-1.parquet", "orders-1.csv")]
    assert [(app.name, app.contract.files.format, app.contract.table.name) for app in picked] == [
        ("orders", "parquet", "orders"),
        ("orders", "csv", "orders"),
    ]
    assert picked[0].version == picked[1].version
    (folder / "app.toml").write_text(PARQUET.replace("orders-*.csv", "orders-*"))
    with pytest.raises(ContractError, match=r"can take the same key"):
        Registry(tmp_path).apps("acme")
    (folder / "app.toml").write_text(PARQUET.replace('format = "parquet"', 'format = "json"'))
    with pytest.raises(ContractError, match="csv_keys is not for files of the format 'json'"):
        Registry(tmp_path).apps("acme")


def test_a_customer_without_a_folder_has_no_apps(tmp_path: Path) -> None:
    assert Registry(tmp_path).apps("acme") == ()
    with pytest.raises(FileRejected, match="names that are taken: none"):
        Registry(tmp_path).pick("acme", "orders.csv")


def test_one_app_may_stand_in_the_customers_own_folder(tmp_path: Path) -> None:
    declare(tmp_path / "acme", "*.csv", table="orders")
    app = Registry(tmp_path).pick("acme", "orders.csv")
    assert (app.customer, app.name, app.folder) == ("acme", "acme", tmp_path / "acme")


def test_an_app_beside_a_folder_of_apps_is_refused(tmp_path: Path) -> None:
    declare(tmp_path / "acme", "*.csv", table="all")
    declare(tmp_path / "acme" / "orders", "*.csv.gz")
    with pytest.raises(ContractError, match="one app, or one folder for each"):
        Registry(tmp_path).apps("acme")


def test_apps_that_could_take_one_key_are_refused(tmp_path: Path) -> None:
    declare(tmp_path / "acme" / "a", "orders-*.csv")
    declare(tmp_path / "acme" / "b", "*-2026.CSV")
    with pytest.raises(ContractError, match=r"'orders-\*\.csv' and '\*-2026\.CSV' can take the same key"):
        Registry(tmp_path).apps("acme")


def test_apps_that_fill_one_table_are_refused(tmp_path: Path) -> None:
    declare(tmp_path / "acme" / "a", "a*.csv", table="orders")
    declare(tmp_path / "acme" / "b", "b*.csv", table="orders")
    with pytest.raises(ContractError, match=r"table\.name = 'orders': only one app may fill a table"):
        Registry(tmp_path).apps("acme")


def test_the_version_changes_with_any_file_of_the_app_only(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    declare(tmp_path / "acme" / "orders", "orders.csv")
    other = declare(tmp_path / "acme" / "items", "items.csv")
    first = registry.pick("acme", "orders.csv").version
    assert len(first) == 12
    other.write_text(other.read_text() + "\n# a remark\n")
    (tmp_path / "acme" / "orders" / "__pycache__").mkdir()
    (tmp_path / "acme" / "orders" / "__pycache__" / "transform.pyc").touch()
    assert registry.pick("acme", "orders.csv").version == first
    (tmp_path / "acme" / "orders" / "rates.csv").write_text("1\n")
    assert registry.pick("acme", "orders.csv").version != first


def test_code_that_is_not_declared_and_a_declaration_without_its_code_are_refused(tmp_path: Path) -> None:
    document = declare(tmp_path / "acme" / "orders", "orders.csv")
    code = document.parent / "transform.py"
    code.write_text("pass\n")
    with pytest.raises(
        ContractError, match=r'transform\.py: is run only where \[transform\] says kind = "python"'
    ):
        Registry(tmp_path).apps("acme")
    code.unlink()
    document.write_text(document.read_text() + '[transform]\nkind = "python"\n')
    with pytest.raises(ContractError, match=r"app\.toml: transform\.kind = .python. needs transform\.py"):
        Registry(tmp_path).apps("acme")
    assert [app.name for app in Registry(tmp_path, has_code=False).apps("acme")] == ["orders"]


def test_an_edit_is_noticed_even_with_the_same_size_and_time(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    document = declare(tmp_path / "acme" / "orders", "a.csv")
    times = document.stat()
    assert registry.pick("acme", "a.csv").name == "orders"
    os.utime(declare(tmp_path / "acme" / "orders", "b.csv"), ns=(times.st_atime_ns, times.st_mtime_ns))
    assert registry.pick("acme", "b.csv").name == "orders"


def test_an_unchanged_app_is_not_read_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    declare(tmp_path / "acme" / "orders", "a.csv")
    assert registry.apps("acme") is registry.apps("acme")


def test_the_last_good_apps_stay_in_force(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    document = declare(tmp_path / "acme" / "orders", "a.csv")
    good = registry.apps("acme")
    document.write_text("[files]\n")
    assert registry.apps("acme") == good
    assert "[files] keys: is missing" in registry.problems["acme"]
    declare(tmp_path / "acme" / "orders", "b.csv")
    assert registry.pick("acme", "b.csv").name == "orders"
    assert registry.problems == {}


def test_apps_that_never_were_good_reject_no_file(tmp_path: Path) -> None:
    declare(tmp_path / "acme" / "orders", "a.csv").write_text("[files]\n")
    registry = Registry(tmp_path)
    for _ in range(2):
        with pytest.raises(ContractError, match=r"\[files\] keys: is missing"):
            registry.pick("acme", "a.csv")


@pytest.mark.parametrize(
    ("glob", "key", "takes"),
    [
        ("orders.csv", "ORDERS.csv", True),
        ("orders.csv", "orders_csv", False),
        ("orders.csv", "orders.csv.gz", False),
        ("*.csv", "a/b.csv", False),
        ("**.csv", "a/b.csv", True),
        ("a/*.csv", "a/b.csv", True),
        ("?.csv", "/.csv", False),
        ("[ab].csv", "[ab].csv", True),
        ("[ab].csv", "a.csv", False),
        ("*.csv", "new\nline.csv", True),
        ("ÉTÉ*.csv", "été-1.csv", True),
    ],
)
def test_what_a_glob_takes(glob: str, key: str, takes: bool) -> None:
    assert globs.matches(glob, key) is takes


pieces = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "?"]), max_size=5).map("".join)


@given(one=pieces, other=pieces, key=st.text(alphabet="ab/", max_size=6))
def test_globs_that_take_one_key_overlap(one: str, other: str, key: str) -> None:
    if globs.matches(one, key) and globs.matches(other, key):
        assert globs.overlap(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a*.csv", "b*.csv"),
        ("*.csv", "*.csv.gz"),
        ("*", "a/b"),
        ("?", "ab"),
        ("a/*", "a/b/?"),
        ("**/a", "*a"),
    ],
)
def test_globs_without_a_common_key_do_not_overlap(one: str, other: str) -> None:
    assert not globs.overlap(one, other)
    assert not globs.overlap(other, one)
