"""Codecs of time and of declared dates and times: layouts, zones, epochs."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cql_values import decoded

from customer_ingestapps.codecs import codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import parse_type
from customer_ingestapps.time_layouts import parse_layout


def values(cql: str, *texts: str | None, **declared: object) -> list[object]:
    codec = codec_of(parse_type(cql), Column(type=cql, **declared))
    cells = codec.encode(codec.parse(pl.Series(texts, dtype=pl.String)))
    return [found if found is None else str(found) for found in (decoded(cql, cell) for cell in cells)]


def reason(cql: str, text: str, **declared: object) -> str:
    assert values(cql, text, **declared) == [None]
    return codec_of(parse_type(cql), Column(type=cql, **declared)).refusal(text).reason.value


EARLIEST, LATEST = dt.datetime(1800, 1, 1), dt.datetime(2400, 1, 1)  # noqa: DTZ001 - hypothesis wants naive bounds


class TestTime:
    def test_nanoseconds_are_kept_and_finer_digits_cut(self) -> None:
        assert values("time", "23:59:59.9999999999", "00:00:00", "12:34:56.5") == [
            "23:59:59.999999999", "00:00:00.000000000", "12:34:56.500000000",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "text", ["24:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00", "12:00:00Z", "12:00:00."]
    )
    def test_what_is_no_time(self, text: str) -> None:
        assert reason("time", text) == "bad_value"


class TestLayouts:
    def test_dates(self) -> None:
        layouts = ["%d.%m.%Y", "%-d-%b-%Y"]
        texts = ["31.12.2024", "1-jan-2024", "01-FEB-2024", "29.02.2023", "1.1.2024", "2024-12-31", None]
        assert values("date", *texts, formats=layouts) == [
            "2024-12-31",
            "2024-01-01",
            "2024-02-01",
            *[None] * 4,
        ]

    def test_the_first_that_fits_counts(self) -> None:
        assert values("date", "03/04/2024", "13/04/2024", formats=["%m/%d/%Y", "%d/%m/%Y"]) == [
            "2024-03-04",
            None,
        ]

    def test_times_of_twelve_hours(self) -> None:
        texts = ["12:05 am", "12:05 PM", "01:30 pm", "11:59 AM", "13:00 PM", "00:00 AM"]
        assert values("time", *texts, formats="%I:%M %p") == [
            "00:05:00.000000000", "12:05:00.000000000", "13:30:00.000000000", "11:59:00.000000000",
            None, None,
        ]  # fmt: skip

    def test_timestamps_with_an_offset(self) -> None:
        texts = [
            "31/Dec/2024:23:59:59.9 +0100",
            "31/Dec/2024:23:59:59.987654321 -01:30",
            "1/Dec/2024:00:00:00.0 Z",
        ]
        assert values("timestamp", *texts, formats="%-d/%b/%Y:%H:%M:%S.%f %z") == [
            "2024-12-31 22:59:59.900000", "2025-01-01 01:29:59.987000", "2024-12-01 00:00:00",
        ]  # fmt: skip

    def test_a_timestamp_without_a_time_is_midnight(self) -> None:
        found = values("timestamp", "01.07.2024", formats="%d.%m.%Y", zone="Europe/Berlin")
        assert found == ["2024-06-30 22:00:00"]

    def test_marks_of_patterns_stand_for_themselves(self) -> None:
        assert values("date", "(2024).[01]+31*", "2024x01x31", formats="(%Y).[%m]+%d*") == [
            "2024-01-31",
            None,
        ]
        assert values("date", "2024%01%31", formats="%Y%%%m%%%d") == ["2024-01-31"]

    @pytest.mark.parametrize(
        ("layout", "says"),
        [
            ("%y-%m-%d", "%y is unknown; allowed are %Y, %m"),
            ("%Y-%m", "a date needs %Y, %d, and one of %m, %b"),
            ("%Y-%m-%d %b", "a date needs"),
            ("%H", "a time needs %M"),
            ("%I:%M", "a time needs %M, and either %H or %I with %p"),
            ("%H:%M:%M", "the minute stands in it twice"),
            ("%H:%M.%f", "the fraction needs a second"),
            ("today", "neither a date nor a time"),
            ("%Y-%m-%d%", "% is unknown"),
        ],
    )
    def test_one_that_makes_no_date_or_time_is_refused(self, layout: str, says: str) -> None:
        with pytest.raises(ValueError, match=re.escape(says)):
            parse_layout(layout)


BERLIN = {"zone": "Europe/Berlin"}


class TestZones:
    def test_local_times_become_utc_in_summer_and_winter_and_far_away(self) -> None:
        texts = [
            "2024-01-01T12:00:00",
            "2024-07-01 12:00:00.1239",
            "2150-07-01T12:00:00",
            "1900-01-01T12:00:00",
        ]
        assert values("timestamp", *texts, **BERLIN) == [
            "2024-01-01 11:00:00", "2024-07-01 10:00:00.123000", "2150-07-01 10:00:00", "1900-01-01 11:00:00",
        ]  # fmt: skip

    def test_a_written_offset_counts_before_the_zone(self) -> None:
        texts = ["2024-07-01T12:00:00Z", "2024-07-01T12:00:00-03:00", "2024-07-01T12:00:00"]
        assert values("timestamp", *texts, **BERLIN) == [
            "2024-07-01 12:00:00", "2024-07-01 15:00:00", "2024-07-01 10:00:00",
        ]  # fmt: skip

    def test_a_time_that_occurs_twice_is_refused_unless_declared(self) -> None:
        text = "2024-10-27T02:30:00"
        assert reason("timestamp", text, **BERLIN) == "ambiguous_time"
        assert values("timestamp", text, **BERLIN, ambiguous="earlier") == ["2024-10-27 00:30:00"]
        assert values("timestamp", text, **BERLIN, ambiguous="later") == ["2024-10-27 01:30:00"]

    def test_a_time_that_never_occurs_is_refused_unless_declared(self) -> None:
        text = "2024-03-31T02:30:00"
        assert reason("timestamp", text, **BERLIN) == "nonexistent_time"
        assert values("timestamp", text, **BERLIN, nonexistent="forward") == ["2024-03-31 01:30:00"]

    def test_years_are_counted_on_the_clock_and_in_utc(self) -> None:
        assert reason("timestamp", "0000-06-01T00:00:00", **BERLIN) == "bad_value"
        assert reason("timestamp", "0000-12-31T23:59:59-01:00") == "bad_value"
        assert reason("timestamp", "0001-01-01T00:00:00", **BERLIN) == "bad_value"
        assert reason("timestamp", "9999-12-31T23:59:59", zone="America/New_York") == "bad_value"
        assert values("timestamp", "9999-12-31T23:59:59", **BERLIN) == ["9999-12-31 22:59:59"]

    @settings(max_examples=200, deadline=None)
    @given(
        moment=st.datetimes(EARLIEST, LATEST),
        zone=st.sampled_from(
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
        ),
    )
    def test_they_go_to_utc_and_back(self, moment: dt.datetime, zone: str) -> None:
        moment = moment.replace(microsecond=0)
        (found,) = values(
            "timestamp", moment.isoformat(), zone=zone, ambiguous="earlier", nonexistent="forward"
        )
        utc = dt.datetime.fromisoformat(f"{found}+00:00")
        assert utc == moment.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


class TestEpoch:
    @pytest.mark.parametrize(
        "number", ["1710072000", "1710072000000", "1710072000000000", "1710072000000000000"]
    )
    def test_the_unit_is_the_declared_one(self, number: str) -> None:
        unit = {10: "s", 13: "ms", 16: "us", 19: "ns"}[len(number)]
        assert values("timestamp", number, epoch=unit) == ["2024-03-10 12:00:00"]

    def test_years_end_at_1_and_9999(self) -> None:
        most = {"s": 253402300799, "ms": 253402300799999, "us": 253402300799999999}
        for unit, number in most.items():
            assert values("timestamp", str(number), epoch=unit)[0].startswith("9999-12-31 23:59:59")
            assert reason("timestamp", str(number + 1), epoch=unit) == "out_of_range"
        assert values("timestamp", "-62135596800", epoch="s") == ["0001-01-01 00:00:00"]
        assert reason("timestamp", "-62135596801", epoch="s") == "out_of_range"
        assert reason("timestamp", "9" * 30, epoch="ns") == "out_of_range"

    def test_what_is_finer_than_milliseconds_is_cut(self) -> None:
        assert values("timestamp", "1999", "-1", epoch="us") == [
            "1970-01-01 00:00:00.001000",
            "1969-12-31 23:59:59.999000",
        ]

    @pytest.mark.parametrize("text", ["1.5", "1e9", "2024-01-01T00:00:00Z", "", "x", "-"])
    def test_other_numbers_and_texts_are_refused(self, text: str) -> None:
        assert reason("timestamp", text, epoch="s") == "bad_value"
