"""Documents that commands write and put aside: as a whole, never over another, never away."""

import json

import pytest

from bucket_policies.customer_documents import MOST_DENIED, add_document, put_aside, removed_customers
from bucket_policies.customers import CustomerDirectory
from bucket_policies.errors import DocumentError

CONTENT = {"formats": [".csv"], "number_files": 2, "data_sizes": 4}


def test_document_says_what_was_given_and_nothing_else(tmp_path):
    added = add_document(tmp_path, "acme", CONTENT)

    assert [path.name for path in (tmp_path / "customers").iterdir()] == ["acme.json"]
    assert json.loads((tmp_path / "customers" / "acme.json").read_text()) == CONTENT
    assert CustomerDirectory(tmp_path / "customers").current() == {"acme": added}


def test_document_that_is_there_is_never_written_over(tmp_path):
    add_document(tmp_path, "acme", CONTENT)

    with pytest.raises(DocumentError, match=r"^there is a customer acme already: edit customers/acme\.json$"):
        add_document(tmp_path, "acme", CONTENT | {"number_files": 3})

    assert json.loads((tmp_path / "customers" / "acme.json").read_text()) == CONTENT
    assert [path.name for path in (tmp_path / "customers").iterdir()] == ["acme.json"]


@pytest.mark.parametrize(
    "customer", ["ingest", "system", "system-auth", "unrouted", "a", "Acme", "a--b", "a/b", "../a"]
)
def test_id_that_cannot_be_one_is_refused_before_anything_is_written(tmp_path, customer):
    with pytest.raises(DocumentError, match="cannot be a customer: an id has 3 to 42"):
        add_document(tmp_path, customer, CONTENT)

    assert list(tmp_path.iterdir()) == []


def test_content_that_breaks_the_rules_is_told_whole(tmp_path):
    with pytest.raises(DocumentError, match=r'^formats: "csv" is not allowed: .*; number_files: 0 is not'):
        add_document(tmp_path, "acme", CONTENT | {"formats": ["csv"], "number_files": 0})


def test_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "customers").write_text("no folder")

    with pytest.raises(DocumentError, match=r"customers/acme\.json: cannot be written: "):
        add_document(tmp_path, "acme", CONTENT)


def test_document_put_aside_keeps_its_text_and_its_customer_is_removed(tmp_path):
    add_document(tmp_path, "acme-west", CONTENT)
    text = (tmp_path / "customers" / "acme-west.json").read_text()

    aside = put_aside(tmp_path, "acme-west")

    assert (aside.parent.name, aside.read_text()) == ("customers-removed", text)
    assert list((tmp_path / "customers").iterdir()) == []
    assert removed_customers(tmp_path) == ["acme-west"]


def test_customer_that_came_back_is_not_removed(tmp_path):
    add_document(tmp_path, "acme", CONTENT)
    put_aside(tmp_path, "acme")
    add_document(tmp_path, "acme", CONTENT)

    assert removed_customers(tmp_path) == []


def test_last_removed_ones_are_known_and_other_files_are_not_minded(tmp_path):
    folder = tmp_path / "customers-removed"
    folder.mkdir()
    for number in range(MOST_DENIED + 1):
        (folder / f"acme-{number:03}-2026-01-31T{number:06}Z.json").write_text("{}")
    for name in ("notes.json", "ingest-2026-01-31T120000Z.json", "acme-000-2026-01-31.json"):
        (folder / name).write_text("{}")

    removed = removed_customers(tmp_path)

    assert (len(removed), removed[0], removed[-1]) == (MOST_DENIED, "acme-001", f"acme-{MOST_DENIED:03}")
