"""Customers: ids, the names that follow from them, and the folder of documents."""

import doctest
import shutil
from pathlib import Path

import pytest

import bucket_policies
from bucket_policies import customers
from bucket_policies.customers import Customer, CustomerDirectory, customer_of_bucket, is_customer_id

SEED = '{"formats":[".csv"],"number_files":10,"data_sizes":4096}'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "acme.json").write_text(SEED)
    return tmp_path


def test_examples_in_the_docstrings_are_true():
    assert doctest.testmod(customers).failed == 0


@pytest.mark.parametrize("text", ["customer-1", "acme", "a1b", "1st", "a" * 42, "subsystem"])
def test_customer_id(text):
    assert is_customer_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "ab", "a" * 43, "Acme", "acme_west", "-acme", "acme-", "ac--me", "acmé", "acme\n", "a.b"],
)
def test_text_that_cannot_be_a_customer_id(text):
    assert not is_customer_id(text)


@pytest.mark.parametrize("text", ["ingest", "unrouted", "system", "system-auth", "systems"])
def test_name_in_use_elsewhere_cannot_be_a_customer_id(text):
    assert not is_customer_id(text)


@pytest.mark.parametrize("bucket", ["staging-", "acme", "staging-Acme", "staging-ingest", "archive-acme"])
def test_other_bucket_has_no_customer(bucket):
    assert customer_of_bucket(bucket) is None


def test_names_follow_from_the_id(folder):
    acme = CustomerDirectory(folder).current()["acme"]

    assert (acme.staging_bucket, acme.archive_bucket) == ("staging-acme", "archive-acme")
    assert (acme.queue, acme.keyspace) == ("ingest.acme", "acme")
    assert customer_of_bucket(acme.staging_bucket) == "acme"


def test_shipped_documents_are_those_of_the_seed():
    found = CustomerDirectory(Path(bucket_policies.__file__).parent / "customers").current()

    one, two = found["customer-1"].constraints, found["customer-2"].constraints
    assert (one.formats, one.number_files, one.data_sizes) == ((".csv",), 10, 4096)
    assert (two.formats, two.number_files, two.data_sizes) == ((".csv", ".csv.gz"), 100, 2048)


def test_edit_is_live(folder):
    directory = CustomerDirectory(folder)
    assert directory.current()["acme"].constraints.number_files == 10

    (folder / "acme.json").write_text(SEED.replace("10", "200"))

    assert directory.current()["acme"].constraints.number_files == 200


def test_refused_edit_leaves_the_last_good_document_in_force(folder):
    directory = CustomerDirectory(folder)
    good = directory.current()["acme"]

    (folder / "acme.json").write_text(SEED.replace("10", "-10"))

    assert directory.current() == {"acme": good}
    assert directory.problems == {
        "acme.json": "number_files: -10 is not allowed: Input should be greater than or equal to 1"
    }


def test_mended_document_is_no_problem_any_more(folder):
    directory = CustomerDirectory(folder)
    (folder / "acme.json").write_text("{")
    assert directory.current() == {}
    assert list(directory.problems) == ["acme.json"]

    (folder / "acme.json").write_text(SEED)

    assert list(directory.current()) == ["acme"]
    assert directory.problems == {}


def test_customer_appears_and_disappears_with_the_document(folder):
    directory = CustomerDirectory(folder)
    (folder / "globex.json").write_text(SEED)
    assert list(directory.current()) == ["acme", "globex"]

    (folder / "globex.json").unlink()

    assert list(directory.current()) == ["acme"]


def test_document_with_a_reserved_name_is_refused(folder):
    (folder / "ingest.json").write_text(SEED)
    directory = CustomerDirectory(folder)

    assert list(directory.current()) == ["acme"]
    assert "'ingest' cannot be a customer" in directory.problems["ingest.json"]


def test_folder_that_vanishes_and_returns_stops_nobody(folder, tmp_path_factory):
    directory = CustomerDirectory(folder)
    directory.current()
    away = tmp_path_factory.mktemp("away") / "customers"
    shutil.move(folder, away)

    assert list(directory.current()) == ["acme"]
    assert directory.problems == {f"{folder.name}/": "cannot be read: No such file or directory"}

    shutil.move(away, folder)
    assert list(directory.current()) == ["acme"]
    assert directory.problems == {}


def test_unchanged_folder_is_not_read_again(folder):
    directory = CustomerDirectory(folder)
    first: Customer = directory.current()["acme"]

    assert directory.current()["acme"] is first


def test_what_an_editor_leaves_beside_a_document_is_none(folder):
    (folder / ".#acme.json").symlink_to("admin@host.123")
    directory = CustomerDirectory(folder)
    assert list(directory.current()) == ["acme"]
    assert directory.problems == {}


def test_document_that_cannot_be_read_stops_nobody_else(folder):
    (folder / "globex.json").symlink_to(folder / "nowhere.json")
    directory = CustomerDirectory(folder)
    assert list(directory.current()) == ["acme"]
    assert directory.problems == {"globex.json": "cannot be read: No such file or directory"}
