"""A server that is away is told once while work is repeated, and once when it is back, with for how long."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest_manager.absences import Absences
from ingest_manager.errors import IngestError, ServerDown, TransientError

AWAY = "a server is away, this is tried again until it is back"
BACK = "a server is back"


class Scene:
    """Absences by a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.absences = Absences(clock=lambda: self.now)

    def turn(self, fault: IngestError | None = None, work: str = "housekeeping") -> list[tuple[Any, ...]]:
        """What one turn, a second later than the last, logs."""
        self.now += 1
        with capture_logs() as lines, self.absences.noticed_by(work):
            if fault is not None:
                raise fault
        return [
            (line["log_level"], line["event"], line["missing"], line.get("away_seconds")) for line in lines
        ]


def cassandra() -> ServerDown:
    return ServerDown("Cassandra cannot be reached", server="cassandra")


def test_server_is_told_when_it_goes_and_when_it_is_back() -> None:
    scene = Scene()
    assert scene.turn() == []
    assert scene.turn(cassandra()) == [("warning", AWAY, "cassandra", None)]
    no_answer = TransientError("timed out", "cassandra_no_answer")
    assert [scene.turn(fault) for fault in (cassandra(), no_answer, cassandra())] == [[], [], []]
    assert scene.turn() == [("info", BACK, "cassandra", 4.0)]
    assert scene.turn() == []
    assert scene.turn(cassandra()) == [("warning", AWAY, "cassandra", None)]  # the next time


def test_two_kinds_of_work_tell_one_absence() -> None:
    scene = Scene()
    assert scene.turn(cassandra()) == [("warning", AWAY, "cassandra", None)]
    assert scene.turn(cassandra(), "reconcile") == []
    assert scene.turn() == []
    assert scene.turn(None, "reconcile") == [("info", BACK, "cassandra", 3.0)]


def test_success_of_other_work_ends_no_absence() -> None:
    scene = Scene()
    store = ServerDown("the store cannot be reached", server="minio")
    assert scene.turn(store, "reconcile") == [("warning", AWAY, "minio", None)]
    assert scene.turn() == []
    assert scene.turn(cassandra(), "reconcile") == [("warning", AWAY, "cassandra", None)]
    assert scene.turn(None, "reconcile") == [("info", BACK, "minio", 3.0), ("info", BACK, "cassandra", 1.0)]


def test_other_faults_are_told_once_too_and_not_as_servers() -> None:
    scene = Scene()
    refused = TransientError("refused", "AccessDenied")
    told = "this failed and is tried again until it succeeds"
    assert scene.turn(refused) == [("warning", told, "AccessDenied", None)]
    assert scene.turn(refused) == []
    assert scene.turn() == [("info", "this succeeds again", "AccessDenied", 2.0)]


def test_fault_of_ours_is_not_taken() -> None:
    with pytest.raises(ZeroDivisionError), Scene().absences.noticed_by("housekeeping"):
        raise ZeroDivisionError
