"""CQL types as a tree: parsed from an app's declaration, and written as Cassandra itself writes them.

Only the shape: what a value looks like and how it travels is left to the codecs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

SCALARS = (
    "text", "ascii", "tinyint", "smallint", "int", "bigint", "varint", "float", "double", "decimal",
    "boolean", "date", "time", "timestamp", "duration", "uuid", "timeuuid", "inet", "blob",
)  # fmt: skip
MOST_DIMENSIONS = 8192
_MOST_LEVELS = 8
_ALIASES = {"varchar": "text"}
NAMES = frozenset({*SCALARS, *_ALIASES, "counter", "frozen", "list", "set", "map", "tuple", "vector"})
"""What a type of the customer's own cannot be called."""
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>,])\s*")


@dataclass(frozen=True, slots=True)
class CqlType:
    """A scalar, or a collection, tuple, vector or user-defined type of others."""

    name: str
    arguments: tuple["CqlType", ...] = ()
    dimension: int = 0
    """Of a vector."""
    fields: tuple[str, ...] = ()
    """Of a user-defined type; `arguments` are their types."""
    is_frozen: bool = True

    def __str__(self) -> str:
        if not self.arguments:
            return self.name
        inner = ", ".join(map(str, self.arguments))
        if self.name == "vector":
            return f"vector<{inner}, {self.dimension}>"
        written = self.name if self.fields else f"{self.name}<{inner}>"
        return f"frozen<{written}>" if self.is_frozen else written

    def holds(self, name: str) -> bool:
        """Ask whether a type of this name is in it, at any depth."""
        return self.name == name or any(argument.holds(name) for argument in self.arguments)


UserTypes = Mapping[str, Mapping[str, str]]


def parse_type(text: str, user_types: UserTypes | None = None) -> CqlType:
    """Read a type; user-defined ones by their declared fields.

    >>> str(parse_type("map<text,frozen<list<int>>>"))
    'map<text, frozen<list<int>>>'

    Raises:
        ValueError: it is none, or one that cannot be loaded; the message says what is allowed.
    """
    return _Parser(text, user_types or {}, 0).whole()


class _Parser:
    """Reads one type, token by token; what is inside a frozen type is frozen, elsewhere it must say so."""

    def __init__(self, text: str, user_types: UserTypes, level: int) -> None:
        self._user_types = user_types
        self._level = level
        self._is_in_frozen = False
        self._tokens = _TOKEN.findall(text)
        if _TOKEN.sub("", text) or not self._tokens:
            raise ValueError(f"not a type; allowed are {_allowed(user_types)}")

    def whole(self) -> CqlType:
        found = self._type()
        if self._tokens:
            raise ValueError(f"something follows the type: {self._tokens[0]!r}")
        return found

    def _type(self) -> CqlType:
        if self._level > _MOST_LEVELS:
            raise ValueError(f"types are nested deeper than {_MOST_LEVELS} levels")
        name = self._next().lower()
        name = _ALIASES.get(name, name)
        if name == "counter":
            raise ValueError("counter columns cannot be loaded: a repeated load would count twice")
        if name in SCALARS:
            return CqlType(name)
        if name in _FREEZING:
            return self._frozen(_FREEZING[name])
        found = self._unfrozen(name)
        if self._level > 0 and not self._is_in_frozen:
            raise ValueError(f"{found} inside another type must be frozen<{found}>")
        return found

    def _unfrozen(self, name: str) -> CqlType:
        if name in self._user_types:
            return self._user_type(name)
        if name in _COLLECTIONS:
            return self._within(_COLLECTIONS[name])
        raise ValueError(f"{name!r} is not a type; allowed are {_allowed(self._user_types)}")

    def list_(self) -> CqlType:
        return CqlType("list", (self._type(),), is_frozen=False)

    def set_(self) -> CqlType:
        element = self._type()
        _check_unique(element, "elements of a set")
        return CqlType("set", (element,), is_frozen=False)

    def map_(self) -> CqlType:
        key = self._type()
        _check_unique(key, "keys of a map")
        self._expect(",")
        return CqlType("map", (key, self._type()), is_frozen=False)

    def tuple_(self) -> CqlType:
        arguments = [self._type()]
        while self._tokens and self._tokens[0] == ",":
            self._expect(",")
            arguments.append(self._type())
        return CqlType("tuple", tuple(arguments))

    def vector(self) -> CqlType:
        element = self._type()
        self._expect(",")
        size = self._next()
        if not size.isdigit() or not 1 <= int(size) <= MOST_DIMENSIONS:
            raise ValueError(f"a vector has 1 to {MOST_DIMENSIONS} dimensions")
        return CqlType("vector", (element,), int(size))

    def any(self) -> CqlType:
        found = self._type()
        if not found.arguments:
            raise ValueError(f"only collections and types of your own can be frozen, not {found}")
        return found

    def _user_type(self, name: str) -> CqlType:
        fields = self._user_types[name]
        types = [_Parser(kind, self._user_types, self._level + 1).whole() for kind in fields.values()]
        return CqlType(name, tuple(types), fields=tuple(fields), is_frozen=False)

    def _frozen(self, read: Callable[["_Parser"], CqlType]) -> CqlType:
        was_in_frozen, self._is_in_frozen = self._is_in_frozen, True
        found = _frozen(self._within(read))
        self._is_in_frozen = was_in_frozen
        return found

    def _within(self, read: Callable[["_Parser"], CqlType]) -> CqlType:
        self._expect("<")
        self._level += 1
        found = read(self)
        self._level -= 1
        self._expect(">")
        return found

    def _next(self) -> str:
        if not self._tokens:
            raise ValueError("the type is not complete")
        return str(self._tokens.pop(0))

    def _expect(self, mark: str) -> None:
        found = self._next()
        if found != mark:
            raise ValueError(f"{mark!r} is expected before {found!r}")


_FREEZING = {"frozen": _Parser.any, "tuple": _Parser.tuple_, "vector": _Parser.vector}
_COLLECTIONS = {"list": _Parser.list_, "set": _Parser.set_, "map": _Parser.map_}


def _frozen(found: CqlType) -> CqlType:
    """Freeze a type with all that is in it, as Cassandra does."""
    return replace(found, arguments=tuple(map(_frozen, found.arguments)), is_frozen=True)


def _check_unique(found: CqlType, what: str) -> None:
    if found.holds("duration"):
        raise ValueError(f"{what} cannot be durations: Cassandra cannot order them")
    if found.holds("decimal") and found.arguments:
        raise ValueError(f"{what} may be decimals, but not hold them: 1.0 and 1.00 are one to Cassandra")


def _allowed(user_types: UserTypes) -> str:
    composite = "frozen<list<…>>, set<…>, map<…, …>, tuple<…>, vector<…, n>, frozen<…>"
    return ", ".join([*SCALARS, composite, *user_types])
