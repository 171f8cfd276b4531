"""The JSON readers against a slow one that is right at a glance: same rows, same rejects, same lines."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cql_values import app, read, rejects, stored

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits

COLUMNS = {"id": "int", "m": "decimal"}
LINES, ARRAY = app(COLUMNS, format="jsonl"), app(COLUMNS, format="json")
Outcome = tuple[list[tuple[int, str | None]], list[tuple[int, str]]]


class FaultError(ValueError):
    """What the slow reader rejects a row for."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise FaultError("duplicate_key")
    return dict(pairs)


def no_constant(_: str) -> None:
    raise FaultError("bad_json")


def slow_row(text: str) -> tuple[int, str | None]:
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=no_constant, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise FaultError("bad_json") from error
    if not isinstance(found, dict):
        raise FaultError("not_an_object")
    if found.keys() - {"id", "m"}:
        raise FaultError("unknown_key")
    return slow_values(found.get("id"), found.get("m"))


def slow_values(number: Any, value: Any) -> tuple[int, str | None]:
    if number is None:
        raise FaultError("missing_key")
    if isinstance(number, Decimal):
        raise FaultError("not_whole")
    if not isinstance(number, int) or isinstance(number, bool):
        raise FaultError("bad_value")
    if not -(2**31) <= number < 2**31:
        raise FaultError("out_of_range")
    if isinstance(value, bool | str | list | dict):
        raise FaultError("bad_value")
    if value is None:
        return number, None
    found = Decimal(value)
    return number, str(found or found.copy_abs())  # Cassandra's decimals have no zero below zero


def slow_outcome(rows: list[tuple[int, str]]) -> Outcome:
    kept, rejected = [], []
    for line, text in rows:
        try:
            kept.append(slow_row(text))
        except FaultError as fault:
            rejected.append((line, str(fault)))
    return kept, rejected


numbers = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(
        ["2147483647", "2147483648", "1.50", "-0.0", "1e3", "NaN", "true", "null", '"x"', "[1]", "{}"]
    ),
)
pairs = st.tuples(st.sampled_from(['"id"', '"id"', '"m"', '"x"']), numbers).map(":".join)
objects = st.lists(pairs, max_size=3).map(lambda found: "{" + ", ".join(found) + "}")
elements = st.one_of(objects, objects, objects, numbers)
broken = st.sampled_from(["{", '{"id":', '{"id":1,}', "{'id':1}", '{"id":1}}', '"', "[1", "x", '{"id":1} 2'])
spaces = st.sampled_from(["", "", " ", "\t"])
one_row_chunks = st.builds(  # so that nothing is folded
    Limits, chunk_rows=st.just(1), chunk_bytes=st.integers(100, 200), block_bytes=st.integers(3, 40)
)


def outcome(ingest_app: Any, text: str, limits: Limits, step: int) -> Outcome:
    chunks = read(ingest_app, text.encode(), limits=limits, step=step)
    kept = [(row["id"], str(row["m"]) if "m" in row else None) for row in stored(ingest_app, chunks)]
    return kept, [(reject.line, reject.reason.value) for reject in rejects(chunks)]


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.tuples(spaces, st.one_of(elements, elements, broken, st.just("")), spaces), max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
    limits=one_row_chunks,
    step=st.integers(1, 50),
)
def test_fast_and_slow_reader_of_lines_agree(
    parts: list[tuple[str, str, str]], line_end: str, limits: Limits, step: int
) -> None:
    texts = ["".join(part) for part in parts]
    rows = [(line, text) for line, text in enumerate(texts, start=1) if text.strip()]
    assert outcome(LINES, line_end.join(texts), limits, step) == slow_outcome(rows)


gaps = st.sampled_from(["", " ", "\n", "\r\n\n ", "\t"])


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.tuples(gaps, elements, gaps), max_size=8),
    limits=one_row_chunks,
    step=st.integers(1, 50),
    cut=st.integers(0, 300),
)
def test_fast_and_slow_reader_of_arrays_agree(
    parts: list[tuple[str, str, str]], limits: Limits, step: int, cut: int
) -> None:
    text, rows = "\n[", []
    for number, (before, element, after) in enumerate(parts):
        text += ("," if number else "") + before
        rows.append((text.count("\n") + 1, element))
        text += element + after
    text += "]\n"
    whole = slow_outcome(rows)
    assert outcome(ARRAY, text, limits, step) == whole
    if cut < text.rindex("]"):
        with pytest.raises(FileRejected) as caught:
            outcome(ARRAY, text[:cut], limits, step)
        assert caught.value.reason in {"unclosed_array", "bad_json", "not_an_array"}
