"""How batches are written for an app, and how its answers are read: one JSON object a line, or Arrow streams.

What an app answers is a stranger's: it is checked before anything is made of it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
from pyarrow import ipc, types

from customer_ingestapps.codecs.codec import shown
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.json_values import MOST_LEVELS, Number, depth_of, write_json
from customer_ingestapps.reasons import Reason
from customer_ingestapps.transforms import ROW

MOST_COLUMNS = 2_000
MOST_CELLS = 20_000_000
_MOST_VECTOR = 8_192
_END = b"\n"
_BEGIN = b"\xff\xff\xff\xff"
_STREAM_END = _BEGIN + bytes(4)
_NESTED = (list, dict)


class AnswerBytes(Protocol):
    """An answer that is coming; each call waits for what it gives."""

    def read(self, size: int, /) -> bytes:
        """Give the next bytes, exactly so many."""

    def read_until(self, mark: bytes, /) -> bytes:
        """Give what comes up to and with a mark."""


class AppWire(Protocol):
    """One way to talk to an app."""

    def write(self, batch: pl.DataFrame, /) -> list[memoryview]:
        """Write a batch, in pieces."""

    def read(self, answer: AnswerBytes, /) -> pa.Table:
        """Read one whole answer.

        Raises:
            FileRejected: it is none.
        """


class JsonWire:
    """One object a line, `_row` first; an empty line ends batch and answer."""

    def write(self, batch: pl.DataFrame) -> list[memoryview]:
        """Write a batch; null is no value."""
        return [memoryview(batch.write_ndjson().encode()), memoryview(_END)]

    def read(self, answer: AnswerBytes) -> pa.Table:
        """Read one object a line; numbers keep their digits."""
        first = answer.read(1)
        if first == _END:
            return pa.table({ROW: pa.array([], pa.int64())})
        lines = (first + answer.read_until(_END + _END)).split(_END)[:-2]
        rows = _objects(lines)
        names = list(dict.fromkeys(chain.from_iterable(rows)))
        _check_size(len(rows), len(names))
        columns = {name: [row.get(name) for row in rows] for name in names}
        try:
            table = {name: pa.array(_texts(values), pa.string()) for name, values in columns.items()}
        except UnicodeEncodeError as error:
            raise refused("it holds half of a surrogate pair, which is no character") from error
        return _numbered(pa.table(table))


@dataclass(frozen=True, slots=True)
class ArrowWire:
    """A whole IPC stream for each batch and each answer."""

    has_large_texts: bool = False
    """Whether texts are `large_utf8`, as polars has them, and not `utf8`, which every library knows."""

    def write(self, batch: pl.DataFrame) -> list[memoryview]:
        """Write a batch as a schema, one record batch and an end mark."""
        table = batch.to_arrow().combine_chunks()
        if not self.has_large_texts:
            fields = [(name, pa.int64() if name == ROW else pa.string()) for name in table.column_names]
            table = table.cast(pa.schema(fields))
        [rows] = table.to_batches()
        return [memoryview(table.schema.serialize()), memoryview(rows.serialize()), memoryview(_STREAM_END)]

    def read(self, answer: AnswerBytes) -> pa.Table:
        """Read one stream to its end mark."""
        source = _Source(answer)
        try:
            stream = ipc.open_stream(pa.PythonFile(source, mode="r"))
            _check_size(0, len(stream.schema.names))
            for field in stream.schema:
                if not _is_taken(field.type):
                    raise refused(f"its column {field.name!r} has the type {field.type}, which is not taken")
            table = stream.read_all()
            _check_size(table.num_rows, table.num_columns)
            table.validate(full=True)
        except MemoryError as error:
            raise refused("it takes too much memory to read") from error
        except (pa.ArrowException, OSError, ValueError) as error:
            if source.fault:
                raise source.fault from None
            raise refused(f"it is no Arrow stream: {str(error).partition(chr(10))[0]}") from error
        return table


class _Source:
    """An answer as a file that pyarrow reads; what goes wrong on the way is kept as it was."""

    closed = False

    def __init__(self, answer: AnswerBytes) -> None:
        self._answer = answer
        self._is_begun = False
        self.fault: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            found = self._answer.read(size)
        except Exception as error:
            self.fault = error
            raise
        if not self._is_begun and found != _BEGIN:  # else any text is the length of something very large
            self.fault = refused(f"it is no Arrow stream: it begins with {found!r}")
            raise self.fault
        self._is_begun = True
        return found


def refused(message: str) -> FileRejected:
    """Say what is wrong with an answer."""
    return FileRejected(Reason.APP_ANSWER, f"the app's answer does not fit: {message}")


def _objects(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    text = b"[" + b",".join(lines) + b"]"
    has_nested = b"[" in text[1:] or text.count(b"{") > len(lines)
    with suppress(ValueError, RecursionError):
        rows: list[dict[str, Any]] = _loads(text, Number if has_nested else str)
        if set(map(type, rows)) == {dict} and len(rows) == len(lines):
            return rows
    for number, line in enumerate(lines, start=1):
        with suppress(ValueError, RecursionError):
            if isinstance(_loads(line, str), dict):
                continue
        raise refused(f"its line {number} is no JSON object: {shown(line[:200].decode(errors='replace'))}")
    raise refused("its lines are no JSON objects")


def _loads(text: bytes, number: type[str]) -> Any:
    return json.loads(text.decode(), parse_int=number, parse_float=number, parse_constant=_no_constant)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _texts(values: Sequence[object]) -> Sequence[object]:
    """Give the values of a column as texts; numbers are texts already."""
    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        return values
    return [value if value is None or type(value) is str else _text(value) for value in values]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _NESTED) and depth_of(value) > MOST_LEVELS:
        raise refused(f"values are nested deeper than {MOST_LEVELS} levels")
    return write_json(value) if isinstance(value, _NESTED) else str(value)


def _numbered(table: pa.Table) -> pa.Table:
    """Make whole numbers of the rows' numbers; without them the answer is refused later."""
    if ROW not in table.column_names:
        return table
    try:
        numbers = table.column(ROW).cast(pa.int64())
    except pa.ArrowException as error:
        raise refused(f"{ROW!r} must be a whole number: {str(error).partition(chr(10))[0]}") from error
    return table.set_column(table.column_names.index(ROW), ROW, numbers)


def _check_size(rows: int, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise refused(f"it has {columns} columns, allowed are {MOST_COLUMNS}")
    if rows * columns > MOST_CELLS:
        raise refused(f"it has {rows} rows of {columns} columns, allowed are {MOST_CELLS} cells")


def _is_taken(found: pa.DataType, depth: int = 0) -> bool:
    """Let pass what takes as much room as it has bytes: no dictionaries, no views, no lists of nothing."""
    inner = [found.field(place) for place in range(found.num_fields)]
    is_plain = types.is_primitive(found) or types.is_null(found) or types.is_decimal(found)
    is_sized = any(
        is_kind(found)
        for is_kind in (
            types.is_string, types.is_large_string, types.is_binary, types.is_large_binary,
            types.is_list, types.is_large_list, types.is_map, types.is_struct,
        )
    )  # fmt: skip
    is_fixed = types.is_fixed_size_binary(found) and found.byte_width > 0
    is_vector = types.is_fixed_size_list(found) and 0 < found.list_size <= _MOST_VECTOR
    is_hollow = depth > 0 and (types.is_null(found) or (types.is_struct(found) and not inner))
    is_sound = (is_plain or is_sized or is_fixed or is_vector) and not is_hollow
    return is_sound and depth <= MOST_LEVELS and all(_is_taken(field.type, depth + 1) for field in inner)
