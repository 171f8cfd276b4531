"""JSON by Python's own parser, made strict: numbers keep their digits, no key stands twice, NaN is none."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn


class Digits(str):
    """A number as it is written."""

    __slots__ = ()


class UnsoundError(ValueError):
    """JSON, but no sound value."""


@dataclass(frozen=True)
class Element:
    """One value and the line where it starts; what is unsound has no value."""

    line: int
    value: Any
    is_sound: bool = True


@dataclass
class Elements:
    """The values of a file, and whether it is one to its end."""

    found: list[Element]
    is_whole: bool = True


def value_of(text: str) -> Any:
    """Read one sound value, or raise ValueError."""
    found = json.loads(
        text, parse_int=Digits, parse_float=Digits, parse_constant=_refuse, object_pairs_hook=_unique
    )
    compact(found).encode()  # half a surrogate pair cannot be encoded
    return found


def _refuse(word: str) -> NoReturn:
    raise UnsoundError(word)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise UnsoundError("a key stands twice")
    return dict(pairs)


def compact(value: Any) -> str:
    """Write a value in as few characters as possible, numbers by their digits."""
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(key)}:{compact(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def lines_of(text: str) -> Elements:
    """Read JSON lines; a bad line is unsound, never the end."""
    numbered = enumerate(text.split("\n"), start=1)
    return Elements([_element(line, row) for line, row in numbered if row.strip(" \t\r")])


def _element(line: int, text: str) -> Element:
    try:
        return Element(line, value_of(text.strip(" \t\r")))
    except ValueError:
        return Element(line, None, is_sound=False)


def array_of(text: str) -> Elements:
    """Read an array as far as it is JSON."""
    found: list[Element] = []
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        return Elements(found, is_whole=False)
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "]":
        return Elements(found, _after_space(text, at + 1) == len(text))
    while True:
        try:
            end = json.JSONDecoder().raw_decode(text, at)[1]
        except ValueError:
            return Elements(found, is_whole=False)
        found.append(_element(text.count("\n", 0, at) + 1, text[at:end]))
        at = _after_space(text, end)
        if text[at : at + 1] != ",":
            is_end = text[at : at + 1] == "]" and _after_space(text, at + 1) == len(text)
            return Elements(found, is_end)
        at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1] in {" ", "\t", "\r", "\n"}:
        at += 1
    return at
