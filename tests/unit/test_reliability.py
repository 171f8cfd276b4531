"""The judge of bad files: sound ones pass, and every kind of fault is found."""

import random
from dataclasses import replace
from itertools import islice

import pytest
from support.deaths import die, hang

from benchmarks.reliability.forms import ENDINGS, FORMS, Form, encoded, parquet_of, text_of
from benchmarks.reliability.inputs import Input, make_input
from benchmarks.reliability.judge import judge, load
from benchmarks.reliability.report import Report
from benchmarks.reliability.tables import sound_rows
from benchmarks.reliability.watchdog import Judged, judge_all
from customer_ingestapps.accounts import FileAccounts


def sound(form: Form, ending: str = "") -> Input:
    rng = random.Random(7)
    rows = sound_rows(rng, form.letters)
    if form.format == "parquet":
        return Input(form, ending, (), parquet_of(form, rows))
    return Input(form, ending, (), ENDINGS[ending](rng, encoded(form, text_of(form, rng, rows))))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_sound_files_are_loaded_whole(form: Form) -> None:
    for ending in [""] if form.format == "parquet" else ENDINGS:
        loaded = load(sound(form, ending))
        verdict = judge(sound(form, ending), loaded)
        assert (verdict.ending, verdict.wrong_values, verdict.missing_rows) == ("whole", (), ())
        assert loaded.accounts.rows_written > 1


def test_an_input_is_the_same_whatever_was_made_before() -> None:
    assert make_input(3, 17) == make_input(3, 17)
    assert make_input(3, 17).data != make_input(4, 17).data


def test_a_wrong_value_is_found() -> None:
    bad = sound(FORMS[0])
    loaded = load(bad)
    key, row = next(iter(loaded.table.items()))
    row["tiny"] = 300
    (fault,) = judge(bad, loaded).wrong_values
    assert fault.startswith(f"{key}.tiny: 300, expected ")


def test_a_missing_row_is_found() -> None:
    bad = sound(FORMS[0])
    loaded = load(bad)
    key = next(iter(loaded.table))
    del loaded.table[key]
    assert judge(bad, loaded).missing_rows == (f"no row {key}",)


def test_a_row_that_is_counted_nowhere_is_found() -> None:
    bad = sound(FORMS[0])
    loaded = load(bad)
    loaded.accounts.rows_written -= 1
    (fault,) = judge(bad, loaded).missing_rows
    assert fault.startswith("the accounts do not add up")


def test_a_row_that_was_taken_and_should_be_rejected_is_found() -> None:
    bad = sound(FORMS[0])
    loaded = load(bad)
    worse = replace(bad, data=bad.data + b"1,2\n")
    loaded.accounts = FileAccounts(loaded.accounts.rows_read + 1, loaded.accounts.rows_written + 1)
    (fault,) = judge(worse, loaded).wrong_values
    assert fault.startswith("rejects on lines [], expected [")


def test_a_damaged_file_that_was_taken_is_found() -> None:
    bad = sound(FORMS[0], ".gz")
    cut = replace(bad, data=bad.data[:-3])
    assert "taken, although it cannot be read to its end" in judge(cut, load(bad)).wrong_values


def test_a_sound_file_that_was_refused_is_found() -> None:
    bad = sound(FORMS[0])
    loaded = load(replace(bad, data=bad.data + b'"'))
    assert (judge(bad, loaded).needlessly or "").startswith("unclosed_quote")


def test_a_process_that_dies_is_a_crash_and_the_next_input_is_judged() -> None:
    found = list(judge_all(1, [1, 2, 3], die))
    assert [judged.number for judged in found] == [1, 2, 3]
    assert [judged.crash for judged in found] == ["a fault", "the process died with 7", "a fault"]


def test_a_process_that_hangs_is_a_crash() -> None:
    (judged,) = islice(judge_all(1, [5], hang, patience_seconds=0.1), 1)
    assert judged.crash == "no answer within 0.1 seconds"


def test_faults_and_ends_are_counted() -> None:
    report = Report()
    report.add(Judged(4, "csv", ("quote",), None, "the process died with -11"))
    assert report.faults == ["input 4, csv, quote: the process died with -11"]
    assert report.summary.startswith("1 bad inputs: 1 crashes, 0 with wrong values")
