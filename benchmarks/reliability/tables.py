"""The table that every generated file is for: a column of each CQL type, and sound rows as strict text."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Kind:
    """A CQL type as a tree."""

    name: str
    arguments: tuple["Kind", ...] = ()
    fields: tuple[str, ...] = ()
    dimension: int = 0


COLUMNS: Mapping[str, Kind] = {
    "id": Kind("int"),
    "name": Kind("text"),
    "note": Kind("text"),
    "code": Kind("ascii"),
    "tiny": Kind("tinyint"),
    "small": Kind("smallint"),
    "big": Kind("bigint"),
    "huge": Kind("varint"),
    "ratio": Kind("float"),
    "exact": Kind("double"),
    "price": Kind("decimal"),
    "is_new": Kind("boolean"),
    "day": Kind("date"),
    "clock": Kind("time"),
    "moment": Kind("timestamp"),
    "span": Kind("duration"),
    "token": Kind("uuid"),
    "made": Kind("timeuuid"),
    "host": Kind("inet"),
    "raw": Kind("blob"),
    "tags": Kind("set", (Kind("text"),)),
    "sizes": Kind("map", (Kind("text"), Kind("int"))),
    "sums": Kind("list", (Kind("decimal"),)),
    "pair": Kind("tuple", (Kind("int"), Kind("text"))),
    "home": Kind("address", (Kind("text"), Kind("int")), ("street", "number")),
    "weights": Kind("vector", (Kind("float"),), dimension=3),
}
KEY = ("id", "name")
NULLED = "note"
"""The column in which no value deletes what an earlier row wrote."""

_WRITTEN = {
    "tags": "set<text>",
    "sizes": "map<text, int>",
    "sums": "frozen<list<decimal>>",
    "pair": "tuple<int, text>",
    "home": "frozen<address>",
    "weights": "vector<float, 3>",
}
NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "varint", "float", "double", "decimal"})

Cells = dict[str, str | None]


def contract(files: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Give an app's declaration; `columns` has what is declared beside the types."""
    types = {name: {"type": _WRITTEN.get(name, kind.name)} for name, kind in COLUMNS.items()}
    types[NULLED]["empty"] = "null"
    return {
        "files": {"keys": ["**"], **files},
        "table": {"name": "t", "partition_key": KEY[:1], "clustering_key": KEY[1:]},
        "columns": {name: declared | columns.get(name, {}) for name, declared in types.items()},
        "types": {"address": {"street": "text", "number": "int"}},
    }


def sound_rows(rng: random.Random, letters: str) -> list[Cells]:
    """Give some rows; a few share their key, and some values are missing."""
    rows = [{name: _value(rng, name, letters) for name in COLUMNS} for _ in range(rng.randint(2, 25))]
    for row in rows:
        if rng.random() < 0.1:
            row |= {name: rng.choice(rows)[name] for name in KEY}
    return rows


def _value(rng: random.Random, name: str, letters: str) -> str | None:
    if name not in KEY and rng.random() < 0.12:
        return None
    return _MAKERS[name](rng, letters)


def _words(rng: random.Random, letters: str) -> str:
    return "".join(rng.choice(letters) for _ in range(rng.randint(0, 12)))


def _whole(size_bytes: int) -> Callable[[random.Random, str], str]:
    def make(rng: random.Random, _: str) -> str:
        limit = 2 ** (8 * size_bytes - 1)
        return str(rng.choice((rng.randint(-limit, limit - 1), rng.randint(-9, 9), limit - 1, -limit)))

    return make


def _huge(rng: random.Random, _: str) -> str:
    return str(rng.randint(-(10 ** rng.choice((3, 18, 19, 35))), 10**30))


def _ratio(rng: random.Random, _: str) -> str:
    return rng.choice((f"{rng.uniform(-1e4, 1e4):.3f}", f"{rng.uniform(-9, 9):.6e}", "0.1", "-0.0"))


def _exact(rng: random.Random, _: str) -> str:
    return rng.choice((repr(rng.uniform(-1e9, 1e9)), repr(rng.random() * 1e-200), "1e300", "16777217"))


def _price(rng: random.Random, _: str) -> str:
    return str(Decimal(rng.randint(-(10**9), 10**9)).scaleb(-rng.randint(0, 4)))


def _day(rng: random.Random, _: str) -> str:
    return str(date.fromordinal(rng.choice((rng.randint(1, 3_652_059), rng.randint(710_000, 750_000)))))


def _clock(rng: random.Random, _: str) -> str:
    found = time(rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), rng.randint(0, 999_999))
    return found.isoformat(rng.choice(("seconds", "milliseconds", "microseconds")))


def _moment(rng: random.Random, _: str) -> str:
    found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rng.randint(-(10**13), 4 * 10**12))
    offset = rng.choice(("Z", "+02:00", "-09:30"))
    return found.replace(tzinfo=None).isoformat(rng.choice("T "), "milliseconds") + offset


def _span(rng: random.Random, _: str) -> str:
    first, second = rng.randint(0, 99), rng.randint(0, 99)
    return rng.choice((f"{first}d{second}h", f"P{first}DT{second}M", f"-{first}mo{second}ns", f"P{first}W"))


def _token(rng: random.Random, _: str) -> str:
    return str(UUID(int=rng.getrandbits(128)))


def _made(rng: random.Random, _: str) -> str:
    return str(UUID(int=rng.getrandbits(128), version=1))


def _host(rng: random.Random, _: str) -> str:
    return str(rng.choice((IPv4Address(rng.getrandbits(32)), IPv6Address(rng.getrandbits(128)))))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_MAKERS: Mapping[str, Callable[[random.Random, str], str]] = {
    "id": lambda rng, _: str(rng.randint(-50, 50)),
    "name": _words,
    "note": _words,
    "code": lambda rng, _: _words(rng, "abcXYZ 0189-+_;,'\"="),
    "tiny": _whole(1),
    "small": _whole(2),
    "big": _whole(8),
    "huge": _huge,
    "ratio": _ratio,
    "exact": _exact,
    "price": _price,
    "is_new": lambda rng, _: rng.choice(("true", "false")),
    "day": _day,
    "clock": _clock,
    "moment": _moment,
    "span": _span,
    "token": _token,
    "made": _made,
    "host": _host,
    "raw": lambda rng, _: f"0x{rng.randbytes(rng.randint(0, 9)).hex()}",
    "tags": lambda rng, letters: _json(sorted({_words(rng, letters) for _ in range(rng.randint(0, 3))})),
    "sizes": lambda rng, letters: _json({_words(rng, letters): rng.randint(-9, 9) for _ in range(2)}),
    "sums": lambda rng, letters: f"[{', '.join(_price(rng, letters) for _ in range(rng.randint(0, 3)))}]",
    "pair": lambda rng, letters: _json([rng.randint(0, 9), rng.choice((None, _words(rng, letters)))]),
    "home": lambda rng, letters: _json({"street": _words(rng, letters), "number": rng.randint(0, 99)}),
    "weights": lambda rng, _: _json([round(rng.uniform(-1, 1), 3) for _ in range(3)]),
}
