"""Codecs: exactly which texts are values, and their bytes on the wire."""

import datetime as dt
import re
import struct

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customer_ingestapps.codecs import Codec, codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import SCALARS, parse_type

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - hypothesis wants naive bounds


def codec(cql: str, **declared: object) -> Codec:
    return codec_of(parse_type(cql), Column(type=cql, **declared))


def parsed(cql: str, *texts: str | None, **declared: object) -> list[object]:
    return codec(cql, **declared).parse(pl.Series(texts, dtype=pl.String)).to_list()


def cells(cql: str, *texts: str | None, **declared: object) -> list[bytes | None]:
    found = codec(cql, **declared)
    return found.encode(found.parse(pl.Series(texts, dtype=pl.String)))


@pytest.mark.parametrize("cql", [*SCALARS, "set<int>", "map<int, int>", "tuple<int>", "vector<int, 2>"])
def test_nothing_gives_nothing(cql: str) -> None:
    assert parsed(cql) == []
    assert parsed(cql, None, None) == [None, None]
    assert cells(cql, None) == [None]
    assert cells(cql) == []


@pytest.mark.parametrize(
    ("cql", "lowest", "highest"),
    [
        ("tinyint", -128, 127),
        ("smallint", -32768, 32767),
        ("int", -2147483648, 2147483647),
        ("bigint", -9223372036854775808, 9223372036854775807),
    ],
)
def test_integers_end_at_their_range(cql: str, lowest: int, highest: int) -> None:
    texts = [str(lowest - 1), str(lowest), str(highest), f"000{highest}", str(highest + 1)]
    assert parsed(cql, *texts) == [None, lowest, highest, highest, None]


@pytest.mark.parametrize(
    "text",
    ["1.5", "1.0", "1E+3", "1e400", "1_000", "١٢", "１", "0x1F", "NaN", "true", "12abc", "1,234", " 1", "1 ",
     "1\n", "", "-", "+", "--1", "+-1", "1-", "\ufeff1", "−1"],
)  # fmt: skip
def test_what_is_no_integer(text: str) -> None:
    assert parsed("int", text) == [None]


numeric_texts = st.text(alphabet="0123456789+-.eE_ x٣nifNIF", max_size=12)


@settings(max_examples=500, deadline=None)
@given(text=numeric_texts)
def test_integers_are_digits_with_an_optional_sign(text: str) -> None:
    is_integer = re.fullmatch(r"[+-]?[0-9]+", text)
    assert parsed("bigint", text) == [int(text) if is_integer else None]


@settings(max_examples=500, deadline=None)
@given(text=numeric_texts)
@example(text="1e400")
@example(text="1e-400")
@example(text="0e-400")
@example(text="-inf")
@example(text="nan")
@example(text="+NaN")
@example(text="Infinity")
@example(text="infinity")
def test_doubles_are_digits_with_sign_point_and_exponent(text: str) -> None:
    is_number = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    expected = float(text) if is_number else float("inf")
    is_lost = expected == 0 and re.search("[1-9]", re.split("[eE]", text)[0])
    assert parsed("double", text) == [None if is_lost or abs(expected) == float("inf") else expected]


