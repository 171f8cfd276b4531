"""Arrow's columns as text, exactly: what a Parquet file holds, written as a strict CSV or JSON would have it.

Every value keeps its digits: a float the shortest text that gives it back, a decimal its places, a time its
fraction and, if it has a zone, a Z. Lists, maps and structs become JSON.
"""

import json
from collections.abc import Callable, Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from customer_ingestapps.columns import INTEGERS
from customer_ingestapps.cql_types import CqlType

_NUMBERS = (*INTEGERS, "varint", "float", "double", "decimal")
_TEXTS = ("text", "ascii")
_UUIDS = ("uuid", "timeuuid")
_UUID_BYTES = 16
_TEXT = CqlType("text")


def is_text(found: pa.DataType) -> bool:
    """Ask whether values of an Arrow type are texts as they are."""
    return any((types.is_string(found), types.is_large_string(found), types.is_string_view(found)))


def _is_array(found: pa.DataType) -> bool:
    return any((types.is_list(found), types.is_large_list(found), types.is_fixed_size_list(found)))


def _is_bytes(found: pa.DataType) -> bool:
    return any((types.is_binary(found), types.is_large_binary(found), types.is_fixed_size_binary(found)))


_FITTING: Sequence[tuple[Callable[[pa.DataType], bool], Sequence[str]]] = (
    (types.is_integer, (*_NUMBERS, *_TEXTS, "timestamp")),
    (types.is_floating, ("float", "double")),
    (types.is_decimal, (*_NUMBERS, *_TEXTS)),
    (types.is_boolean, ("boolean", *_TEXTS)),
    (types.is_date, ("date", *_TEXTS)),
    (types.is_time, ("time", *_TEXTS)),
    (types.is_timestamp, ("timestamp",)),
    (_is_bytes, ("blob",)),
    (lambda found: types.is_fixed_size_binary(found) and found.byte_width == _UUID_BYTES, _UUIDS),
)


def fits(found: pa.DataType, wanted: CqlType) -> bool:
    """Ask whether values of an Arrow type can be values of a CQL type; each is looked at later."""
    found = _plain_type(found)
    if types.is_null(found) or is_text(found):
        return True
    if not types.is_nested(found):
        return any(is_kind(found) and wanted.name in names for is_kind, names in _FITTING)
    if types.is_map(found):
        inner = (found.key_type, found.item_type)
        return wanted.name == "map" and all(map(fits, inner, wanted.arguments))
    if types.is_struct(found):
        known = dict(zip(wanted.fields, wanted.arguments, strict=False))
        return all(field.name in known and fits(field.type, known[field.name]) for field in found)
    is_wanted = wanted.name in {"list", "set", "vector"}
    return _is_array(found) and is_wanted and fits(found.value_type, wanted.arguments[0])


def texts_of(array: pa.Array, wanted: CqlType = _TEXT) -> pa.Array:
    """Give a column as text."""
    array = _plain(array)
    found = array.type
    if types.is_nested(found):
        return pa.array(_jsons(array, wanted), pa.string())
    if _is_bytes(found):
        return _hexadecimal(array, wanted)
    if types.is_floating(found):
        array = array.cast(pa.float64() if wanted.name == "double" else _at_least_single(found))
    elif types.is_date64(found):
        array = array.cast(pa.date32())
    elif types.is_timestamp(found) and found.tz is not None:
        array = array.cast(pa.timestamp(found.unit, "UTC"))
    return array.cast(pa.string())


def _plain_type(found: pa.DataType) -> pa.DataType:
    if isinstance(found, pa.BaseExtensionType):
        return _plain_type(found.storage_type)
    return _plain_type(found.value_type) if types.is_dictionary(found) else found


def _plain(array: pa.Array) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    return _plain(array.dictionary_decode()) if types.is_dictionary(array.type) else array


def _at_least_single(found: pa.DataType) -> pa.DataType:
    return pa.float32() if types.is_float16(found) else found


def _hexadecimal(array: pa.Array, wanted: CqlType) -> pa.Array:
    digits = pl.Series(array.cast(pa.large_binary())).bin.encode("hex")
    if wanted.name not in _UUIDS:
        return ("0x" + digits).to_arrow()
    groups = [digits.str.slice(start, size) for start, size in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(groups, separator="-")).to_series().to_arrow()


def _jsons(array: pa.Array, wanted: CqlType) -> list[str | None]:
    """Give every value as JSON; single values stand in quotes, as they are texts to the codecs."""
    array = _plain(array)
    if types.is_map(array.type):
        return _maps(array, *(wanted.arguments or (_TEXT, _TEXT)))
    if types.is_struct(array.type):
        return _structs(array, dict(zip(wanted.fields, wanted.arguments, strict=False)))
    if _is_array(array.type):
        return _lists(array, wanted.arguments[0] if wanted.arguments else _TEXT)
    texts = texts_of(array, wanted).to_pylist()
    return [None if text is None else json.dumps(text, ensure_ascii=False) for text in texts]


def _lists(array: pa.Array, wanted: CqlType) -> list[str | None]:
    inner = iter(_jsons(array.flatten(), wanted))
    sizes = pc.list_value_length(array).to_pylist()
    return [None if size is None else f"[{_joined(next(inner) for _ in range(size))}]" for size in sizes]


def _joined(parts: Iterator[str | None]) -> str:
    return ",".join(part or "null" for part in parts)


def _maps(array: pa.Array, key: CqlType, value: CqlType) -> list[str | None]:
    """Keep a key that stands twice: whoever reads the JSON refuses it."""
    keys, values = _jsons(array.keys, key), _jsons(array.items, value)
    pairs = [f"{name}:{inner or 'null'}" for name, inner in zip(keys, values, strict=True)]
    offsets, has_value = array.offsets.to_pylist(), array.is_valid().to_pylist()
    bounds = zip(offsets[:-1], offsets[1:], has_value, strict=True)
    return [f"{{{','.join(pairs[start:end])}}}" if valid else None for start, end, valid in bounds]


def _structs(array: pa.Array, wanted: dict[str, CqlType]) -> list[str | None]:
    names = [field.name for field in array.type]
    columns = [
        _jsons(pc.struct_field(array, [place]), wanted.get(name, _TEXT)) for place, name in enumerate(names)
    ]
    labels = [json.dumps(name, ensure_ascii=False) for name in names]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
    jsons = [_object(labels, row) for row in rows]
    return [
        found if valid else None for found, valid in zip(jsons, array.is_valid().to_pylist(), strict=True)
    ]


def _object(labels: Sequence[str], parts: Sequence[str | None]) -> str:
    pairs = (f"{label}:{part or 'null'}" for label, part in zip(labels, parts, strict=True))
    return f"{{{','.join(pairs)}}}"
