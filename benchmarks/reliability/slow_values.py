"""What a text means in a column of a CQL type: one value after the other, by Python's own types.

Values are in a plain form in which equal ones are equal and others are not: decimals with their places,
floats with their bits, times as counts. A text that is no value raises ValueError.
"""

import ipaddress
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from benchmarks.reliability.slow_json import Digits, value_of
from benchmarks.reliability.tables import Kind

Value = Any
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_DIGITS, MOST_EXPONENT = 4000, 1000
UNIT_NS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
UNITS = ("y", "mo", "w", "d", "h", "m", "s", "ms", "us", "ns")


def parse(kind: Kind, text: str) -> Value:
    """Give the value of a text."""
    return inside(kind, value_of(text)) if kind.arguments else _SCALARS[kind.name](text)


def inside(kind: Kind, value: Any) -> Value:
    """Give the value of what stands in JSON."""
    if kind.arguments:
        return (_user_type if kind.fields else _NESTED[kind.name])(kind, value)
    if isinstance(value, bool):
        return parse(kind, "true" if value else "false")
    return parse(kind, _checked(value, str))


def _checked(value: Any, expected: type) -> Any:
    if not isinstance(value, expected) or (isinstance(value, Digits) and expected is not str):
        raise ValueError(f"not a {expected.__name__}")
    return value


def _matched(pattern: str, text: str) -> re.Match[str]:
    found = re.fullmatch(pattern, text, re.ASCII)
    if not found:
        raise ValueError(f"not {pattern}")
    return found


def _ascii(text: str) -> str:
    text.encode("ascii")
    return text


def _integer(bits: int) -> Callable[[str], int]:
    def parse_integer(text: str) -> int:
        number = int(_matched(r"[+-]?\d+", text).group())
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError("out of range")
        return number

    return parse_integer


def _varint(text: str) -> int:
    _matched(r"[+-]?\d+", text)
    if len(text.lstrip("+-").lstrip("0")) > MOST_DIGITS:
        raise ValueError("too long")
    return int(text)


def _number(text: str) -> Decimal:
    return Decimal(_matched(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text).group())


def _decimal(text: str) -> tuple[int, int]:
    return plain_decimal(_number(text))


def plain_decimal(number: Decimal) -> tuple[int, int]:
    """Give the digits as one whole number, and how many of them stand behind the point."""
    sign, digits, exponent = number.as_tuple()
    if abs(int(exponent)) > MOST_EXPONENT or len(digits) > MOST_DIGITS:
        raise ValueError("out of range")
    return int("".join(map(str, digits))) * (-1 if sign else 1), -int(exponent)


def _double(text: str) -> str:
    return _not_lost(_number(text), plain_float(float(text)))


def _not_lost(exact: Decimal, found: str) -> str:
    """Refuse a number that is too small for its type."""
    if exact and not float.fromhex(found):
        raise ValueError("out of range")
    return found


def plain_float(number: float) -> str:
    """Give every bit of a finite float."""
    if number - number != 0:
        raise ValueError("not finite")
    return number.hex()


def _single(text: str) -> str:
    """Give the single float that is nearest, not the one nearest to the nearest double."""
    exact = _number(text)
    if abs(exact) < Decimal("1e-60") or abs(exact) > Decimal("1e60"):
        return _not_lost(exact, plain_float(_as_single(float(text))))
    near = _as_single(float(text))
    bits: int = struct.unpack(">i", struct.pack(">f", near))[0]
    around = [_of_bits(bits + step) for step in (-1, 0, 1) if (bits + step) & 0x7FFFFFFF < 0x7F800000]
    best = min(around, key=lambda found: (abs(Fraction(found) - Fraction(exact)), _is_odd(found)))
    return _not_lost(exact, plain_float(best))


def _as_single(number: float) -> float:
    try:
        found: float = struct.unpack(">f", struct.pack(">f", number))[0]
    except OverflowError as error:
        raise ValueError("out of range") from error
    return found


def _of_bits(bits: int) -> float:
    found: float = struct.unpack(">f", (bits & 0xFFFFFFFF).to_bytes(4, "big"))[0]
    return found


def _is_odd(number: float) -> int:
    return struct.pack(">f", number)[3] & 1


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()] if text.lower() in {"true", "false"} else _no()


def _no() -> Any:
    raise ValueError("no such word")


def _date(text: str) -> int:
    return (date(*map(int, _matched(r"(\d{4})-(\d\d)-(\d\d)", text).groups())) - EPOCH.date()).days


def _time(text: str) -> int:
    hour, minute, second, fraction = _matched(r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?", text).groups()
    datetime(1, 1, 1, int(hour), int(minute), int(second), tzinfo=UTC)
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    return seconds * 10**9 + int((fraction or "")[:9].ljust(9, "0"))


def _timestamp(text: str) -> int:
    pattern = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|([+-])(\d\d):(\d\d))"
    day, clock, fraction, _, sign, hours, minutes = _matched(pattern, text).groups()
    shown = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    if int(clock[6:]) > 59 or int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise ValueError("no time of day")
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        utc = shown + timedelta(milliseconds=int((fraction or "")[:3].ljust(3, "0"))) - ahead
    except OverflowError as error:
        raise ValueError("beyond the years 1 to 9999") from error
    return (utc - EPOCH) // timedelta(milliseconds=1)


