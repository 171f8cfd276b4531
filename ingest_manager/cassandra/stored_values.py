"""What a reader of the table would see: encoded cells through the driver's own deserializers, fit for JSON.

For `check`, which stores nothing. Uses the driver's types, and never connects.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

from cassandra import ProtocolVersion, cqltypes

from customer_ingestapps.cql_types import CqlType

_NAMED = {kind.typename: kind for kind in vars(cqltypes).values() if hasattr(kind, "typename")}
_EXACT_INTEGERS = 2**53  # beyond it a JSON number is not the same to every reader
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive, as the driver's are


class _Timestamp(cqltypes.DateType):  # type: ignore[misc]  # the driver has no types
    """A timestamp to the millisecond: the driver's own way is by a float, a microsecond off in far years."""

    typename = "timestamp"

    @staticmethod
    def deserialize(byts: bytes, _: int) -> datetime:
        return _EPOCH + timedelta(milliseconds=int.from_bytes(byts, "big", signed=True))


@lru_cache
def reader_of(cql: CqlType) -> Callable[[bytes], Any]:
    """Give what turns a cell of this type into a value for JSON.

    >>> from customer_ingestapps.cql_types import parse_type
    >>> reader_of(parse_type("frozen<list<int>>"))(bytes.fromhex("00000001 00000004 00000007"))
    [7]
    >>> reader_of(parse_type("bigint"))(bytes.fromhex("7fffffffffffffff"))
    '9223372036854775807'
    """
    kind = _kind(cql)
    return lambda cell: _plain(kind.from_binary(cell, ProtocolVersion.V5), cql)


def _kind(cql: CqlType) -> Any:
    """Build the driver's class for a type; a user-defined one is a tuple of its fields."""
    inner = [_kind(argument) for argument in cql.arguments]
    if cql.name == "vector":
        return cqltypes.VectorType.apply_parameters([*inner, cql.dimension], None)
    if cql.name == "timestamp":
        return _Timestamp
    kind = _NAMED["tuple" if cql.fields else cql.name]
    return kind.apply_parameters(inner) if inner else kind


def _plain(value: Any, cql: CqlType) -> Any:
    """Write a value as an app takes it in JSON."""
    if value is None or not cql.arguments:
        return _plain_scalar(value)
    if cql.name == "map":
        of_key, of_value = cql.arguments
        return {_key(_plain(key, of_key)): _plain(item, of_value) for key, item in value.items()}
    if cql.name == "tuple" or cql.fields:
        parts = [_plain(item, part) for item, part in zip(value, cql.arguments, strict=True)]
        return dict(zip(cql.fields, parts, strict=True)) if cql.fields else parts
    return [_plain(item, cql.arguments[0]) for item in value]


def _key(shown: Any) -> str:
    """Write a key of a map, which is a text in JSON."""
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_INTEGERS else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
