"""Codecs of lists, sets, maps, tuples, user-defined types and vectors: JSON text, any of them inside another.

All values of one level go through the codec of their type together. Bytes as in the native protocol v5,
sections 5 and 6; vectors, which it leaves out, as the server stores them.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from customer_ingestapps.codecs.codec import BinaryCodec, Cell, Codec, Refusal, shown, shown_type
from customer_ingestapps.codecs.uniqueness import are_unique, repeated
from customer_ingestapps.codecs.vints import unsigned_vint
from customer_ingestapps.json_values import JsonFault, read_json
from customer_ingestapps.reasons import Reason

_NULL = (-1).to_bytes(4, "big", signed=True)

Elements = Sequence[object] | None  # of one value; None: it is no such value


class NestedCodec(BinaryCodec):
    """One whose texts are JSON."""

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the bytes."""
        distinct = text.unique().drop_nulls().to_list()
        known = dict(zip(distinct, self.cells(list(map(_read, distinct))), strict=True))
        return pl.Series([known.get(value) for value in text], dtype=pl.Binary)

    def refusal(self, text: str) -> Refusal:
        """Name the innermost value that does not fit."""
        try:
            return self.fault(read_json(text))
        except JsonFault as fault:
            reason = fault.reason if fault.reason is not Reason.BAD_JSON else Reason.BAD_VALUE
            return Refusal(reason, f"{shown(text)} is not {self.allowed}: {fault.message}")

    @abstractmethod
    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give the bytes of values of JSON."""

    @abstractmethod
    def fault(self, value: object) -> Refusal:
        """Say what is wrong with a value of JSON."""

    def _wrong(self, value: object) -> Refusal:
        return Refusal(Reason.BAD_VALUE, f"{shown_type(value)} is not {self.allowed}")


@dataclass(frozen=True)
class ListCodec(NestedCodec):
    """frozen list: a JSON array."""

    element: Codec

    @property
    def allowed(self) -> str:
        """An array, of what."""
        return f"a JSON array, each element {self.element.allowed}"

    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give the count of elements, then each with its length."""
        return [self._cell(inner) for inner in grouped(self.element, map(_array, values))]

    def _cell(self, elements: list[Cell] | None) -> Cell:
        whole = _whole(elements)
        return None if whole is None else _counted(whole)

    def fault(self, value: object) -> Refusal:
        """Name the first element that does not fit."""
        elements = _array(value)
        if elements is None:
            return self._wrong(value)
        return _first_fault([self.element] * len(elements), elements, "element") or self._wrong(value)


@dataclass(frozen=True)
class SetCodec(ListCodec):
    """set: a JSON array without equal elements."""

    def _cell(self, elements: list[Cell] | None) -> Cell:
        whole = _whole(elements)
        if whole is None or not are_unique(self.element, whole):
            return None
        return _counted(sorted(whole))  # so that equal sets have equal bytes; the server orders them anew

    def fault(self, value: object) -> Refusal:
        """Name the first element that does not fit, or say that two are equal."""
        whole = _whole(self.element.cells(_array(value) or [None]))
        return repeated(whole, "elements") if whole else super().fault(value)


@dataclass(frozen=True)
class MapCodec(NestedCodec):
    """map: a JSON object; keys that are no texts stand in quotes."""

    key: Codec
    value: Codec

    @property
    def allowed(self) -> str:
        """An object, of what."""
        return f"a JSON object, each key {self.key.allowed}, each value {self.value.allowed}"

    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give the count of pairs, then key and value of each with their lengths."""
        objects = [value if isinstance(value, dict) else None for value in values]
        keys = grouped(self.key, (None if found is None else list(found) for found in objects), is_text=True)
        inner = grouped(self.value, (None if found is None else list(found.values()) for found in objects))
        return [self._cell(*both) for both in zip(keys, inner, strict=True)]

    def _cell(self, keys: list[Cell] | None, values: list[Cell] | None) -> Cell:
        whole_keys, whole_values = _whole(keys), _whole(values)
        if whole_keys is None or whole_values is None or not are_unique(self.key, whole_keys):
            return None
        pairs = sorted(zip(whole_keys, whole_values, strict=True))
        return len(pairs).to_bytes(4, "big") + b"".join(map(_sized, chain.from_iterable(pairs)))

    def fault(self, value: object) -> Refusal:
        """Name the first key or value that does not fit, or say that two keys are equal."""
        if not isinstance(value, dict):
            return self._wrong(value)
        keys = _text_cells(self.key, list(value))
        for key, cell in zip(value, keys, strict=True):
            if cell is None:
                inner = self.key.refusal(key)
                return Refusal(inner.reason, f"key {shown(key)}: {inner.message}")
        found = _first_fault([self.value] * len(value), list(value.values()), "value")
        return found or repeated([key for key in keys if key is not None], "keys")


@dataclass(frozen=True)
class TupleCodec(NestedCodec):
    """tuple: a JSON array with one element for each part; null is none."""

    parts: tuple[Codec, ...]

    @property
    def allowed(self) -> str:
        """An array of a fixed length."""
        return f"a JSON array of {len(self.parts)} elements"

    def elements(self, value: object) -> Elements:
        """Give the parts' values."""
        return value if isinstance(value, list) and len(value) == len(self.parts) else None

    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give each part with its length, -1 for none."""
        rows = list(map(self.elements, values))
        columns = [
            part.cells([row[position] if row else None for row in rows])
            for position, part in enumerate(self.parts)
        ]
        return [
            None if row is None else _parts(row, [column[number] for column in columns])
            for number, row in enumerate(rows)
        ]

    def fault(self, value: object) -> Refusal:
        """Name the first part that does not fit."""
        elements = self.elements(value)
        found = None if elements is None else _first_fault(self.parts, elements, "element", takes_null=True)
        return found or self._wrong(value)


@dataclass(frozen=True)
class UserTypeCodec(TupleCodec):
    """A user-defined type: a JSON object; a field that is left out has no value."""

    fields: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """An object with some of the fields."""
        return f"a JSON object with the keys {', '.join(self.fields)}"

    def elements(self, value: object) -> Elements:
        """Give the fields' values in order."""
        if not isinstance(value, dict) or value.keys() - set(self.fields):
            return None
        return [value.get(field) for field in self.fields]


