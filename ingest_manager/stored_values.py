"""What a reader of the table would see: encoded cells through the driver's own deserializers, fit for JSON.

For `check`, which stores nothing. Beside `cassandra_session` it alone imports the driver, and never connects.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any

from cassandra import ProtocolVersion, cqltypes

_NAMED = {kind.typename: kind for kind in vars(cqltypes).values() if hasattr(kind, "typename")}
_NAMED["vector"] = cqltypes.VectorType  # the driver names it as Java does
_EXACT_INTEGERS = 2**53  # beyond it a JSON number is not the same to every reader


@lru_cache
def reader_of(cql_type: str) -> Callable[[bytes], Any]:
    """Give what turns a cell of this type into a value for JSON.

    >>> reader_of("frozen<list<int>>")(bytes.fromhex("00000001 00000004 00000007"))
    [7]
    >>> reader_of("bigint")(bytes.fromhex("7fffffffffffffff"))
    '9223372036854775807'
    """
    [kind] = _kinds(cqltypes.cqltype_to_python(cql_type))
    return lambda cell: _plain(kind.from_binary(cell, ProtocolVersion.V5))


def _kinds(parts: Sequence[Any]) -> list[Any]:
    """Build the types of a parsed list of names, such as ['list', ['int']]; of an unknown one, the bytes."""
    kinds: list[Any] = []
    for part in parts:
        if isinstance(part, list):  # the parameters of the name before
            kinds.append(_with_parameters(kinds.pop(), _kinds(part)))
        else:
            kinds.append(int(part) if part.isdecimal() else _NAMED.get(part, cqltypes.BytesType))
    return kinds


def _with_parameters(kind: Any, parameters: list[Any]) -> Any:
    if kind is cqltypes.VectorType:
        return kind.apply_parameters(parameters, None)
    return parameters[0] if kind is cqltypes.FrozenType else kind.apply_parameters(parameters)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_INTEGERS else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return _plain_other(value)


def _plain_other(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if isinstance(value, str | Decimal) or not hasattr(value, "__iter__"):
        return str(value)
    return [_plain(item) for item in value]
