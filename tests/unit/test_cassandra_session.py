"""What a batch's sender hears of the driver, which may answer twice."""

from collections.abc import Callable
from typing import Any

import cassandra
import pytest

from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import IngestError, TransientError


class DriverSession:
    """A session and its only request, answered by the test."""

    def add_request_init_listener(self, listener: Callable[[Any], None]) -> None:
        """Take no notice."""

    def execute_async(self, batch: Any) -> "DriverSession":
        return self

    def add_callbacks(self, callback: Callable[[Any], None], errback: Callable[[Exception], None]) -> None:
        self.succeed, self.fail = callback, errback


@pytest.mark.parametrize("is_late_answer_good", [True, False])
def test_answer_after_a_time_out_is_not_told(is_late_answer_good: bool) -> None:
    driver, told = DriverSession(), list[IngestError | None]()
    CassandraSession(None, driver).send_batch(object(), told.append)  # type: ignore[arg-type]  # fakes
    driver.fail(cassandra.OperationTimedOut())
    if is_late_answer_good:
        driver.succeed(None)
    else:
        driver.fail(cassandra.Unauthorized())
    [fault] = told
    assert isinstance(fault, TransientError)
