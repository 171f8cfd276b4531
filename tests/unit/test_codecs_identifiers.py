"""Codecs of uuid, timeuuid, inet, blob, duration and of declared booleans."""

import ipaddress
from uuid import UUID, uuid1, uuid4

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cql_values import decoded

from customer_ingestapps.codecs import codec_of
from customer_ingestapps.codecs.vints import unsigned_vint
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import parse_type


def values(cql: str, *texts: str | None, **declared: object) -> list[object]:
    codec = codec_of(parse_type(cql), Column(type=cql, **declared))
    cells = codec.encode(codec.parse(pl.Series(texts, dtype=pl.String)))
    return [decoded(cql, cell) for cell in cells]


def reason(cql: str, text: str, **declared: object) -> str:
    assert values(cql, text, **declared) == [None]
    return codec_of(parse_type(cql), Column(type=cql, **declared)).refusal(text).reason.value


def test_uuids_are_read_in_any_case() -> None:
    found = UUID("123e4567-e89b-42d3-a456-426614174000")
    assert values("uuid", str(found), str(found).upper(), None) == [found, found, None]
    random, timed = uuid4(), uuid1()
    assert values("uuid", str(random), str(timed)) == [random, timed]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{123e4567-e89b-42d3-a456-426614174000}",
        "123e4567e89b42d3a456426614174000",
        "123e4567-e89b-42d3-a456-42661417400g",
        "urn:uuid:123e4567-e89b-42d3-a456-426614174000",
    ],
)
def test_what_is_no_uuid(text: str) -> None:
    assert reason("uuid", text) == "bad_value"


def test_a_timeuuid_is_of_version_1() -> None:
    timed = uuid1()
    assert values("timeuuid", str(timed)) == [timed]
    assert reason("timeuuid", str(uuid4())) == "bad_value"
    assert reason("timeuuid", "123e4567-e89b-12d3-c456-426614174000") == "bad_value"


@settings(max_examples=200, deadline=None)
@given(address=st.ip_addresses())
@example(address=ipaddress.ip_address("::ffff:1.2.3.4"))
def test_addresses_keep_every_bit(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    codec = codec_of(parse_type("inet"), Column(type="inet"))
    assert codec.encode(codec.parse(pl.Series([str(address)]))) == [address.packed]


@pytest.mark.parametrize(
    "text",
    ["010.000.000.001", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4/32", "fe80::1%eth0", "::1::", "localhost",
     " 1.2.3.4", "1.2.3.4\n", "1", "0x7f.1", "", "１.2.3.4"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert reason("inet", text) == "bad_value"


def test_blobs() -> None:
    assert values("blob", "0x", "0x00fF", None) == [b"", b"\x00\xff", None]
    assert values("blob", "AP8=", "aGk=", binary="base64") == [b"\x00\xff", b"hi"]


@pytest.mark.parametrize("text", ["00ff", "0x0", "0xgg", "0X00", "0x 00", "", "AP8="])
def test_what_is_no_blob(text: str) -> None:
    assert reason("blob", text) == "bad_value"


@pytest.mark.parametrize("text", ["AP8", "AP8==", "AP 8", "aGl=", "-_==", "0x0", ""])
def test_what_is_no_base64(text: str) -> None:
    assert reason("blob", text, binary="base64") == "bad_value"


@pytest.mark.parametrize(
    ("text", "months", "days", "nanoseconds"),
    [
        ("1y2mo3w4d5h6m7s8ms9us10ns", 14, 25, 18_367_008_009_010),
        ("1Y2MO", 14, 0, 0),
        ("5m", 0, 0, 300_000_000_000),
        ("2µs", 0, 0, 2_000),
        ("0s", 0, 0, 0),
        ("-1mo2d", -1, -2, 0),
        ("P1Y2M3DT4H5M6S", 14, 3, 14_706_000_000_000),
        ("-P1Y", -12, 0, 0),
        ("PT0S", 0, 0, 0),
        ("P2W", 0, 14, 0),
        ("P0001-02-03T04:05:06", 14, 3, 14_706_000_000_000),
        ("2147483647mo2147483647d9223372036854775807ns", 2**31 - 1, 2**31 - 1, 2**63 - 1),
    ],
)
def test_durations_in_the_three_forms_of_cql(text: str, months: int, days: int, nanoseconds: int) -> None:
    (found,) = values("duration", text)
    assert (found.months, found.days, found.nanoseconds) == (months, days, nanoseconds)


@pytest.mark.parametrize(
    "text", ["", "-", "P", "PT", "P1YT", "1d2y", "1d1d", "1.5s", "1", "P1S", "--1d", "1d ", "p1y", "١d"]
)
def test_what_is_no_duration(text: str) -> None:
    assert reason("duration", text) == "bad_value"


@pytest.mark.parametrize("text", ["2147483648mo", "2147483648d", "9223372036854775808ns", "9" * 5000 + "y"])
def test_a_duration_out_of_range_says_so(text: str) -> None:
    assert reason("duration", text) == "out_of_range"


@settings(max_examples=200, deadline=None)
@given(
    months=st.integers(0, 2**31 - 1), days=st.integers(0, 2**31 - 1), nanoseconds=st.integers(0, 2**63 - 1)
)
def test_durations_keep_every_count(months: int, days: int, nanoseconds: int) -> None:
    found = values("duration", f"{months}mo{days}d{nanoseconds}ns", f"-{months}mo{days}d{nanoseconds}ns")
    counts = (months, days, nanoseconds)
    assert [(each.months, each.days, each.nanoseconds) for each in found] == [
        counts,
        tuple(-count for count in counts),
    ]


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 1), (127, 1), (128, 2), (2**14 - 1, 2), (2**56 - 1, 8), (2**56, 9), (2**64 - 1, 9)],
)
def test_vints_take_as_few_bytes_as_they_need(number: int, size: int) -> None:
    assert len(unsigned_vint(number)) == size


def test_boolean_words_are_those_that_are_declared() -> None:
    words = {"true_words": ["ja", "1"], "false_words": ["nein", "0"]}
    assert values("boolean", "JA", "1", "Nein", "0", "true", **words) == [True, True, False, False, None]
