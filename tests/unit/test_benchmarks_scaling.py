"""The pure parts of the benchmarks of scale-out and of three nodes."""

from collections.abc import Iterator
from pathlib import Path

import cassandra
import pytest
from cassandra.cluster import NoHostAvailable

from benchmarks import cluster
from benchmarks.checksums import sums_of_file
from benchmarks.cluster import CONTRACT, DSBULK, FROM_FILE, GROUPED, MIXED, READINGS, count_timeouts
from benchmarks.flights import encoded_chunks
from benchmarks.scaling import (
    CUSTOMERS,
    LAYOUTS,
    OBJECTS,
    ROWS_OF_OBJECT,
    Layout,
    Pass,
    loads_by_group,
    measures_of,
    wrong_shares,
)
from benchmarks.small_files import wrong_accounts
from bucket_policies.customers import is_customer_id
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.cassandra_session import fault_of
from ingest_manager.errors import IngestError, TransientError
from ingest_manager.ledger.connection import worker_name
from ingest_manager.loading.fairness import FairQueue

ROWS = OBJECTS * ROWS_OF_OBJECT
ONE, TWO, _, TWO_MANAGERS = LAYOUTS


def test_layouts_are_those_that_are_promised() -> None:
    assert [layout.name for layout in LAYOUTS] == [
        "1 worker",
        "2 workers",
        "4 workers",
        "2 managers of 2 workers",
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_worker_of_a_manager_gets_an_object_of_these_customers(layout: Layout) -> None:
    queue = FairQueue[str](layout.workers)
    for customer in CUSTOMERS:
        queue.offer(customer, customer, size=2_000_000)
    assert all(queue.take() for _ in range(layout.workers))


def test_customers_of_the_benchmark_can_be_customers() -> None:
    assert all(map(is_customer_id, CUSTOMERS))
    assert len(set(CUSTOMERS)) == len(CUSTOMERS)


def test_loads_are_counted_by_the_manager_of_their_worker() -> None:
    groups = {11: 10, 12: 10, 21: 20}
    workers = ["a-host/11", "a-host/12", "a-host/21", "a-host/12", "a-host/99"]
    assert loads_by_group(workers, lambda pid: groups.get(pid, 0)) == {10: 3, 20: 1, 0: 1}
    assert loads_by_group([worker_name(21)], groups.__getitem__) == {20: 1}


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        ((7, 5), []),
        ((12, 0), ["manager 2 took none of them"]),
        ((6, 5), ["1 loads are of no worker of these managers"]),
    ],
)
def test_managers_that_did_not_share_the_work_are_told(loads: tuple[int, ...], said: list[str]) -> None:
    assert wrong_shares(loads, 12) == said


def test_accounts_must_be_of_as_many_rows_as_an_object_has() -> None:
    row = {
        "status": "loaded",
        "rows_read": 20_000,
        "rows_written": 20_000,
        "rows_rejected": 0,
        "rows_dropped": 0,
        "placed_at": "then",
    }
    assert wrong_accounts([row], 20_000) == []
    assert wrong_accounts([row]) == ["1 objects have the accounts (20000, 20000, 0, 0)"]


def test_cpu_of_a_row_is_compared_with_one_worker_of_the_same_round() -> None:
    passes = {
        TWO: {0: Pass(4.0, 3.0, (12,)), 1: Pass(2.0, 6.0, (12,))},
        ONE: {1: Pass(6.0, 2.4, (12,))},
        TWO_MANAGERS: {1: Pass(3.0, 4.8, (7, 5))},
        LAYOUTS[2]: {},
    }
    measures = {one.name: one for one in measures_of(passes)}
    assert measures["scaling, 2 workers: CPU of a row ÷ that with 1 worker"].rounds == (2.5,)
    assert measures["scaling, 2 managers of 2 workers: CPU of a row ÷ that with 1 worker"].rounds == (2.0,)
    assert "scaling, 1 worker: CPU of a row ÷ that with 1 worker" not in measures
    assert measures["scaling, 1 worker: client's CPU"].rounds == (10.0,)
    assert measures["scaling, 1 worker"].rounds == (ROWS / 6,)
    assert measures["scaling, 2 workers: cores that were used"].rounds == (0.75, 3.0)
    fewest = measures[f"scaling, 2 managers of 2 workers: loads of {OBJECTS} by who took fewer"]
    assert (fewest.rounds, fewest.target) == ((5.0,), "≥ 1")
    assert not [name for name in measures if "4 workers" in name]


