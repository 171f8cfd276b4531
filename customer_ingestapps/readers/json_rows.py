"""JSON objects as rows of text: what both JSON readers share, whatever stands around the objects.

Keys are matched like the names of a header, but for each object. Numbers keep their digits, nested values
become JSON text again; null, and a key that is not there, are no value.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from customer_ingestapps.codecs.codec import shown
from customer_ingestapps.contract import AppContract, fold
from customer_ingestapps.header import ADDED_TO_REJECTS, MOST_COLUMNS, RAW_IN_REJECTS, Header
from customer_ingestapps.json_values import MOST_LEVELS, ExactDecoder, JsonFault, Number, depth_of, write_json
from customer_ingestapps.readers.rows import Limits, TextRows
from customer_ingestapps.reasons import NO_OBJECTS, Reason, Reject

_ADDED = re.compile(
    r',?\s*"line"\s*:[^:]*"column"\s*:\s*(?:null|"(?:[^"\\]|\\.)*")\s*,\s*"reason"\s*:'
    r'(?:[^:"]*|\s*"(?:[^"\\]|\\.)*"\s*)}$'
)
_SIMPLE = {str, type(None)}
_KINDS = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}


@dataclass(frozen=True, slots=True)
class JsonRow:
    """One value where a row should be: an object, or what is wrong instead."""

    line: int
    last_line: int
    raw: bytes
    value: object
    fault: JsonFault | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """For one list of keys: which of them makes each column, or why it cannot be."""

    keys: tuple[str | None, ...] = ()
    fault: JsonFault | None = None


def declared_header(contract: AppContract) -> Header:
    """Give the header of files that have none: what the contract reads."""
    spelled = {fold(name): name.strip() for name in contract.transform.columns} if contract.transform else {}
    for name, column in () if spelled else contract.columns.items():
        for source in column.template.columns if column.template else (column.column or name,):
            spelled.setdefault(fold(source), source.strip())
    positions = {source: position for position, source in enumerate(spelled)}
    return Header(tuple(spelled.values()), positions, () if contract.transform else tuple(contract.columns))


def row_decoder() -> ExactDecoder:
    """Give a decoder for rows; numbers become plain texts, as every value will."""
    return ExactDecoder(str)


class JsonRows:
    """Turns objects into chunks of text columns."""

    def __init__(self, contract: AppContract, header: Header, limits: Limits) -> None:
        self._sources: Mapping[str, int] = header.positions
        self._ignores_others = contract.files.extra_columns == "ignore"
        self._limits = limits
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    def chunks(self, rows: Iterable[JsonRow]) -> Iterator[TextRows]:
        """Give as many rows at a time as the limits allow."""
        held: list[JsonRow] = []
        size = 0
        for row in rows:
            if held and (
                len(held) == self._limits.chunk_rows or size + len(row.raw) > self._limits.chunk_bytes
            ):
                yield self._text_rows(held)
                held, size = [], 0
            held.append(row)
            size += len(row.raw)
        if held:
            yield self._text_rows(held)

    def _text_rows(self, rows: Sequence[JsonRow]) -> TextRows:
        sound: list[JsonRow] = []
        values: list[list[object]] = []
        unreadable: list[Reject] = []
        for row in rows:
            found = self._values(row)
            if isinstance(found, JsonFault):
                text = self._own_text(row)
                unreadable.append(Reject(row.line, None, None, found.reason, found.message, (text,)))
            else:
                sound.append(row)
                values.append(found)
        columns = list(zip(*values, strict=True)) if values else [()] * len(self._sources)
        series = {name: self._column(name, columns[place], sound) for name, place in self._sources.items()}
        return TextRows(
            columns=pl.DataFrame(series),
            lines=np.array([row.line for row in sound], np.int64),
            fields_of=lambda number: (self._own_text(sound[number]),),
            last_line=rows[-1].last_line,
            unreadable=unreadable,
        )

    def _values(self, row: JsonRow) -> list[object] | JsonFault:
        if row.fault:
            return row.fault
        value = row.value
        if not isinstance(value, dict):
            is_number = isinstance(value, str) and not row.raw.startswith(b'"')
            found = "a number" if is_number else _KINDS[type(value)]
            return JsonFault(Reason.NOT_AN_OBJECT, f"{found} stands where an object is expected")
        if reason := _still_rejected(value):
            message = f"still as it was rejected: put an object in the place of {RAW_IN_REJECTS!r}"
            return JsonFault(reason, message)
        shape = self._shape(tuple(value))
        values = [None if key is None else value[key] for key in shape.keys]
        has_nested = b"[" in row.raw or row.raw.find(b"{", 1) > 0
        return shape.fault or (_too_deep(values) if has_nested else None) or values

    def _shape(self, keys: tuple[str, ...]) -> _Shape:
        shape = self._shapes.get(keys)
        if shape is None:
            shape = self._new_shape(keys)
            if (
                len(self._shapes) < self._limits.chunk_rows
            ):  # a file of ever new keys must not fill the memory
                self._shapes[keys] = shape
        return shape

    def _new_shape(self, keys: tuple[str, ...]) -> _Shape:
        if len(keys) > MOST_COLUMNS:
            message = f"the object has {len(keys)} keys, allowed are {MOST_COLUMNS}"
            return _Shape(fault=JsonFault(Reason.TOO_MANY_COLUMNS, message))
        own = keys[:-3] if self._has_added(keys) else keys
        places: list[str | None] = [None] * len(self._sources)
        for key in own:
            place = self._sources.get(fold(key))
            if place is None:
                if self._ignores_others:
                    continue
                message = (
                    f"the table has no use for the key {shown(key)}; known are {', '.join(self._sources)}"
                )
                return _Shape(fault=JsonFault(Reason.UNKNOWN_KEY, message))
            if places[place] is not None:
                message = f"the keys {shown(places[place])} and {shown(key)} name the same column"
                return _Shape(fault=JsonFault(Reason.DUPLICATE_KEY, message))
            places[place] = key
        return _Shape(tuple(places))

    def _has_added(self, keys: tuple[str, ...]) -> bool:
        """Ask whether the last keys are those that a rejects file adds, and none that the table reads."""
        needed = self._sources.keys() & set(ADDED_TO_REJECTS) - set(map(fold, keys[:-3]))
        return keys[-3:] == ADDED_TO_REJECTS and not needed

    def _own_text(self, row: JsonRow) -> str:
        """Give a row as the customer wrote it, without what a rejects file had added."""
        if isinstance(row.value, dict) and _still_rejected(row.value):
            return str(row.value[RAW_IN_REJECTS])
        text = row.raw.decode()
        has_added = isinstance(row.value, dict) and self._has_added(tuple(row.value))
        return _ADDED.sub("}", text) if has_added else text

    def _column(self, name: str, values: Sequence[object], rows: Sequence[JsonRow]) -> pl.Series:
        if not set(map(type, values)) <= _SIMPLE:
            values = [
                value if type(value) in _SIMPLE else self._text(name, value, row)
                for value, row in zip(values, rows, strict=True)
            ]
        return pl.Series(values, dtype=pl.String)

    def _text(self, name: str, value: object, row: JsonRow) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        exact, _, _ = ExactDecoder(Number).decode_at(row.raw.decode(), 0)
        assert isinstance(exact, dict)  # noqa: S101 - the same text was one before
        return write_json(next(inner for key, inner in exact.items() if fold(key) == name))


def _still_rejected(value: Mapping[str, object]) -> Reason | None:
    """Give the reason of a row that could not be read, where it comes back as the rejects file has it."""
    if tuple(value) != (RAW_IN_REJECTS, *ADDED_TO_REJECTS):
        return None
    return next((reason for reason in NO_OBJECTS if reason == value["reason"]), None)


def _too_deep(values: Sequence[object]) -> JsonFault | None:
    for value in values:
        if type(value) in {list, dict} and depth_of(value) > MOST_LEVELS:
            return JsonFault(Reason.TOO_DEEP, f"values are nested deeper than {MOST_LEVELS} levels")
    return None
