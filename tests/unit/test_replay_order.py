"""The order to replay in a message's headers, and the loads that it may concern."""

import uuid
from datetime import datetime, timedelta

import pytest
from support import fakes

from ingest_manager.errors import UnusableMessage
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.ledger.replay_order import Hindrance, Replay, hindrance, is_stuck

ID = uuid.UUID(int=7)
SAME, OTHER = "abc-r1", "def-r1"


@pytest.mark.parametrize("replay", [Replay(ID, 0), Replay(ID, 3, is_forced=True)])
def test_order_survives_its_way_through_headers(replay: Replay) -> None:
    assert Replay.of({"minio-bucket": "staging-acme", **replay.headers()}) == replay


def test_message_without_the_header_is_no_order() -> None:
    assert Replay.of({"minio-bucket": "staging-acme", "ingest-replay-after": 1, b"\xff": 1}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"ingest-replay": "7", "ingest-replay-after": 0},
        {"ingest-replay": 7, "ingest-replay-after": 0},
        {"ingest-replay": str(ID)},
        {"ingest-replay": str(ID), "ingest-replay-after": None},
    ],
)
def test_headers_that_we_have_not_written_are_refused(headers: dict[str, object]) -> None:
    with pytest.raises(UnusableMessage):
        Replay.of(headers)


@pytest.mark.parametrize(
    ("status", "app_version", "is_forced", "expected"),
    [
        (LoadStatus.FAILED, OTHER, False, None),
        (LoadStatus.FAILED, None, False, None),
        (LoadStatus.REJECTED, OTHER, False, None),
        (LoadStatus.REJECTED, None, False, None),
        (LoadStatus.PARTLY_LOADED, OTHER, False, None),
        (LoadStatus.PARTLY_LOADED, None, True, Hindrance.NO_APP),
        (LoadStatus.LOADED, SAME, False, None),
        (LoadStatus.LOADED, OTHER, False, Hindrance.OTHER_VERSION),
        (LoadStatus.LOADED, OTHER, True, None),
        (LoadStatus.LOADED, None, True, Hindrance.NO_APP),
        (LoadStatus.DUPLICATE, SAME, True, Hindrance.DUPLICATE),
        (LoadStatus.GONE, SAME, True, Hindrance.GONE),
    ],
)
def test_hindrance_follows_from_outcome_and_app(
    status: LoadStatus, app_version: str | None, is_forced: bool, expected: Hindrance | None
) -> None:
    load = fakes.load(status, app_version=SAME)
    assert hindrance(load, app_version, is_forced=is_forced) is expected


@pytest.mark.parametrize(("replays", "is_due"), [(0, False), (1, True), (2, False)])
def test_order_is_due_for_the_load_as_it_was_when_chosen(replays: int, is_due: bool) -> None:
    load = fakes.load(app_version=SAME, replays=replays)
    assert Replay(ID, after=1).is_due(load, SAME) is is_due


def test_order_is_not_due_for_a_load_that_another_version_has_loaded_meanwhile() -> None:
    assert Replay(ID, 0).is_due(fakes.load(app_version=OTHER), SAME) is False


LONG_AGO, JUST_NOW = fakes.NOW - timedelta(minutes=3), fakes.NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "lease_until", "retry_at", "expected"),
    [
        (LoadStatus.LOADING, LONG_AGO, None, True),
        (LoadStatus.LOADING, JUST_NOW, None, False),  # whoever comes after a crash may still come
        (LoadStatus.WAITING, LONG_AGO, LONG_AGO, True),
        (LoadStatus.WAITING, LONG_AGO, JUST_NOW, False),
        (LoadStatus.QUEUED, LONG_AGO, None, True),  # given back
        (LoadStatus.QUEUED, None, None, False),  # entered by reconcile, which looks after it
        (LoadStatus.FAILED, LONG_AGO, None, False),
    ],
)
def test_load_whose_turn_is_long_over_is_stuck(
    status: LoadStatus, lease_until: datetime | None, retry_at: datetime | None, expected: bool
) -> None:
    load = fakes.load(status, lease_until=lease_until, retry_at=retry_at)
    assert is_stuck(load, fakes.NOW) is expected
