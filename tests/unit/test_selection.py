"""Which loads an operator's questions choose."""

from datetime import timedelta
from typing import Any

import pytest
from support import fakes

from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.operations.selection import Selection

MINUTE = timedelta(minutes=1)
LOAD = fakes.load(LoadStatus.FAILED, "in/people.csv", reason="app_refused", app_version="abc-r1")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"customer": "acme"},
        {"key": "in/*.csv"},
        {"key": "**.CSV"},
        {"since": fakes.WRITTEN_AT},
        {"until": fakes.WRITTEN_AT + MINUTE},
        {"statuses": frozenset({LoadStatus.FAILED, LoadStatus.REJECTED})},
        {"reason": "app_refused", "app_version": "abc-r1"},
    ],
)
def test_load_that_answers_every_question_is_chosen(asked: dict[str, Any]) -> None:
    assert Selection(**asked).wants(LOAD)


@pytest.mark.parametrize(
    "asked",
    [
        {"customer": "zenith"},
        {"key": "*.csv"},
        {"since": fakes.WRITTEN_AT + MINUTE},
        {"until": fakes.WRITTEN_AT},
        {"statuses": frozenset({LoadStatus.REJECTED})},
        {"reason": "AccessDenied"},
        {"app_version": "def-r1"},
        {"customer": "acme", "reason": "AccessDenied"},
    ],
)
def test_load_that_fails_one_question_is_not(asked: dict[str, Any]) -> None:
    assert not Selection(**asked).wants(LOAD)


def test_load_without_a_time_is_in_every_span() -> None:
    assert Selection(since=fakes.NOW).wants(fakes.load(event_at=None))
