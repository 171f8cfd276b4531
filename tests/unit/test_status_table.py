"""The platform's state as text."""

from typing import Any

import pytest
from support import fakes

from ingest_manager.commands.status_table import print_state
from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.monitoring.platform_state import PlatformState

FIGURES: dict[str, Any] = {
    "customer": "acme",
    "has_document": True,
    "paused": False,
    "queue_depth": 12,
    "consumers": 1,
    "without_outcome": 1_234,
    "oldest_waiting_seconds": 7_260.0,
    "in_flight": 4,
    "waiting_for_retry": 1,
    "unplaced": 0,
    "loads_last_hour": 31,
    "rejects_last_hour": 2,
    "dead_letters": 3,
    "refused_by_app": 0,
    "quota_declared_bytes": 40 * 2**20,
    "quota_set_bytes": 0,
    "used_bytes": 1_536,
}


def printed(capsys: pytest.CaptureFixture[str], **values: Any) -> list[str]:
    """Print a state and return its lines, each without the blanks between its words."""
    known: dict[str, Any] = {
        "servers": {"cassandra": "reachable", "minio": "reachable", "rabbitmq": "reachable"},
        "unrouted": 5,
        "dead_letter_messages": 3,
        "objects_refused": 0,
        "problems": {},
        "customers": [],
    }
    print_state(PlatformState(**(known | values)))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def row_of(capsys: pytest.CaptureFixture[str], **values: Any) -> str:
    return printed(capsys, customers=[CustomerState(**(FIGURES | values))])[1]


def test_every_figure_has_its_column_and_the_totals_follow(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, customers=[CustomerState(**FIGURES)]) == [
        "customer state queue no outcome oldest loading retry loads 1h rejects 1h dead quota set used",
        "acme taken up 12 1,234 2 h 4 1 31 2 3 40.0 MiB 0 B 1.5 KiB",
        "cassandra: reachable",
        "minio: reachable",
        "rabbitmq: reachable",
        "unrouted events: 5",
        "messages in dead-letters: 3",
        "objects whose app or table is refused: 0",
    ]


def test_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("a-customer-with-a-long-name", "bob")
    customers = [CustomerState(**(FIGURES | {"customer": name, "queue_depth": len(name)})) for name in names]
    print_state(
        PlatformState(
            servers={},
            unrouted=None,
            dead_letter_messages=None,
            objects_refused=None,
            problems={},
            customers=customers,
        )
    )
    lines = capsys.readouterr().out.splitlines()[:3]
    assert len({len(line) for line in lines}) == 1
    assert len({line.index(word) for line, word in zip(lines, ("state", "taken", "taken"), strict=True)}) == 1


def test_pause_is_told_with_its_reason_and_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    pause = {
        "paused": True,
        "paused_at": fakes.NOW,
        "paused_by": "root@here",
        "pause_note": "ask\x1b[31m Ines",
    }
    lines = printed(capsys, customers=[CustomerState(**(FIGURES | pause))])
    assert lines[1].startswith("acme paused 12 ")
    assert lines[2] == "acme: paused since 01-31 13:00 by root@here: ask\\x1b[31m Ines"


def test_figures_that_could_not_be_asked_for_are_question_marks(capsys: pytest.CaptureFixture[str]) -> None:
    customers = [CustomerState(customer="acme", has_document=True)]
    servers = {"cassandra": "Cassandra cannot be reached", "minio": "reachable", "rabbitmq": "reachable"}
    lines = printed(capsys, customers=customers, servers=servers, unrouted=None, objects_refused=None)
    assert lines[1] == "acme ? ? ? ? ? ? ? ? ? ? ? ?"
    assert lines[2] == "cassandra: Cassandra cannot be reached"
    assert lines[-3:] == [
        "unrouted events: ?",
        "messages in dead-letters: 3",
        "objects whose app or table is refused: ?",
    ]


def test_refused_document_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        printed(capsys, problems={"acme.json": "refused: no\nsuch key"})[1]
        == "acme.json: refused: no\\nsuch key"
    )


@pytest.mark.parametrize(
    ("values", "standing"),
    [
        ({"consumers": 0}, "not taken up"),
        ({"has_document": False}, "no document"),
        ({"has_document": False, "paused": True, "paused_at": fakes.NOW}, "no document"),
        ({"consumers": None}, "?"),
    ],
)
def test_standing_of_a_customer(
    capsys: pytest.CaptureFixture[str], values: dict[str, Any], standing: str
) -> None:
    assert row_of(capsys, **values).startswith(f"acme {standing} 12 ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "-"), (0.4, "0 s"), (119, "119 s"), (120, "2 m"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_age_is_shown_in_the_unit_that_fits(
    capsys: pytest.CaptureFixture[str], seconds: float, shown: str
) -> None:
    assert f" 1,234 {shown} 4 " in row_of(capsys, oldest_waiting_seconds=seconds)
