"""Whose objects wait, and why."""

from ingest_manager.housekeeping import _not_taken_up


def test_customers_with_a_problem_of_their_own_or_of_their_document_wait() -> None:
    documents = {
        "globex.json": "data_sizes: missing",
        "zenith.json": "the last good one is in force",
        "Not A Customer.json": "cannot be a customer",
        "customers": "cannot be read",  # the folder, which tells nothing of who was known before
    }
    found = _not_taken_up(documents, {"acme": "columns.id.type: not a type"}, ready={"zenith"})
    assert found == {"acme": "columns.id.type: not a type", "globex": "data_sizes: missing"}
