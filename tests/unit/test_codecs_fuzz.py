"""Every codec on any text: a value that the driver reads back, or a reason; never an exception."""

from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cql_values import decoded

from customer_ingestapps.codecs import codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import SCALARS, parse_type

GERMAN = {"decimal_mark": ",", "thousands_mark": "."}
DECLARED: list[tuple[str, dict[str, Any]]] = [
    *((cql, {}) for cql in SCALARS),
    ("int", GERMAN | {"round": "half_even", "overflow": "clamp"}),
    ("varint", {"thousands_mark": "'", "round": "up"}),
    ("decimal", GERMAN | {"places": 2, "round": "half_up"}),
    ("decimal", {"places": 1}),
    ("double", {"not_finite": "allow"}),
    ("boolean", {"true_words": ["1", "ja"], "false_words": ["0", "İ"]}),
    ("date", {"formats": ["%d.%m.%Y", "%-d %b %Y"]}),
    ("time", {"formats": ["%I:%M %p", "%H:%M:%S.%f"]}),
    ("timestamp", {"zone": "Europe/Berlin"}),
    ("timestamp", {"zone": "Europe/Berlin", "ambiguous": "later", "nonexistent": "forward"}),
    ("timestamp", {"formats": ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z"], "zone": "Asia/Kathmandu"}),
    *(("timestamp", {"epoch": unit}) for unit in ("s", "ms", "us", "ns")),
    ("blob", {"binary": "base64"}),
    *(
        (cql, {})
        for cql in (
            "frozen<list<decimal>>",
            "set<inet>",
            "map<int, text>",
            "tuple<int, date>",
            "vector<float, 2>",
        )
    ),
]
pieces = st.sampled_from(
    ["0", "1", "12", "9" * 19, "2024", "0000", "9999", "-", "+", ".", ",", ":", "T", " ", "Z", "+01:00",
     "-00:01", "02:30:00", "2024-03-31", "2024-10-27", "0001-01-01", "9999-12-31", "0000-12-31", "T00:00:00",
     "T23:59:59.9999",
     "e", "E5", "nan", "inf", "x", "0x", "ff", "==", "[", "]", "{", "}", '"', "null", "1.5", "::", "::1",
     "127.0.0.1", "P", "1y", "mo", "ns", "am", "PM", "Jan", "31", "é", "İ", "١", "\n", "\r", "\t", "\\u0000",
     "\ufeff", "a-b-1c-8d", "123e4567-e89b-12d3-a456-426614174000"]
)  # fmt: skip
texts = st.one_of(st.lists(pieces, max_size=6).map("".join), st.text(max_size=12))


@pytest.mark.parametrize(("cql", "declared"), DECLARED, ids=str)
@settings(max_examples=150, deadline=None)
@given(found=st.lists(st.none() | texts, min_size=1, max_size=5))
@example(found=["0000-06-01T00:00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
@example(found=["", " ", "\n", "-", "+", ".", "e", "0x", "[]", "{}", "P"])
def test_any_text_is_a_value_or_has_a_reason(
    cql: str, declared: dict[str, Any], found: list[str | None]
) -> None:
    codec = codec_of(parse_type(cql), Column(type=cql, **declared))
    cells = codec.encode(codec.parse(pl.Series(found, dtype=pl.String)))
    assert len(cells) == len(found)
    for text, cell in zip(found, cells, strict=True):
        if text is None:
            assert cell is None
        elif cell is None:
            assert codec.refusal(text).message
        else:
            decoded(cql, cell)


@pytest.mark.parametrize(("cql", "declared"), DECLARED, ids=str)
@settings(max_examples=50, deadline=None)
@given(found=st.lists(st.none() | texts, min_size=1, max_size=5))
def test_a_value_does_not_depend_on_its_neighbours(
    cql: str, declared: dict[str, Any], found: list[str | None]
) -> None:
    codec = codec_of(parse_type(cql), Column(type=cql, **declared))

    def cells(*found: str | None) -> list[bytes | None]:
        return codec.encode(codec.parse(pl.Series(found, dtype=pl.String)))

    assert cells(*found) == [cell for text in found for cell in cells(text)]