@dataclass(frozen=True)
class VectorCodec(NestedCodec):
    """vector: a JSON array of a fixed length."""

    element: Codec
    dimension: int

    @property
    def width(self) -> int | None:  # type: ignore[override] # of the elements' own
        """Bytes inside another vector."""
        return self.element.width and self.element.width * self.dimension

    @property
    def allowed(self) -> str:
        """An array of a fixed length, of what."""
        return f"a JSON array of {self.dimension} elements, each {self.element.allowed}"

    def cells(self, values: Sequence[object]) -> list[Cell]:
        """Give the elements; each with its length unless all have the same."""
        arrays = map(_array, values)
        fitting = [array if array and len(array) == self.dimension else None for array in arrays]
        return [self._cell(elements) for elements in grouped(self.element, fitting)]

    def _cell(self, elements: list[Cell] | None) -> Cell:
        whole = _whole(elements)
        if whole is None:
            return None
        if self.element.width:
            return b"".join(whole)
        return b"".join(unsigned_vint(len(cell)) + cell for cell in whole)

    def fault(self, value: object) -> Refusal:
        """Name the first element that does not fit, or the number of elements."""
        array = _array(value)
        if array is None:
            return self._wrong(value)
        if len(array) != self.dimension:
            message = f"{len(array)} elements, the vector has {self.dimension} dimensions"
            return Refusal(Reason.WRONG_DIMENSION, message)
        return _first_fault([self.element] * len(array), array, "element") or self._wrong(value)


def grouped(codec: Codec, rows: Iterable[Elements], *, is_text: bool = False) -> list[list[Cell] | None]:
    """Give the cells of all elements, again by row."""
    rows = list(rows)
    flat = [element for row in rows if row for element in row]
    cells = iter(_text_cells(codec, flat) if is_text else codec.cells(flat))
    return [None if row is None else [next(cells) for _ in row] for row in rows]


def _text_cells(codec: Codec, texts: Sequence[object]) -> list[Cell]:
    return codec.encode(codec.parse(pl.Series(texts, dtype=pl.String)))


def _read(text: str) -> object:
    try:
        return read_json(text)
    except JsonFault:
        return None


def _array(value: object) -> Elements:
    return value if isinstance(value, list) else None


def _whole(cells: Sequence[Cell] | None) -> list[bytes] | None:
    """Give the cells if each has a value."""
    if cells is None:
        return None
    found = [cell for cell in cells if cell is not None]
    return found if len(found) == len(cells) else None


def _sized(cell: bytes) -> bytes:
    return len(cell).to_bytes(4, "big") + cell


def _counted(cells: Sequence[bytes]) -> bytes:
    return len(cells).to_bytes(4, "big") + b"".join(map(_sized, cells))


def _parts(values: Sequence[object], cells: Sequence[Cell]) -> Cell:
    pairs = list(zip(values, cells, strict=True))
    if any(cell is None and value is not None for value, cell in pairs):
        return None
    return b"".join(_NULL if cell is None else _sized(cell) for _, cell in pairs)


def _first_fault(
    codecs: Sequence[Codec], values: Sequence[object], what: str, *, takes_null: bool = False
) -> Refusal | None:
    for number, (codec, value) in enumerate(zip(codecs, values, strict=True), start=1):
        if value is None and takes_null:
            continue
        if codec.cells([value]) == [None]:
            inner = codec.fault(value)
            return Refusal(inner.reason, f"{what} {number}: {inner.message}")
    return None