def test_without_a_pass_of_one_worker_there_is_no_ratio() -> None:
    names = {one.name for one in measures_of({TWO: {0: Pass(4.0, 3.0, (12,))}})}
    assert names == {
        "scaling, 2 workers: client's CPU",
        "scaling, 2 workers",
        "scaling, 2 workers: cores that were used",
    }


def timeouts() -> Iterator[Exception]:
    yield cassandra.WriteTimeout("too late", write_type=cassandra.WriteType.UNLOGGED_BATCH)
    yield cassandra.OperationTimedOut({}, None)


def faults_of(*errors: Exception) -> list[IngestError]:
    return [fault for error in errors if (fault := fault_of(error))]


def test_writes_that_timed_out_are_counted_and_other_faults_are_not() -> None:
    others = faults_of(cassandra.Unavailable("gone"), NoHostAvailable("none", {}))
    assert len(others) == 2
    assert count_timeouts([*faults_of(*timeouts()), *others, TransientError("another fault")]) == 2


def test_ratios_of_three_nodes_are_of_the_same_round_and_have_targets() -> None:
    turns = {
        GROUPED: {0: 300.0, 1: 400.0},
        MIXED: {0: 200.0, 1: 500.0},
        FROM_FILE: {0: 100.0, 1: 90.0},
        DSBULK: {1: 30.0},
    }
    measures = {one.name: one for one in cluster.measures_of(turns, {})}
    mixed = measures["three nodes: batches grouped ÷ batches mixed"]
    assert (mixed.rounds, mixed.target) == ((1.5, 0.8), "≥ 1")
    dsbulk = measures["three nodes: batches grouped, file read ÷ DSBulk, REPLICA_SET"]
    assert (dsbulk.rounds, dsbulk.target) == ((3.0,), "≥ 1")
    assert measures["three nodes, DSBulk, REPLICA_SET"].rounds == (30.0,)


def test_without_dsbulk_there_is_no_ratio_to_it() -> None:
    names = {one.name for one in cluster.measures_of({GROUPED: {0: 1.0}, FROM_FILE: {0: 1.0}}, {})}
    assert names == {"three nodes, batches grouped", "three nodes, batches grouped, file read"}


def test_no_write_of_the_grouped_ones_may_time_out() -> None:
    late = faults_of(*timeouts())
    measures = {one.name: one for one in cluster.measures_of({}, {GROUPED: late, FROM_FILE: [], MIXED: late})}
    grouped = measures["three nodes, batches grouped: writes that timed out"]
    assert (grouped.rounds, grouped.target, grouped.is_met) == ((2.0,), "≤ 0", False)
    assert measures["three nodes, batches grouped, file read: writes that timed out"].is_met
    assert measures["three nodes, batches mixed: writes that timed out"].target == ""
    assert measures["three nodes, batches mixed: failed and sent again"].rounds == (2.0,)


def test_rows_of_three_nodes_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    READINGS.write(path, 300)
    app = IngestApp("benchmark", READINGS.name, "0", tmp_path, CONTRACT)
    rows = [row for rows in encoded_chunks(app, path.read_bytes(), key="readings-1.csv") for row in rows]
    assert sums_of_file(READINGS, path).rows == len(rows) == 300
    assert [row[0] for row in rows[:2]] == [b"sensor-00000000", b"sensor-00000001"]
    assert len({row[0] for row in rows}) == 300
    values = next(iter(READINGS.values(path)))
    assert [type(value) for value in values] == [str, *[float] * 9]
