"""What is wrong with an `app.toml`, in words of ours: the place, what was there, what it takes, what to do.

As faults of a customer's document are told: `[table] partition_key: "id" is not allowed: …`. Pure.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping

from pydantic_core import ErrorDetails

NAME = r"^[a-z][a-z0-9_]{0,47}$"
OPTION = r"^[A-Za-z0-9_.-]{1,100}$"

_PATTERNS = {
    NAME: "it takes at most 48 lower-case letters, digits and _, the first a letter",
    OPTION: "it takes 1 to 100 letters, digits, _, . and -",
}
_TO_ADD = {
    "files": "a section [files]",
    "table": "a section [table]",
    "columns": 'a section [columns] with a line for each column, such as id = "int"',
    "keys": 'the names of the files, such as keys = ["orders-*.csv"]',
    "format": 'the format of the files, such as format = "csv"',
    "name": 'the name of the table, such as name = "orders"',
    "partition_key": 'the columns of the partition key, such as partition_key = ["id"]',
    "type": 'a type, such as type = "int"',
    "kind": 'kind = "python" or kind = "program"',
}
_NUMBER = "it takes a {}"
_WHOLE = _NUMBER.format("whole number")
_EXPECTED: Mapping[str, str] = {
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER.format("number"),
    "finite_number": "it takes a finite number",
    "bool_type": "it takes true or false",
    "string_type": "it takes a text",
    "tuple_type": "it takes a list of texts",
    "mapping_type": 'it takes a table, such as {{ key = "…" }}',
    "dict_type": 'it takes a table, such as {{ key = "…" }}',
    "literal_error": "it takes {expected}",
    "string_too_short": "it must not be empty",
    "string_too_long": "it takes at most {max_length} characters",
    "too_short": "it must not be empty",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
}


def fault_of(detail: ErrorDetails, keys_of: Callable[[str], Iterable[str]]) -> str:
    """Tell one fault; `keys_of` gives the keys that a section takes, "" stands for the whole file."""
    loc, kind = detail["loc"], detail["type"]
    if kind == "missing":
        return f"{_place(loc)}: is missing: add {_TO_ADD[str(loc[-1])]}"
    if kind == "extra_forbidden":
        return f"{_place(loc)}: {_unknown(loc, keys_of)}"
    reason = _reason(detail)
    if loc and loc[-1] == "[key]":
        loc = loc[:-2]
    elif not loc or (kind == "value_error" and isinstance(detail["input"], dict)):
        return f"{_place(loc)}: {reason}".removeprefix(": ")
    return f"{_place(loc)}: {_shown(detail['input'])} is not allowed: {reason}"


def _place(loc: tuple[int | str, ...]) -> str:
    """Say where, as it stands in the file: `[columns] note.empty`, `[files] keys, entry 1`."""
    if not loc:
        return ""
    keys = ".".join(part for part in loc[1:] if isinstance(part, str))
    entries = "".join(f", entry {part + 1}" for part in loc if isinstance(part, int))
    return f"[{loc[0]}]" + (f" {keys}" if keys else "") + entries


def _unknown(loc: tuple[int | str, ...], keys_of: Callable[[str], Iterable[str]]) -> str:
    keys, key = list(keys_of(str(loc[0]) if len(loc) > 1 else "")), str(loc[-1])
    near = difflib.get_close_matches(key, keys, n=1)
    if near:
        return f"unknown key, do you mean {near[0]}? The keys are {', '.join(keys)}"
    return f"unknown key, take it out; the keys are {', '.join(keys)}"


def _reason(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], "it holds a character that is not allowed")
    if kind in {"model_type", "model_attributes_type"}:
        return _of_model(detail["loc"])
    expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else detail["msg"]
    to_write = _to_write(kind, detail["input"])
    return f"{expected}; write {to_write}" if to_write else expected


def _of_model(loc: tuple[int | str, ...]) -> str:
    if loc[0] == "columns":
        return 'it takes a type such as "int", or a table such as { type = "int" }'
    return f"it takes a section: a line [{loc[0]}], its keys below"


def _to_write(kind: str, value: object) -> str | None:
    """Give what was meant, where only its notation is wrong."""
    if kind == "tuple_type" and isinstance(value, str):
        return f"[{_shown(value)}]"
    if kind == "string_type" and isinstance(value, int | float):
        return f'"{_shown(value)}", in quotes'
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        is_meant = value in {"true", "false"} if kind == "bool_type" else value.isdecimal()
        return f"{value}, without quotes" if is_meant else None
    return None


def _shown(value: object) -> str:
    return f"{json.dumps(value, ensure_ascii=False, default=str):.80}"
