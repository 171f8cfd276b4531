"""Encoded cells as a reader of the table would see them, fit for JSON."""

import json
import struct
from decimal import Decimal

import pytest
from cassandra import cqltypes

from customer_ingestapps.cql_types import parse_type
from ingest_manager.cassandra.stored_values import reader_of

DAY_ZERO = 2**31


@pytest.mark.parametrize(
    ("cql_type", "cell", "value"),
    [
        ("text", "café".encode(), "café"),
        ("text", b"", ""),
        ("int", struct.pack(">i", -5), -5),
        ("bigint", struct.pack(">q", 2**53), 2**53),
        ("bigint", struct.pack(">q", 2**53 + 1), "9007199254740993"),
        ("varint", (2**80).to_bytes(11, "big"), "1208925819614629174706176"),
        ("decimal", struct.pack(">i", 2) + b"\x0a", "0.10"),
        ("double", struct.pack(">d", -0.0), -0.0),
        ("double", struct.pack(">d", float("inf")), "inf"),
        ("boolean", b"\1", True),
        ("timestamp", struct.pack(">q", 1_710_072_000_000), "2024-03-10T12:00:00Z"),
        ("timestamp", struct.pack(">q", 1_710_072_000_123), "2024-03-10T12:00:00.123Z"),
        ("date", struct.pack(">I", DAY_ZERO - 719_162), "0001-01-01"),
        ("blob", b"\0\xff", "0x00ff"),
        ("inet", bytes((10, 0, 0, 1)), "10.0.0.1"),
        ("uuid", bytes(15) + b"\1", "00000000-0000-0000-0000-000000000001"),
        ("duration", bytes.fromhex("1b0507"), "-14mo3d4ns"),
    ],
)
def test_value_is_exact(cql_type: str, cell: bytes, value: object) -> None:
    assert repr(reader_of(parse_type(cql_type))(cell)) == repr(value)


@pytest.mark.parametrize(
    ("cql_type", "kind", "value", "shown"),
    [
        (
            "map<text, frozen<list<bigint>>>",
            cqltypes.MapType.apply_parameters(
                [cqltypes.UTF8Type, cqltypes.ListType.apply_parameters([cqltypes.LongType])]
            ),
            {"a": [1, 2**60]},
            {"a": [1, "1152921504606846976"]},
        ),
        (
            "frozen<tuple<int, decimal>>",
            cqltypes.TupleType.apply_parameters([cqltypes.Int32Type, cqltypes.DecimalType]),
            (1, Decimal("0.10")),
            [1, "0.10"],
        ),
        ("set<text>", cqltypes.SetType.apply_parameters([cqltypes.UTF8Type]), {"b", "a"}, ["a", "b"]),
        (
            "vector<float, 2>",
            cqltypes.VectorType.apply_parameters([cqltypes.FloatType, 2], None),
            [1.5, 2.0],
            [1.5, 2.0],
        ),
    ],
)
def test_parts_of_a_collection_are_exact_too(cql_type: str, kind: type, value: object, shown: object) -> None:
    found = reader_of(parse_type(cql_type))(kind.to_binary(value, 5))
    assert found == shown
    json.dumps(found)
