"""Codecs of varint and decimal, decimal marks, rounding: every digit as the driver reads it back."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cql_values import decoded

from customer_ingestapps.codecs import codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import parse_type


def values(cql: str, *texts: str | None, **declared: object) -> list[object]:
    codec = codec_of(parse_type(cql), Column(type=cql, **declared))
    cells = codec.encode(codec.parse(pl.Series(texts, dtype=pl.String)))
    return [decoded(cql, cell) for cell in cells]


def reason(cql: str, text: str, **declared: object) -> str:
    assert values(cql, text, **declared) == [None]
    return codec_of(parse_type(cql), Column(type=cql, **declared)).refusal(text).reason.value


@settings(max_examples=300, deadline=None)
@given(numbers=st.lists(st.integers(-(2**80), 2**80), max_size=5))
@example(numbers=[0, -1, 127, 128, -128, -129, 2**63 - 1, -(2**63), 10**18, 10**18 - 1, -(10**18)])
def test_varints_of_any_size_keep_every_digit(numbers: list[int]) -> None:
    assert values("varint", *map(str, numbers), None) == [*numbers, None]


@pytest.mark.parametrize("number", [255, 256, 65535, 2**55 - 1, 2**55, -(2**55), -(2**55) - 1])
def test_a_varint_takes_as_few_bytes_as_it_needs(number: int) -> None:
    codec = codec_of(parse_type("varint"), Column(type="varint"))
    cells = codec.encode(codec.parse(pl.Series([str(number)])))
    assert cells == [
        number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)
    ]


@settings(max_examples=300, deadline=None)
@given(
    numbers=st.lists(
        st.builds(
            lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
            st.integers(0, 1),
            st.lists(st.integers(0, 9), min_size=1, max_size=40).map(tuple),
            st.integers(-50, 50),
        ),
        max_size=5,
    ),
    plain=st.booleans(),
)
def test_decimals_keep_every_digit_and_their_places(numbers: list[Decimal], plain: bool) -> None:
    texts = [f"{number:f}" if plain else str(number) for number in numbers]
    found = values("decimal", *texts)
    wanted = [Decimal(text) for text in texts]
    assert found == wanted
    assert [number.as_tuple().exponent for number in found] == [
        number.as_tuple().exponent for number in wanted
    ]


def test_decimals_as_they_are_written() -> None:
    texts = ["0.10", "12345678901234567890.123456789", "1e-7", "-.5", "5.", "+1.50", "1E+3", "007"]
    assert list(map(str, values("decimal", *texts))) == [
        "0.10", "12345678901234567890.123456789", "1E-7", "-0.5", "5", "1.50", "1E+3", "7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1_0", "1,5", "٣", "", ".", "e5", "1\n", " 1", "1 ", "0x1"]
)
@pytest.mark.parametrize("cql", ["decimal", "varint"])
def test_what_is_no_number(cql: str, text: str) -> None:
    assert reason(cql, text) == "bad_value"


@pytest.mark.parametrize(
    "text", ["1E+1000000", "1e-1001", "1e99999999999999999999", "9" * 4001, "0." + "1" * 4001, "1" * 100_000]
)
def test_a_decimal_out_of_bounds_says_so(text: str) -> None:
    assert reason("decimal", text) == "out_of_range"


def test_a_varint_out_of_bounds_or_with_a_fraction_says_so() -> None:
    assert reason("varint", "9" * 4001) == "out_of_range"
    assert reason("varint", "1.5") == "not_whole"
    assert values("varint", "0" * 5000 + "7") == [7]


def test_more_places_than_declared_are_refused_unless_rounding_is_declared() -> None:
    assert reason("decimal", "0.125", places=2) == "too_precise"
    assert reason("decimal", "1e-3", places=2) == "too_precise"
    assert list(map(str, values("decimal", "0.12", "1.5", "7", places=2))) == ["0.12", "1.5", "7"]


@pytest.mark.parametrize(
    ("rounding", "wanted"),
    [
        ("half_even", ["0.12", "0.14", "-0.12", "1.5", "2E+1"]),
        ("half_up", ["0.13", "0.14", "-0.13", "1.5", "2E+1"]),
        ("half_down", ["0.12", "0.13", "-0.12", "1.5", "2E+1"]),
        ("up", ["0.13", "0.14", "-0.13", "1.5", "2E+1"]),
        ("down", ["0.12", "0.13", "-0.12", "1.5", "2E+1"]),
        ("ceiling", ["0.13", "0.14", "-0.12", "1.5", "2E+1"]),
        ("floor", ["0.12", "0.13", "-0.13", "1.5", "2E+1"]),
    ],
)
def test_decimals_are_rounded_as_declared(rounding: str, wanted: list[str]) -> None:
    texts = ["0.125", "0.135", "-0.125", "1.5", "2e1"]
    assert list(map(str, values("decimal", *texts, places=2, round=rounding))) == wanted


def test_a_long_decimal_is_rounded_exactly() -> None:
    text = "1" * 60 + ".005"
    assert str(*values("decimal", text, places=2, round="half_even")) == "1" * 60 + ".00"


def test_integers_are_rounded_and_clamped_only_where_declared() -> None:
    assert [reason("int", text) for text in ("7.5", "1e3", "2147483648", "x")] == [
        "not_whole", "not_whole", "out_of_range", "bad_value",
    ]  # fmt: skip
    assert values("int", "7.5", "8.5", "1e3", "x", round="half_even") == [8, 8, 1000, None]
    assert values("tinyint", "200", "-129", "9" * 50, "x", overflow="clamp") == [127, -128, 127, None]
    assert values("bigint", "1e19", round="up", overflow="clamp") == [2**63 - 1]
    assert values("varint", "2.5", "-2.5", round="half_up") == [3, -3]


def test_marks_are_those_that_are_declared() -> None:
    german = {"decimal_mark": ",", "thousands_mark": "."}
    texts = ["1.234,50", "1234,5", "-1.234.567", "0,5", ",5", "1,5e2"]
    assert list(map(str, values("decimal", *texts, **german))) == [
        "1234.50", "1234.5", "-1234567", "0.5", "0.5", "1.5E+2",
    ]  # fmt: skip
    assert values("double", "1.234,5", "1,5", **german) == [1234.5, 1.5]
    assert values("int", "1'234", "1234", thousands_mark="'") == [1234, 1234]
    assert values("varint", "1 234", thousands_mark=" ") == [1234]


@pytest.mark.parametrize(
    "text", ["1.5", "12.34", "1.2345", "1234.567", ".123", "1.234.5", "1,2,3", "1,234.5", "1..234"]
)
def test_marks_in_other_places_are_refused(text: str) -> None:
    assert reason("decimal", text, decimal_mark=",", thousands_mark=".") == "bad_value"


def test_a_point_is_refused_where_a_comma_is_declared() -> None:
    assert reason("double", "1.5", decimal_mark=",") == "bad_value"


def test_not_finite_floats_only_where_declared() -> None:
    assert [reason("double", text) for text in ("NaN", "-Infinity", "1e400")] == [
        "bad_value", "bad_value", "out_of_range",
    ]  # fmt: skip
    found = values("double", "NaN", "-Infinity", "inf", "1e400", "1.5", None, not_finite="allow")
    assert list(map(repr, found)) == ["nan", "-inf", "inf", "None", "1.5", "None"]
    assert values("float", "+Infinity", "3.5e38", not_finite="allow") == [float("inf"), None]
