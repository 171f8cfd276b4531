"""An `app.toml`, written from plain values."""

import json
from collections.abc import Mapping
from typing import Any


def app_toml(**tables: Mapping[str, Any]) -> str:
    """Return a document with these tables, such as `files`, `table`, `columns`, `types`."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{json.dumps(key)} = {_value(item)}\n" for key, item in table.items())
        for name, table in tables.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
