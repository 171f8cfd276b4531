"""Rows of JSON values as files of every format that an app can take; None is no value."""

import datetime as dt
import io
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
from pyarrow import parquet

from customer_ingestapps.cql_types import CqlType

Rows = Sequence[Mapping[str, Any]]


def as_csv(rows: Rows) -> bytes:
    """Write CSV: texts in quotes, arrays and objects as JSON."""
    lines = [",".join(map(_quoted, rows[0]))]
    lines += [",".join(_field(row[name]) for name in rows[0]) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def as_json_lines(rows: Rows) -> bytes:
    """Write one object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_json_array(rows: Rows) -> bytes:
    """Write one array over many lines, with escapes for all that is not ASCII."""
    return json.dumps(list(rows), indent=1).encode()


def as_parquet(rows: Rows, types: Mapping[str, CqlType]) -> bytes:
    """Write Parquet, in columns of the types that come closest to the table's."""
    columns = {}
    for name, cql in types.items():
        kind, convert = _arrow(cql)
        values = [row.get(name) for row in rows]
        columns[name] = pa.array([None if value is None else convert(value) for value in values], kind)
    output = io.BytesIO()
    parquet.write_table(pa.table(columns), output)
    return output.getvalue()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _field(value: Any) -> str:
    if value is None:
        return ""
    return _quoted(value) if isinstance(value, str) else _quoted(json.dumps(value, ensure_ascii=False))


def _nanoseconds(text: str) -> int:
    hours, minutes, seconds = text.split(":")
    return int((int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)) * 10**9)


_Kind = tuple[pa.DataType, Callable[[Any], Any]]
_SCALARS: Mapping[str, _Kind] = {
    "tinyint": (pa.int8(), int),
    "smallint": (pa.int16(), int),
    "int": (pa.int32(), int),
    "bigint": (pa.int64(), int),
    "float": (pa.float32(), float),
    "double": (pa.float64(), float),
    "boolean": (pa.bool_(), bool),
    "date": (pa.date32(), dt.date.fromisoformat),
    "time": (pa.time64("ns"), _nanoseconds),
    "timestamp": (pa.timestamp("us", "UTC"), dt.datetime.fromisoformat),
    "uuid": (pa.binary(16), lambda text: UUID(text).bytes),
    "blob": (pa.binary(), lambda text: bytes.fromhex(text[2:])),
}


def _arrow(cql: CqlType) -> _Kind:
    """Give the type of a column and what makes its values; without one of its own it is text."""
    inner = [(kind, _optional(convert)) for kind, convert in map(_arrow, cql.arguments)]
    if cql.fields:
        by_name = dict(zip(cql.fields, inner, strict=True))
        kind = pa.struct([(name, of_field) for name, (of_field, _) in by_name.items()])
        return kind, lambda value: {name: by_name[name][1](part) for name, part in value.items()}
    if cql.name == "map":
        (of_key, key), (of_value, make) = inner
        return pa.map_(of_key, of_value), lambda value: [
            (key(name), make(part)) for name, part in value.items()
        ]
    if cql.name in {"list", "set", "vector"}:
        [(element, make)] = inner
        kind = pa.list_(element, cql.dimension) if cql.dimension else pa.list_(element)
        return kind, lambda value: [make(part) for part in value]
    return _SCALARS.get(cql.name) or (pa.string(), _text)


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
