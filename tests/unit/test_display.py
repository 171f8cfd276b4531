"""What people are shown of a proof: one line each, and no customer's text as it is."""

import pytest

from ingest_manager.commands.display import print_report
from ingest_manager.operations.verify import Difference, Report


def test_differences_reasons_and_counts_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.differences.append(Difference("acme", "7", "a\x1b.csv", 'row id="\x1b[2J" is not in its table'))
    report.differences.append(Difference("acme", "", "", "has no buckets yet"))
    report.counts.update({"loaded": 3, "rows found": 7})
    report.waiting["acme", "waits until its customer is taken up: a\nb"] = 2
    report.without_document += ["globex", "zenith"]
    print_report(report)
    assert capsys.readouterr().out.splitlines() == [
        r'acme: a\x1b.csv row id="\x1b[2J" is not in its table',
        "acme:  has no buckets yet",
        r"acme: 2 waiting: waits until its customer is taken up: a\nb",
        "without a document, compared as far as the ledger tells: globex, zenith",
        "3 loaded, 7 rows found; 2 differences",
    ]


def test_only_the_most_frequent_reasons_to_wait_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.waiting.update({("acme", f"reason {number}"): number for number in range(1, 13)})
    print_report(report)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "acme: 12 waiting: reason 12"
    assert lines[10:] == ["… and 2 more reasons to wait; --json shows all", "no loads; 0 differences"]
