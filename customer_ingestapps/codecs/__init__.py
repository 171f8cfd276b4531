"""Codecs: one per CQL type, from a column of text to typed values and from those to native-protocol cells."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from customer_ingestapps.codecs.codec import Codec, Refusal
from customer_ingestapps.codecs.durations import DurationCodec
from customer_ingestapps.codecs.exact_numbers import DecimalCodec, VarintCodec
from customer_ingestapps.codecs.identifiers import BlobCodec, InetCodec, UuidCodec
from customer_ingestapps.codecs.marks import Marks
from customer_ingestapps.codecs.nested import (
    ListCodec,
    MapCodec,
    SetCodec,
    TupleCodec,
    UserTypeCodec,
    VectorCodec,
)
from customer_ingestapps.codecs.numbers import FloatCodec, IntegerCodec
from customer_ingestapps.codecs.texts import AsciiCodec, BooleanCodec, TextCodec
from customer_ingestapps.codecs.times import DateCodec, EpochCodec, TimeCodec, TimestampCodec
from customer_ingestapps.codecs.zones import Zone
from customer_ingestapps.columns import Column
from customer_ingestapps.contract import AppContract
from customer_ingestapps.cql_types import CqlType

_INTEGER_BYTES = {"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}
_FLOAT_BYTES = {"float": 4, "double": 8}


def codecs_of(contract: AppContract) -> Mapping[str, Codec]:
    """Give the codec of every column of a table, as declared."""
    types = contract.cql_types
    return {name: codec_of(types[name], column) for name, column in contract.columns.items()}


def codec_of(cql: CqlType, column: Column) -> Codec:
    """Give the codec of a type; what a column declares counts for its values, not for those inside them."""
    if cql.arguments:
        return _nested(cql)
    return _SCALARS[cql.name](cql.name, column)


def _nested(cql: CqlType) -> Codec:
    inner = tuple(codec_of(argument, Column(type=argument.name)) for argument in cql.arguments)
    if cql.fields:
        return UserTypeCodec(inner, cql.fields)
    if cql.name == "vector":
        return VectorCodec(inner[0], cql.dimension)
    if cql.name == "tuple":
        return TupleCodec(inner)
    if cql.name == "map":
        return MapCodec(*inner)
    return SetCodec(*inner) if cql.name == "set" else ListCodec(*inner)


def _integer(name: str, column: Column) -> Codec:
    clamps = column.overflow == "clamp"
    return IntegerCodec(_INTEGER_BYTES[name], _marks(column), column.round, clamps)


def _float(name: str, column: Column) -> Codec:
    return FloatCodec(_FLOAT_BYTES[name], _marks(column), column.not_finite == "allow")


def _marks(column: Column) -> Marks:
    return Marks(column.decimal_mark, column.thousands_mark)


def _boolean(_: str, column: Column) -> Codec:
    return BooleanCodec(column.true_words, column.false_words) if column.true_words else BooleanCodec()


def _timestamp(_: str, column: Column) -> Codec:
    if column.epoch:
        return EpochCodec(column.epoch)
    zone = Zone(column.zone, column.ambiguous, column.nonexistent) if column.zone else None
    return TimestampCodec(column.formats, zone)


_SCALARS: Mapping[str, Callable[[str, Column], Codec]] = MappingProxyType(
    {
        "text": lambda *_: TextCodec(),
        "ascii": lambda *_: AsciiCodec(),
        **dict.fromkeys(_INTEGER_BYTES, _integer),
        **dict.fromkeys(_FLOAT_BYTES, _float),
        "varint": lambda _, column: VarintCodec(_marks(column), column.round),
        "decimal": lambda _, column: DecimalCodec(_marks(column), column.places, column.round),
        "boolean": _boolean,
        "date": lambda _, column: DateCodec(column.formats),
        "time": lambda _, column: TimeCodec(column.formats),
        "timestamp": _timestamp,
        "duration": lambda *_: DurationCodec(),
        "uuid": lambda *_: UuidCodec(),
        "timeuuid": lambda *_: UuidCodec(is_time=True),
        "inet": lambda *_: InetCodec(),
        "blob": lambda _, column: BlobCodec(column.binary == "base64"),
    }
)

__all__ = ["Codec", "Refusal", "codec_of", "codecs_of"]
