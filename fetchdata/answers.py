"""From a server's JSON to our dataclasses and back: unknown keys are ignored, a wrong shape is an error.

Nothing is converted on the way (no "5" becomes 5): such an answer comes from another service or another age.
"""

import json
from datetime import datetime
from typing import Any, TypeVar

from cattrs import BaseValidationError, Converter
from cattrs.strategies import configure_union_passthrough

Shape = TypeVar("Shape")


class ShapeError(ValueError):
    """A text is not the JSON that it should be."""


def parse(text: bytes, shape: type[Shape]) -> Shape:
    """Read a JSON object as one of our dataclasses.

    Raises:
        ShapeError: it is something else.
    """
    try:
        return _converter.structure(json.loads(text), shape)
    except (BaseValidationError, ValueError, RecursionError) as error:
        raise ShapeError(f"not a {shape.__name__}") from error


def plain(value: object) -> Any:
    """Give a dataclass as what `json.dumps` takes."""
    return _converter.unstructure(value)


def _as_it_is(value: object, kind: type[Shape]) -> Shape:
    if type(value) is kind:
        return value
    raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")


def _time(text: object, _: type) -> datetime:
    time = datetime.fromisoformat(_as_it_is(text, str))
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def _items(items: object, kind: Any) -> tuple[Any, ...]:
    (item_kind, _) = kind.__args__  # tuple[kind, ...]: the only one that is in use
    return tuple(_converter.structure(item, item_kind) for item in _as_it_is(items, list))


_converter = Converter()
for _kind in (str, int):
    _converter.register_structure_hook(_kind, _as_it_is)
_converter.register_structure_hook(datetime, _time)
_converter.register_structure_hook_func(lambda kind: getattr(kind, "__origin__", None) is tuple, _items)
_converter.register_unstructure_hook(datetime, lambda time: time.isoformat().replace("+00:00", "Z"))
configure_union_passthrough(int | str | None, _converter)
