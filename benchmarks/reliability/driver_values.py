"""Cells as the Cassandra driver reads them back, in the plain form of the references."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from cassandra import cqltypes

from benchmarks.reliability.slow_values import plain_decimal, plain_float

PROTOCOL = 5
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the driver's are naive, in UTC


class Shape(Protocol):
    """A CQL type as a tree."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def arguments(self) -> Sequence["Shape"]:
        """The types in it."""

    @property
    def fields(self) -> Sequence[str]:
        """Of a user-defined type."""

    @property
    def dimension(self) -> int:
        """Of a vector."""


class ExactTimestamp(cqltypes.DateType):  # type: ignore[misc] # the driver has no types
    """A timestamp to the millisecond: the driver's own way is by a float, a microsecond off in far years."""

    typename = "timestamp"

    @staticmethod
    def deserialize(byts: bytes, protocol_version: int) -> datetime:
        """Give the time."""
        del protocol_version
        return EPOCH + timedelta(milliseconds=int.from_bytes(byts, "big", signed=True))


def driver_type(cql: Shape) -> Any:
    """Return the driver's class for a type."""
    inner = [driver_type(argument) for argument in cql.arguments]
    if cql.fields:
        return cqltypes.UserType.make_udt_class("acme", cql.name, cql.fields, inner)
    if cql.name == "vector":
        return cqltypes.VectorType.apply_parameters([inner[0], cql.dimension], None)
    if not inner:
        return ExactTimestamp if cql.name == "timestamp" else cqltypes._cqltypes[cql.name]  # noqa: SLF001 - its only list
    composite = {
        "list": cqltypes.ListType,
        "set": cqltypes.SetType,
        "map": cqltypes.MapType,
        "tuple": cqltypes.TupleType,
    }
    return composite[cql.name].apply_parameters(inner)


def plain(kind: Shape, value: Any) -> Any:
    """Give a value of the driver in plain form."""
    if value is None:
        return None
    if kind.name in {"list", "vector"}:
        return tuple(plain(kind.arguments[0], element) for element in value)
    if kind.name == "set":
        return frozenset(plain(kind.arguments[0], element) for element in value)
    if kind.name == "map":
        key, inner = kind.arguments
        return frozenset((plain(key, name), plain(inner, found)) for name, found in value.items())
    if kind.arguments:
        return tuple(plain(*part) for part in zip(kind.arguments, value, strict=True))
    return _SCALARS[kind.name](value) if kind.name in _SCALARS else value


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "float": plain_float,
    "double": plain_float,
    "decimal": plain_decimal,
    "date": lambda found: found.days_from_epoch,
    "time": lambda found: found.nanosecond_time,
    "timestamp": lambda found: (found - EPOCH) // timedelta(milliseconds=1),
    "duration": lambda found: (found.months, found.days, found.nanoseconds),
    "uuid": lambda found: found.int,
    "timeuuid": lambda found: found.int,
    "inet": lambda found: ipaddress.ip_address(found).packed,
}
