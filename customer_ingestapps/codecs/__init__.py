"""Codecs: one per CQL type, from a column of text to typed values and from those to native-protocol cells."""

from collections.abc import Mapping
from types import MappingProxyType

from customer_ingestapps.codecs.codec import Codec
from customer_ingestapps.codecs.numbers import FloatCodec, IntegerCodec
from customer_ingestapps.codecs.texts import AsciiCodec, BooleanCodec, TextCodec
from customer_ingestapps.codecs.times import DateCodec, TimestampCodec
from customer_ingestapps.contract import CqlType

CODECS: Mapping[CqlType, Codec] = MappingProxyType(
    {
        "text": TextCodec(),
        "ascii": AsciiCodec(),
        "tinyint": IntegerCodec(1),
        "smallint": IntegerCodec(2),
        "int": IntegerCodec(4),
        "bigint": IntegerCodec(8),
        "float": FloatCodec(4),
        "double": FloatCodec(8),
        "boolean": BooleanCodec(),
        "date": DateCodec(),
        "timestamp": TimestampCodec(),
    }
)

__all__ = ["CODECS", "Codec"]
