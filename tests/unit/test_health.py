"""When a manager calls itself healthy."""

import threading
from typing import Any

from ingest_manager.monitoring.health import Health


def health(**given: Any) -> Health:
    known: dict[str, Any] = {
        "threads": [threading.current_thread()],
        "is_consuming": lambda: True,
        "servers_away": set,
        "turned_at": lambda: 1000.0,
        "reconcile_seconds": 120,
        "clock": lambda: 1010.0,
    }
    return Health(**(known | given))


def test_manager_with_nothing_to_do_is_healthy() -> None:
    assert health().problems() == {}


def test_thread_that_has_ended_is_told() -> None:
    ended = threading.Thread(name="settler")
    assert health(threads=[ended]).problems() == {"settler": "this thread has ended"}


def test_server_that_does_not_answer_is_told() -> None:
    found = health(servers_away=lambda: {"minio", "cassandra"}).problems()
    assert found == {"cassandra": "does not answer", "minio": "does not answer"}


def test_consumer_without_a_connection_is_told_even_before_anybody_looked() -> None:
    found = health(is_consuming=lambda: False).problems()
    assert found == {"rabbitmq": "no connection to take deliveries by"}


def test_housekeeping_may_take_its_time_but_must_turn() -> None:
    assert health(clock=lambda: 1420.0).problems() == {}
    assert health(clock=lambda: 1421.0).problems() == {"housekeeping": "its last turn was 421 s ago"}