@settings(max_examples=300, deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
@example(number=-0.0)
@example(number=5e-324)
@example(number=1.7976931348623157e308)
def test_doubles_keep_every_bit(number: float) -> None:
    assert cells("double", repr(number)) == [struct.pack(">d", number)]


@settings(max_examples=300, deadline=None)
@given(number=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_keep_every_bit(number: float) -> None:
    assert cells("float", repr(number)) == [struct.pack(">f", number)]


def test_a_float_that_overflows_is_none() -> None:
    assert parsed("float", "3.4e38", "3.5e38", "-3.5e38")[1:] == [None, None]


@pytest.mark.parametrize("kind", ["float", "double"])
def test_a_number_that_would_become_zero_is_none(kind: str) -> None:
    assert parsed(kind, "1e-400", "-0.001e-400", "0", "-0.00", "0e9", "1.5") == [None, None, 0, 0, 0, 1.5]
    assert parsed("float", "1e-60", "1e-45") == [None, 1.401298464324817e-45]


def test_integers_on_the_wire() -> None:
    assert cells("tinyint", "-1", None, "5") == [b"\xff", None, b"\x05"]
    assert cells("smallint", "-2") == [b"\xff\xfe"]
    assert cells("int", "1", "-2147483648") == [b"\x00\x00\x00\x01", b"\x80\x00\x00\x00"]
    assert cells("bigint", "0", "256") == [b"\x00" * 8, b"\x00\x00\x00\x00\x00\x00\x01\x00"]


def test_text_is_kept_as_it_is() -> None:
    assert cells("text", "", " ", "数据 🙂", "a\r\nb", "Bob\ufeff", None) == [
        b"",
        b" ",
        b"\xe6\x95\xb0\xe6\x8d\xae \xf0\x9f\x99\x82",
        b"a\r\nb",
        b"Bob\xef\xbb\xbf",
        None,
    ]


def test_ascii_refuses_other_characters() -> None:
    assert parsed("ascii", "", "a\x7f", "é", None, "a\x80") == ["", "a\x7f", None, None, None]


def test_booleans_are_two_words() -> None:
    assert parsed("boolean", "true", "False", "TRUE", "1", "yes", "", " true") == [
        True, False, True, None, None, None, None,
    ]  # fmt: skip
    assert cells("boolean", "true", "false", None) == [b"\x01", b"\x00", None]


def test_dates_on_the_wire() -> None:
    assert cells("date", "1970-01-01", "1970-01-02", "1969-12-31") == [
        b"\x80\x00\x00\x00", b"\x80\x00\x00\x01", b"\x7f\xff\xff\xff",
    ]  # fmt: skip
    assert parsed("date", "0001-01-01", "9999-12-31") == [dt.date(1, 1, 1), dt.date(9999, 12, 31)]


@pytest.mark.parametrize(
    "text",
    ["0000-01-01", "2026-1-1", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "26-01-01",
     "2026/01/01", "20260101", "2026-01-01T00:00:00Z", " 2026-01-01", "2026-01-01\n",
     "+2026-01-01", "-026-01-01", "10000-01-01", "２026-01-01", "", "today"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert parsed("date", text) == [None]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2013-01-01T10:00:00Z", 1357034400000),
        ("2013-01-01 10:00:00Z", 1357034400000),
        ("2013-01-01T12:30:00+02:30", 1357034400000),
        ("2013-01-01T09:45:00-00:15", 1357034400000),
        ("2013-01-01T10:00:00.5Z", 1357034400500),
        ("2013-01-01T10:00:00.1239999+00:00", 1357034400123),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00Z", -62135596800000),
        ("9999-12-31T23:59:59.999Z", 253402300799999),
    ],
)
def test_timestamps_on_the_wire(text: str, milliseconds: int) -> None:
    cell = struct.pack(">q", milliseconds)
    assert cells("timestamp", text) == [cell]
    assert cells("timestamp", "2013-01-01T10:00:00Z", text, None)[1:] == [cell, None]


@pytest.mark.parametrize(
    "text",
    ["2013-01-01T10:00:00", "2013-01-01", "2013-01-01T10:00Z", "2013-01-01T24:00:00Z", "2013-01-01T10:60:00Z",
     "2013-01-01T10:00:60Z", "2013-02-29T10:00:00Z", "2013-01-01T10:00:00z", "2013-01-01t10:00:00Z",
     "2013-01-01T10:00:00+24:00", "2013-01-01T10:00:00+01:60", "2013-01-01T10:00:00+0100",
     "2013-01-01T10:00:00.Z", "2013-01-01T10:00:00,5Z", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01",
     "9999-12-31T23:59:59-00:01", "1357034400000", " 2013-01-01T10:00:00Z", "2013-01-01T10:00:00Z\n", ""],
)  # fmt: skip
def test_what_is_no_timestamp(text: str) -> None:
    assert parsed("timestamp", text) == [None]
    assert parsed("timestamp", "2013-01-01T12:00:00+02:00", text)[1] is None


@settings(max_examples=300, deadline=None)
@given(
    moment=st.datetimes(EPOCH.replace(year=1, day=2), EPOCH.replace(year=9999, month=12)),
    minutes=st.integers(-1439, 1439),
    digits=st.integers(0, 6),
)
def test_timestamps_count_milliseconds_whatever_the_zone(
    moment: dt.datetime, minutes: int, digits: int
) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    fraction = f".{moment.microsecond:06}"[: digits + 1] if digits else ""
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    since_epoch = moment - EPOCH - dt.timedelta(minutes=minutes)
    text = f"{moment.replace(microsecond=0).isoformat()}{fraction}{zone}"
    assert cells("timestamp", text) == [struct.pack(">q", since_epoch // dt.timedelta(milliseconds=1))]
