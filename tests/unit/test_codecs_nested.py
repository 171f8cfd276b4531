"""Codecs of collections, tuples, user-defined types and vectors, as the driver reads them back."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cql_values import PROTOCOL, decoded, driver_type

from customer_ingestapps.codecs import codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import parse_type

TYPES = {
    "address": {"street": "text", "zip": "int"},
    "person": {"name": "text", "homes": "frozen<list<frozen<address>>>"},
}


def values(cql: str, *texts: str | None) -> list[Any]:
    found = parse_type(cql, TYPES)
    codec = codec_of(found, Column(type=cql))
    cells = codec.encode(codec.parse(pl.Series(texts, dtype=pl.String)))
    return [None if cell is None else driver_type(found).from_binary(cell, PROTOCOL) for cell in cells]


def refusal(cql: str, text: str) -> tuple[str, str]:
    assert values(cql, text) == [None]
    found = codec_of(parse_type(cql, TYPES), Column(type=cql)).refusal(text)
    return found.reason.value, found.message


def test_lists_sets_and_maps() -> None:
    assert values("frozen<list<int>>", "[3,1,3]", "[]", None, ' [ "7" ] ') == [[3, 1, 3], [], None, [7]]
    assert [set(found) for found in values("set<text>", '["b","a",""]', "[]")] == [{"a", "b", ""}, set()]
    assert [dict(found) for found in values("map<text, bigint>", '{"a":9007199254740993}', "{}")] == [
        {"a": 9007199254740993},
        {},
    ]


def test_equal_sets_have_equal_bytes() -> None:
    codec = codec_of(parse_type("set<text>"), Column(type="set<text>"))
    one, other = codec.encode(codec.parse(pl.Series(['["b","a"]', '["a","b"]'])))
    assert one == other


def test_numbers_keep_every_digit() -> None:
    (found,) = values("frozen<list<decimal>>", "[0.10, 12345678901234567890.123456789, 1e-7]")
    assert list(map(str, found)) == ["0.10", "12345678901234567890.123456789", "1E-7"]


def test_keys_of_a_map_are_read_as_texts() -> None:
    (found,) = values("map<int, boolean>", '{"1":true,"-2":"false"}')
    assert dict(found) == {1: True, -2: False}
    (nested,) = values("map<frozen<list<int>>, text>", '{"[1,2]":"a"}')
    assert [(list(key), value) for key, value in nested.items()] == [([1, 2], "a")]


def test_tuples_may_lack_parts() -> None:
    assert values("tuple<int, text, frozen<list<int>>>", '[1,"a",[2]]', "[null,null,null]") == [
        (1, "a", [2]),
        (None, None, None),
    ]


def test_user_defined_types_may_lack_fields() -> None:
    found = values("frozen<person>", '{"name":"Ann","homes":[{"zip":1,"street":"x"},{}]}', "{}")
    assert found[0].name == "Ann"
    assert [tuple(home) for home in found[0].homes] == [("x", 1), (None, None)]
    assert tuple(found[1]) == (None, None)


def test_vectors_of_fixed_and_of_variable_width() -> None:
    assert [list(found) for found in values("vector<float, 3>", "[1,2.5,-3]")] == [[1.0, 2.5, -3.0]]
    long = "x" * 300
    assert [list(found) for found in values("vector<text, 2>", json.dumps(["a", long]))] == [["a", long]]
    assert [list(found) for found in values("vector<smallint, 2>", "[1,-1]")] == [[1, -1]]
    assert [list(map(list, found)) for found in values("vector<vector<int, 2>, 2>", "[[1,2],[3,4]]")] == [
        [[1, 2], [3, 4]]
    ]


@pytest.mark.parametrize(
    ("cql", "text", "reason", "says"),
    [
        ("frozen<list<int>>", "[1,null]", "bad_value", "element 2: null is not a whole number"),
        ("frozen<list<int>>", "[1,[2]]", "bad_value", "element 2: an array is not a whole number"),
        ("frozen<list<int>>", "[1.5]", "not_whole", "element 1: '1.5' is not a whole number"),
        ("frozen<list<int>>", "{}", "bad_value", "an object is not a JSON array"),
        ("frozen<list<int>>", "[1,2", "bad_value", "not JSON: Expecting ',' delimiter"),
        ("frozen<list<int>>", "[1] 2", "bad_value", "something follows the value"),
        ("frozen<list<double>>", "[NaN]", "bad_value", "NaN is not a number"),
        ("frozen<list<frozen<list<int>>>>", '[[1],["x"]]', "bad_value", "element 2: element 1: 'x' is"),
        ("set<text>", '["a","a"]', "duplicate_element", "two elements are equal"),
        ("set<decimal>", "[1.0,1.00]", "duplicate_element", "two elements are equal"),
        ("set<text>", json.dumps(["a" * 65536]), "value_too_long", "65535 bytes each"),
        ("map<int, text>", '{"1":"a","01":"b"}', "duplicate_element", "two keys are equal"),
        ("map<int, text>", '{"1":"a","1":"b"}', "duplicate_key", "the key '1' stands twice"),
        ("map<int, text>", '{"x":"a"}', "bad_value", "key 'x': 'x' is not a whole number"),
        ("map<int, text>", '{"1":null}', "bad_value", "value 1: null is not text"),
        ("tuple<int, text>", "[1]", "bad_value", "not a JSON array of 2 elements"),
        ("tuple<int, text>", '["x","a"]', "bad_value", "element 1: 'x' is not a whole number"),
        ("frozen<address>", '{"city":"x"}', "bad_value", "a JSON object with the keys street, zip"),
        ("frozen<address>", '{"zip":"x"}', "bad_value", "'x' is not a whole number"),
        ("vector<float, 3>", "[1,2]", "wrong_dimension", "2 elements, the vector has 3 dimensions"),
        ("vector<float, 3>", "[1,2,3,4]", "wrong_dimension", "4 elements, the vector has 3 dimensions"),
        ("vector<float, 2>", "[1,NaN]", "bad_value", "NaN is not a number"),
        ("vector<float, 2>", "[1,1e40]", "out_of_range", "element 2: '1e40' is not a number"),
        ("frozen<list<text>>", '["\\ud800"]', "bad_character", "half of a surrogate pair"),
        ("frozen<list<int>>", "[" * 33 + "]" * 33, "too_deep", "nested deeper than 32 levels"),
        ("frozen<list<int>>", "[" * 100_000, "too_deep", "nested deeper than 32 levels"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(cql: str, text: str, reason: str, says: str) -> None:
    found, message = refusal(cql, text)
    assert found == reason
    assert says in message


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(max_size=5),
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6
    ),
}
Nested = tuple[str, Callable[[Any], Any], Any]


def _grown(inner: st.SearchStrategy[Nested]) -> st.SearchStrategy[Nested]:
    def listed(found: Nested) -> Nested:
        return (
            f"frozen<list<{found[0]}>>",
            lambda value: [found[1](each) for each in value],
            st.lists(found[2], max_size=3),
        )

    def tupled(found: Nested) -> Nested:
        return (
            f"tuple<{found[0]}, int>",
            lambda value: [found[1](value[0]), value[1]],
            st.tuples(found[2], st.none() | SCALARS["int"]),
        )

    def mapped(found: Nested) -> Nested:
        keyed = st.dictionaries(st.text(max_size=3), found[2], max_size=3)
        return (
            f"frozen<map<text, {found[0]}>>",
            lambda value: {key: found[1](each) for key, each in value.items()},
            keyed,
        )

    def vectored(found: Nested) -> Nested:
        return (
            f"vector<{found[0]}, 2>",
            lambda value: [found[1](each) for each in value],
            st.lists(found[2], min_size=2, max_size=2),
        )

    return inner.flatmap(
        lambda found: st.sampled_from([listed(found), tupled(found), mapped(found), vectored(found)])
    )


leaves = st.sampled_from(
    [
        (name, lambda value: str(value) if isinstance(value, Decimal) else value, kind)
        for name, kind in SCALARS.items()
    ]
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), nested=st.recursive(leaves, _grown, max_leaves=4))
def test_values_nested_at_will_come_back(data: st.DataObject, nested: Nested) -> None:
    cql, written, kind = nested
    value = data.draw(kind)
    wrapped = f"frozen<list<{cql}>>"
    text = json.dumps([written(value)], ensure_ascii=False)
    (found,) = values(wrapped, text)
    assert plain(found) == plain([value])


def plain(value: Any) -> Any:
    """Give the driver's containers as Python's."""
    if hasattr(value, "items"):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def test_decoded_reads_what_the_driver_would() -> None:
    assert decoded("int", b"\0\0\0\7") == 7
