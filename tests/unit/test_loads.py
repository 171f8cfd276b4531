"""What a delivery may do with the load it finds."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from ingest_manager.ledger.loads import Finding, Load, LoadStatus, inspect

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MINE, THEIRS = uuid.UUID(int=1), uuid.UUID(int=2)
SECOND = timedelta(seconds=1)


def load(status: LoadStatus, **values: object) -> Load:
    facts: dict[str, object] = {
        "load_id": uuid.UUID(int=9),
        "customer": "acme",
        "bucket": "staging-acme",
        "key": "orders.csv",
        "version_id": "v1",
    }
    return Load(**(facts | {"status": status, "claim": THEIRS, "attempts": 2} | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "retry_of", "expected"),
    [
        (load(LoadStatus.QUEUED), None, Finding.CLAIMABLE),
        (load(LoadStatus.LOADING, lease_until=NOW + SECOND), None, Finding.BUSY),
        (load(LoadStatus.LOADING, lease_until=NOW), None, Finding.CLAIMABLE),
        (load(LoadStatus.LOADING, lease_until=NOW + SECOND, claim=MINE), None, Finding.CLAIMABLE),
        (load(LoadStatus.WAITING, retry_at=NOW + SECOND), None, Finding.HANDED_ON),
        (load(LoadStatus.WAITING, retry_at=NOW + SECOND), 1, Finding.HANDED_ON),
        (load(LoadStatus.WAITING, retry_at=NOW + SECOND), 2, Finding.CLAIMABLE),
        (load(LoadStatus.WAITING, retry_at=NOW), None, Finding.CLAIMABLE),
        (load(LoadStatus.LOADED), None, Finding.UNPLACED),
        (load(LoadStatus.LOADED, placed_at=NOW), None, Finding.DONE),
        (load(LoadStatus.FAILED, placed_at=NOW), 2, Finding.DONE),
        (load(LoadStatus.GONE, placed_at=NOW), None, Finding.DONE),
    ],
)
def test_finding_follows_from_status_lease_and_claim(
    found: Load, retry_of: int | None, expected: Finding
) -> None:
    assert inspect(found, now=NOW, claim=MINE, retry_of=retry_of) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (load(LoadStatus.LOADED, placed_at=NOW), Finding.CLAIMABLE),
        (load(LoadStatus.FAILED), Finding.UNPLACED),
        (load(LoadStatus.LOADING, lease_until=NOW + SECOND), Finding.BUSY),
        (load(LoadStatus.WAITING, retry_at=NOW + SECOND), Finding.HANDED_ON),
    ],
)
def test_replay_that_is_due_may_claim_an_outcome_once_it_is_placed(found: Load, expected: Finding) -> None:
    assert inspect(found, now=NOW, claim=MINE, retry_of=None, is_replay_due=True) is expected


def test_six_statuses_are_outcomes() -> None:
    outcomes = [status.value for status in LoadStatus if status.is_outcome]
    assert outcomes == ["loaded", "partly_loaded", "rejected", "failed", "duplicate", "gone"]
