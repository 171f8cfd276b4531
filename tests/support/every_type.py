"""A table with a column of every CQL type, and a row for it as JSON."""

from typing import Any

TIMED = "123e4567-e89b-12d3-a456-426614174000"
TYPES = {
    "address": {"street": "text", "tags": "frozen<set<text>>"},
    "person": {"name": "text", "home": "frozen<address>"},
}
COLUMNS = {
    "id": "int",
    "when": "decimal",
    "txt": "text",
    "asc": "ascii",
    "tiny": "tinyint",
    "small": "smallint",
    "big": "bigint",
    "var": "varint",
    "flo": "float",
    "dou": "double",
    "dec": "decimal",
    "boo": "boolean",
    "day": "date",
    "tim": "time",
    "sta": "timestamp",
    "dur": "duration",
    "uid": "uuid",
    "tid": "timeuuid",
    "net": "inet",
    "blo": "blob",
    "lis": "frozen<list<int>>",
    "ses": "set<int>",
    "fse": "frozen<set<int>>",
    "map": "map<text, frozen<list<decimal>>>",
    "tup": "tuple<int, text, frozen<set<smallint>>>",
    "who": "frozen<person>",
    "adr": "address",
    "vec": "vector<float, 3>",
    "vet": "vector<text, 2>",
    "ves": "vector<smallint, 2>",
    "vel": "vector<frozen<list<int>>, 2>",
}
VALUES: dict[str, Any] = {
    "id": 1, "when": "1.50", "txt": "数据 🙂", "asc": "a", "tiny": -128, "small": 32767,
    "big": 9007199254740993, "var": -123456789012345678901234567890, "flo": 0.1, "dou": 5e-324,
    "dec": "0.10", "boo": True, "day": "0001-01-01", "tim": "23:59:59.999999999",
    "sta": "2024-03-10T12:00:00.1239Z", "dur": "-1y2mo3d4ns", "uid": TIMED, "tid": TIMED,
    "net": "2001:db8::1", "blo": "0x00ff", "lis": [3, 1, 3], "ses": [3, -1, 2], "fse": [3, -1, 2],
    "map": {"b": ["1.0", "2.50"], "a": []}, "tup": [1, None, [2]],
    "who": {"name": "Ann", "home": {"street": "x", "tags": ["b", "a"]}}, "adr": {"street": "y"},
    "vec": [1, 2.5, -3], "vet": ["a", "x" * 200], "ves": [1, -1], "vel": [[1], []],
}  # fmt: skip
SHOWN: dict[str, Any] = {
    "big": "9007199254740993", "var": "-123456789012345678901234567890", "flo": 0.10000000149011612,
    "sta": "2024-03-10T12:00:00.123Z", "dur": "-14mo3d4ns", "ses": [-1, 2, 3], "fse": [-1, 2, 3],
    "who": {"name": "Ann", "home": {"street": "x", "tags": ["a", "b"]}}, "adr": {"street": "y", "tags": None},
}  # fmt: skip
"""What `check` shows otherwise than it was sent."""
