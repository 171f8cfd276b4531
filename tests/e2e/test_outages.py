"""Servers that go away and come back: nothing is lost, and no attempt is counted.

These tests stop servers of the run; each starts what it stopped.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.testbed import Platform, csv_of, eventually

from servers.daemon import Daemon
from servers.instance import Instance


@contextmanager
def stopped(server: Daemon, stop: Callable[[], None] | None = None) -> Iterator[None]:
    """Stop a server for the length of the context."""
    (stop or server.stop)()
    try:
        yield
    finally:
        server.start()
        server.wait()


@contextmanager
def standing_still(server: Daemon) -> Iterator[None]:
    """Let a server do nothing for the length of the context; its connections stay open."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_cassandra_away_for_a_minute_counts_no_attempt(servers: Instance, platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    total = 300_000
    body = csv_of([(number, f"name {number}", "n") for number in range(total)])
    with platform.manager():
        platform.put(customer, "large.csv", body)
        platform.first_row(customer)
        with stopped(servers.cassandra, servers.cassandra.kill):
            away_until = time.monotonic() + 60
            for number in range(3):
                platform.put(customer, f"small-{number}.csv", csv_of([(-1 - number, "a", "b")]))
            eventually(lambda: time.monotonic() > away_until, within=70)
        loads = platform.settled(customer, 4, within=120)
        platform.verify(customer)
    assert [(load["status"], load["attempts"]) for load in loads] == [("loaded", 1)] * 4
    assert sorted(row["id"] for row in platform.rows(customer, "id")) == list(range(-3, total))


def test_a_cassandra_that_stands_still_until_batches_time_out_costs_time_only(
    servers: Instance, platform: Platform
) -> None:
    customer = platform.add_customer()
    platform.apply()
    total = 300_000
    body = csv_of([(number, f"name {number}", "n") for number in range(total)])
    with platform.manager():
        platform.put(customer, "large.csv", body)
        platform.first_row(customer)
        with standing_still(servers.cassandra):
            eventually(lambda: platform.has_logged("batches failed and are sent again"), what="a timeout")
        [load] = platform.settled(customer, 1, within=120)
        platform.verify(customer)
    assert (load["status"], load["attempts"], load["rows_written"]) == ("loaded", 1, total)
    assert sorted(row["id"] for row in platform.rows(customer, "id")) == list(range(total))


def test_store_away_counts_no_attempt(servers: Instance, platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    body = csv_of([(number, f"name {number}", "n") for number in range(300_000)])
    with platform.manager():
        platform.put(customer, "people.csv", body)
        platform.first_row(customer)
        with stopped(servers.minio, servers.minio.kill):
            pass
        [load] = platform.settled(customer, 1, within=120)
        platform.verify(customer)
    assert (load["status"], load["attempts"], load["rows_written"]) == ("loaded", 1, 300_000)


def test_broker_away_loses_no_event(servers: Instance, platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        with stopped(servers.rabbitmq):
            for number in range(5):
                platform.put(customer, f"{number}.csv", csv_of([(number, "a", "b")]))
        loads = platform.settled(customer, 5, within=120)
        platform.verify(customer)
    assert [(load["status"], load["attempts"]) for load in loads] == [("loaded", 1)] * 5


def test_clean_stop_in_the_middle_of_a_load_counts_no_attempt(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    total = 600_000
    with platform.manager(INGEST_MANAGER_SHUTDOWN_SECONDS="1"):
        body = csv_of([(number, f"name {number}", "n") for number in range(total)])
        platform.put(customer, "people.csv", body)
        platform.first_row(customer)
    [load] = platform.ledger(customer)
    assert (load["status"], load["attempts"]) == ("queued", 0)

    with platform.manager():
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
    assert (load["status"], load["attempts"], load["rows_written"]) == ("loaded", 1, total)