def _duration(text: str) -> tuple[int, int, int]:
    unsigned = text.removeprefix("-")
    counts = _iso_duration(unsigned) if unsigned.startswith("P") else _worded_duration(unsigned)
    parts = {"y": (12, 0, 0), "mo": (1, 0, 0), "w": (0, 7, 0), "d": (0, 1, 0)}
    parts |= {unit: (0, 0, size) for unit, size in UNIT_NS.items()}
    sums = [sum(count * parts[unit][place] for unit, count in counts.items()) for place in range(3)]
    if not counts or sums[0] >= 2**31 or sums[1] >= 2**31 or sums[2] >= 2**63:
        raise ValueError("no duration")
    months, days, nanoseconds = (-total if text.startswith("-") else total for total in sums)
    return months, days, nanoseconds


def _worded_duration(text: str) -> dict[str, int]:
    _matched("([0-9]+[A-Za-z]+)+", text.replace("µ", "u").replace("μ", "u"))
    pairs = [(unit.lower(), int(count)) for count, unit in re.findall("([0-9]+)([^0-9]+)", text)]
    units = [unit.replace("µ", "u").replace("μ", "u") for unit, _ in pairs]
    if any(unit not in UNITS for unit in units) or units != sorted(set(units), key=UNITS.index):
        raise ValueError("no such unit, or not in order")
    return dict(zip(units, (count for _, count in pairs), strict=True))


def _iso_duration(text: str) -> dict[str, int]:
    alternative = re.fullmatch(r"P(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", text, re.ASCII)
    if alternative:
        return dict(zip(("y", "mo", "d", "h", "m", "s"), map(int, alternative.groups()), strict=True))
    days, has_time, clock = text[1:].partition("T")
    if has_time and not clock:
        raise ValueError("nothing behind T")
    found = _letters(days, {"Y": "y", "M": "mo", "W": "w", "D": "d"})
    return found | _letters(clock, {"H": "h", "M": "m", "S": "s"})


def _letters(text: str, units: Mapping[str, str]) -> dict[str, int]:
    _matched(f"([0-9]+[{''.join(units)}])*", text)
    pairs = re.findall("([0-9]+)([A-Z])", text)
    letters = [letter for _, letter in pairs]
    if letters != sorted(set(letters), key=list(units).index):
        raise ValueError("not in order")
    return {units[letter]: int(count) for count, letter in pairs}


def _uuid(text: str) -> int:
    return UUID(_matched("[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", text).group()).int


def _timeuuid(text: str) -> int:
    if UUID(int=_uuid(text)).version != 1:
        raise ValueError("not of version 1")
    return _uuid(text)


def _inet(text: str) -> bytes:
    if "%" in text or "/" in text:
        raise ValueError("with a zone or a mask")
    return ipaddress.ip_address(text).packed


def _blob(text: str) -> bytes:
    return bytes.fromhex(_matched("0x(([0-9a-fA-F]{2})*)", text).group(1))


def _list(kind: Kind, value: Any) -> tuple[Value, ...]:
    return tuple(inside(kind.arguments[0], element) for element in _checked(value, list))


def _set(kind: Kind, value: Any) -> frozenset[Value]:
    found = _list(kind, value)
    if len(set(found)) < len(found):
        raise ValueError("an element stands twice")
    return frozenset(found)


def _map(kind: Kind, value: Any) -> frozenset[tuple[Value, Value]]:
    key, inner = kind.arguments
    pairs = [(parse(key, name), inside(inner, found)) for name, found in _checked(value, dict).items()]
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return frozenset(pairs)


def _tuple(kind: Kind, value: Any) -> tuple[Value, ...]:
    parts = zip(kind.arguments, _checked(value, list), strict=True)
    return tuple(None if part is None else inside(inner, part) for inner, part in parts)


def _user_type(kind: Kind, value: Any) -> tuple[Value, ...]:
    if _checked(value, dict).keys() - set(kind.fields):
        raise ValueError("an unknown field")
    return _tuple(kind, [value.get(name) for name in kind.fields])


def _vector(kind: Kind, value: Any) -> tuple[Value, ...]:
    found = _list(kind, value)
    if len(found) != kind.dimension:
        raise ValueError("another dimension")
    return found


_SCALARS: Mapping[str, Callable[[str], Value]] = {
    "text": str,
    "ascii": _ascii,
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "int": _integer(32),
    "bigint": _integer(64),
    "varint": _varint,
    "float": _single,
    "double": _double,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "duration": _duration,
    "uuid": _uuid,
    "timeuuid": _timeuuid,
    "inet": _inet,
    "blob": _blob,
}
_NESTED = {"list": _list, "set": _set, "map": _map, "tuple": _tuple, "vector": _vector}
