"""What goes to an app and what comes back, on both wires; hostile answers are refused before use."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import ipc

from customer_ingestapps.errors import FileRejected
from ingest_manager.sandbox.app_wires import ArrowWire, JsonWire

BATCH = pl.DataFrame({"_row": [0, 1], "name": ["Ann", None]})
OF_ARROW = "the app's answer does not fit: "


class Answer:
    """An answer that is there already."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int) -> bytes:
        found, self.content = self.content[:size], self.content[size:]
        return found

    def read_until(self, mark: bytes) -> bytes:
        return self.read(self.content.index(mark) + len(mark))


def lines(*rows: dict[str, Any] | str) -> bytes:
    return (
        b"".join((row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows) + b"\n"
    )


def answered(*rows: dict[str, Any] | str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = JsonWire().read(Answer(lines(*rows))).to_pydict()
    return found


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(FileRejected) as caught:
        read()
    assert caught.value.reason == "app_answer"
    return caught.value.message.removeprefix(OF_ARROW)


class TestJson:
    """One object a line."""

    def test_a_batch_ends_with_an_empty_line_and_so_does_its_answer(self) -> None:
        written = b"".join(JsonWire().write(BATCH))
        assert written == b'{"_row":0,"name":"Ann"}\n{"_row":1,"name":null}\n\n'
        answer = Answer(written + b"more")
        assert JsonWire().read(answer).to_pydict() == {"_row": [0, 1], "name": ["Ann", None]}
        assert answer.content == b"more"

    def test_an_answer_may_have_no_rows(self) -> None:
        assert JsonWire().read(Answer(b"\n")).to_pydict() == {"_row": []}

    def test_numbers_keep_their_digits_and_other_values_become_text(self) -> None:
        row = (
            '{"_row": 0, "a": 1.10, "b": 12345678901234567890.5, "c": true, "d": [1.0, {"x": 1e3}], "e": "1"}'
        )
        assert answered(row) == {
            "_row": [0], "a": ["1.10"], "b": ["12345678901234567890.5"], "c": ["true"],
            "d": ['[1.0,{"x":1e3}]'], "e": ["1"],
        }  # fmt: skip

    def test_a_key_that_is_not_there_is_no_value(self) -> None:
        assert answered({"_row": 0, "a": "x"}, {"_row": 1, "b": "y"}) == {
            "_row": [0, 1], "a": ["x", None], "b": [None, "y"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("[1]", "its line 2 is no JSON object: '[1]'"),
            ("NaN", "its line 2 is no JSON object: 'NaN'"),
            ('{"_row": NaN}', "its line 2 is no JSON object: '{\"_row\": NaN}'"),
            ('{"_row": 1}, {"_row": 2}', 'its line 2 is no JSON object: \'{"_row": 1}, {"_row": 2}\''),
            ("[" * 100_000, "its line 2 is no JSON object: '" + "[" * 79 + "…"),
        ],
    )
    def test_a_line_that_is_no_object_is_named(self, line: str, told: str) -> None:
        assert refusal(lambda: answered({"_row": 0}, line)) == told

    def test_bytes_that_are_not_utf_8_are_refused(self) -> None:
        assert refusal(lambda: JsonWire().read(Answer(b'{"_row": "\xff"}\n\n'))).startswith(
            "its line 1 is no JSON"
        )

    def test_half_a_character_is_refused(self) -> None:
        assert refusal(lambda: answered('{"_row": 0, "a": "\\ud800"}')) == (
            "it holds half of a surrogate pair, which is no character"
        )

    def test_values_nested_too_deep_are_refused(self) -> None:
        deep = "[" * 40 + "]" * 40
        assert (
            refusal(lambda: answered(f'{{"_row": 0, "a": {deep}}}'))
            == "values are nested deeper than 32 levels"
        )

    def test_a_row_without_a_whole_number_is_refused(self) -> None:
        assert refusal(lambda: answered({"_row": "x"})).startswith("'_row' must be a whole number")

    def test_an_answer_of_very_many_cells_is_refused(self) -> None:
        wide = {f"c{number}": None for number in range(2_001)}
        assert refusal(lambda: answered(wide)) == "it has 2001 columns, allowed are 2000"


def stream(table: pa.Table, options: Any = None) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=options) as written:
        written.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


class TestArrow:
    """A stream for each batch."""

    def test_a_batch_is_one_whole_stream_of_types_that_every_library_knows(self) -> None:
        table = ipc.open_stream(b"".join(ArrowWire().write(BATCH))).read_all()
        assert table.schema == pa.schema([("_row", pa.int64()), ("name", pa.string())])
        assert table.to_pydict() == {"_row": [0, 1], "name": ["Ann", None]}

    def test_an_answer_is_read_to_its_end_mark_and_no_further(self) -> None:
        answer = Answer(stream(pa.table({"_row": [0], "x": [1.5]})) + b"more")
        assert ArrowWire().read(answer).to_pydict() == {"_row": [0], "x": [1.5]}
        assert answer.content == b"more"

    @pytest.mark.parametrize(
        "column",
        [
            pa.array(["x"]).dictionary_encode(),
            pa.array(["x"], pa.string_view()),
            pa.RunEndEncodedArray.from_arrays([1], ["x"]),
            pa.FixedSizeListArray.from_arrays(pa.nulls(100_000), 100_000),
            pa.array([[None]], pa.list_(pa.null())),
        ],
        ids=lambda column: str(column.type),
    )
    def test_types_in_which_few_bytes_stand_for_many_are_refused(self, column: pa.Array) -> None:
        answer = Answer(stream(pa.table({"_row": [0], "x": column})))
        assert refusal(lambda: ArrowWire().read(answer)) == (
            f"its column 'x' has the type {column.type}, which is not taken"
        )

    def test_very_many_rows_of_nothing_are_refused(self) -> None:
        table = pa.table({f"c{number}": pa.nulls(50_000) for number in range(500)})
        assert refusal(lambda: ArrowWire().read(Answer(stream(table)))) == (
            "it has 50000 rows of 500 columns, allowed are 20000000 cells"
        )

    def test_a_stream_that_is_damaged_anywhere_is_refused_or_read_but_harms_nothing(self) -> None:
        content = stream(pa.table({"_row": [0, 1, 2], "x": ["a", None, "ccc"], "y": [[1], [], None]}))
        random = np.random.default_rng(1)
        for place in range(len(content)):
            damaged = bytearray(content)
            damaged[place] = random.integers(256)
            try:
                ArrowWire().read(Answer(bytes(damaged))).to_pydict()
            except FileRejected as error:
                assert error.reason == "app_answer"  # noqa: PT017 - most are refused, some are as good as before

    def test_text_that_is_not_utf_8_is_refused(self) -> None:
        content = stream(pa.table({"_row": [0], "x": ["Zürich"]})).replace("ü".encode(), b"\xff\xff")
        assert refusal(lambda: ArrowWire().read(Answer(content))).startswith("it is no Arrow stream")
