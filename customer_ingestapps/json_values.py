"""JSON, exactly: numbers stay as they are written, a key that stands twice is a fault, NaN is none of JSON's.

What Python's own parser would let pass or change is found here; where a value goes is decided elsewhere.
"""

import json
import re
from collections.abc import Callable

from customer_ingestapps.reasons import Reason

MOST_LEVELS = 32
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonFault(ValueError):  # noqa: N818 - a fault of the data, caught where rows are made
    """A text is not what it should be."""

    def __init__(self, reason: Reason, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.position = position


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class ExactDecoder:
    """Decodes one value; `number` makes what stands for a number out of its digits."""

    def __init__(self, number: Callable[[str], object]) -> None:
        self._fault: JsonFault | None = None
        self._decoder = json.JSONDecoder(
            parse_float=number,
            parse_int=number,
            parse_constant=self._constant,
            object_pairs_hook=self._object,
        )

    def decode_at(self, text: str, start: int) -> tuple[object, int, JsonFault | None]:
        """Give the value that starts there, where it ends, and what is wrong with it although it is JSON.

        Raises:
            JsonFault: it is not JSON from some position on.
        """
        self._fault = None
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError as error:
            raise JsonFault(Reason.TOO_DEEP, _TOO_DEEP, position=start) from error
        except json.JSONDecodeError as error:
            raise JsonFault(Reason.BAD_JSON, f"not JSON: {error.msg}", position=error.pos) from error
        if _SURROGATE.search(text, start, end):
            self._check_characters(value)
        return value, end, self._fault

    def _constant(self, name: str) -> object:
        self._note(JsonFault(Reason.BAD_JSON, f"not JSON: {name} is not a number"))
        return None

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self._note(JsonFault(Reason.DUPLICATE_KEY, f"the key {twice!r} stands twice in one object"))
        return found

    def _check_characters(self, value: object) -> None:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            message = "half of a surrogate pair (\\ud800 to \\udfff) is not a character"
            self._note(JsonFault(Reason.BAD_CHARACTER, message))

    def _note(self, fault: JsonFault) -> None:
        self._fault = self._fault or fault


_TOO_DEEP = f"values are nested deeper than {MOST_LEVELS} levels"


def read_json(text: str) -> object:
    """Read a whole text as one value, numbers as `Number`.

    Raises:
        JsonFault: it is none, or nested too deep.
    """
    start = len(text) - len(text.lstrip(" \t\r\n"))
    value, end, fault = ExactDecoder(Number).decode_at(text, start)
    if text[end:].strip(" \t\r\n"):
        raise JsonFault(Reason.BAD_JSON, "not JSON: something follows the value", position=end)
    if fault:
        raise fault
    if depth_of(value) > MOST_LEVELS:
        raise JsonFault(Reason.TOO_DEEP, _TOO_DEEP)
    return value


def write_json(value: object) -> str:
    """Write a value that `read_json` gave, in one line."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{write_json(key)}:{write_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def depth_of(value: object) -> int:
    """Count the levels of arrays and objects."""
    levels, layer = 0, [value]
    while layer := [inner for outer in layer for inner in _inner(outer)]:
        levels += 1
    return levels


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values()) or [None]
    return (value or [None]) if isinstance(value, list) else []
