"""Bad files against slow references: a sample of what `make reliability` runs."""

import pytest

from benchmarks.reliability.report import Report
from benchmarks.reliability.watchdog import judge_all


@pytest.mark.parametrize("seed", [1, 20])
def test_bad_files_crash_nothing_change_no_value_and_lose_no_row(seed: int) -> None:
    report = Report()
    for judged in judge_all(seed, range(300)):
        report.add(judged)
    assert report.inputs == 300
    assert report.faults == []
