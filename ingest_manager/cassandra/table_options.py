"""Options of a table beside its columns and key: by their names in CQL, written in it, and for people."""

from collections.abc import Mapping

from customer_ingestapps.contract import Table as TableDeclaration


def declared_options(declared: TableDeclaration) -> Mapping[str, object]:
    """Return the options that an app declares; Cassandra's own defaults hold for the others."""
    options = {
        "default_time_to_live": declared.default_ttl,
        "gc_grace_seconds": declared.gc_grace_seconds,
        "comment": declared.comment,
        "compaction": declared.compaction,
    }
    return {name: value for name, value in options.items() if value is not None}


def written_option(value: object) -> str:
    """Write a value as CQL has it.

    >>> written_option({"class": "LeveledCompactionStrategy"}), written_option("the day's orders")
    ("{'class': 'LeveledCompactionStrategy'}", "'the day''s orders'")
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_text(part)}" for key, part in value.items()) + "}"
    return _text(value) if isinstance(value, str) else str(value)


def shown_option(value: object, declared: object) -> str:
    """Show a value so that equal ones are shown alike; of a map only the keys that are declared."""
    if not isinstance(declared, Mapping) or not hasattr(value, "items"):
        return repr(value)
    parts = {key: str(part).rpartition(".")[2] if key == "class" else part for key, part in value.items()}
    return str({key: parts.get(key) for key in declared})


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
