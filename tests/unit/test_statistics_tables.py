"""Statistics as people see them."""

from datetime import UTC, datetime

import pytest

from ingest_manager.commands.statistics_tables import print_statistics
from ingest_manager.ledger.load_statistics import LoadStatistics, Seconds
from ingest_manager.ledger.loads import LoadStatus

ACME = LoadStatistics(
    customer="acme",
    objects=1_204,
    bytes=2_500_000,
    rows_read=12_000,
    rows_written=11_990,
    rows_rejected=7,
    rows_dropped=3,
    statuses={LoadStatus.LOADED: 1_200, LoadStatus.FAILED: 2, LoadStatus.WAITING: 2},
    success_rate=0.998,
    seconds_to_outcome=Seconds(mean=0.1, p50=0.05, p95=1.5, p99=1_000),
    rows_per_second=4_321.9,
)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_lines_have_the_same_order_in_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_statistics([ACME, LoadStatistics(customer=None)])
    assert lines(capsys) == [
        "customer  objects     size  rows read  written  rejected  dropped  rows/s",
        "acme        1,204   2.5 MB     12,000   11,990         7        3   4,322",
        "all             0  0 bytes          0        0         0        0       -",
        "",
        "loads by outcome",
        "customer  loaded  partly loaded  rejected  failed  duplicate  gone  on their way  success",
        "acme       1,200              0         0       2          0     0             2    99.8%",
        "all            0              0         0       0          0     0             0        -",
        "",
        "seconds from the event to the outcome",
        "customer   mean    p50    p95        p99",
        "acme      0.100  0.050  1.500  1,000.000",
        "all           -      -      -          -",
        "",
        "seconds of the load itself",
        "customer  mean  p50  p95  p99",
        "acme         -    -    -    -",
        "all          -    -    -    -",
    ]


def test_periods_come_first_where_time_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    print_statistics([ACME.model_copy(update={"period": datetime(2026, 1, 31, 13, tzinfo=UTC)})])
    assert lines(capsys)[1].startswith("2026-01-31 13:00  acme        1,204")
