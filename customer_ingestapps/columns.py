"""What an `app.toml` may declare of one column: its type, where it comes from, how its values are written.

A part of the contract. Strict by default; every key here widens what is taken, for this column only.
"""

import zoneinfo
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from customer_ingestapps.cql_types import CqlType
from customer_ingestapps.templates import Template, parse_template
from customer_ingestapps.time_layouts import Layout, parse_layout

Rounding = Literal["half_even", "half_up", "half_down", "up", "down", "ceiling", "floor"]
Words = tuple[Annotated[str, Field(min_length=1)], ...]

INTEGERS = ("tinyint", "smallint", "int", "bigint")
_NUMBERS = (*INTEGERS, "varint", "float", "double", "decimal")
_TAKERS = {
    "decimal_mark": _NUMBERS,
    "thousands_mark": _NUMBERS,
    "round": (*INTEGERS, "varint", "decimal"),
    "places": ("decimal",),
    "overflow": INTEGERS,
    "not_finite": ("float", "double"),
    "true_words": ("boolean",),
    "false_words": ("boolean",),
    "formats": ("date", "time", "timestamp"),
    "zone": ("timestamp",),
    "ambiguous": ("timestamp",),
    "nonexistent": ("timestamp",),
    "epoch": ("timestamp",),
    "binary": ("blob",),
}
MARKS = ("decimal_mark", "thousands_mark")


class Declared(BaseModel):
    """A part of an `app.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @property
    def widened(self) -> set[str]:
        """The keys that say something else than their defaults."""
        fields = type(self).model_fields.items()
        return {name for name, field in fields if getattr(self, name) != field.default}


def _as_template(text: object) -> object:
    return parse_template(_checked_text(text))


def _as_layout(text: object) -> object:
    return parse_layout(_checked_text(text))


def _checked_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it takes a text")  # noqa: TRY004 - pydantic lets TypeErrors through
    return value


def _as_tuple(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _checked_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone; allowed are names such as Europe/Berlin or UTC") from error
    return name


class Column(Declared):
    """One of `[columns]`; a type alone may stand for `{ type = … }`."""

    type: Annotated[str, Field(min_length=1, max_length=1000)]
    """A CQL type; the contract checks it."""

    column: Annotated[str, Field(min_length=1)] | None = None
    """The file's name of it, where it differs."""

    template: Annotated[Template, BeforeValidator(_as_template)] | None = None
    """A text built from other columns of the file and then parsed like one of the file."""

    empty: Literal["unset", "null"] = "unset"
    """What no value does to a value stored earlier: `unset` leaves it, `null` deletes it."""

    null_words: Words = ()
    """Texts that mean no value in this column, in quotes or not."""

    trim: Annotated[bool, Field(strict=True)] = False
    """Whether white space around a value is taken off."""

    decimal_mark: Literal[".", ","] = "."

    thousands_mark: Literal[",", ".", " ", "'", "_", "\u00a0", "\u202f"] | None = None
    """May stand between groups of three digits."""

    places: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    """The most digits behind the point that a value may have."""

    round: Rounding | None = None
    """How a value with more digits behind the point than fit is rounded; without it, it is refused."""

    overflow: Literal["refuse", "clamp"] = "refuse"
    """What becomes of an integer out of range."""

    not_finite: Literal["refuse", "allow"] = "refuse"
    """What becomes of NaN, Infinity and -Infinity."""

    true_words: Words = ()
    false_words: Words = ()

    formats: Annotated[
        tuple[Annotated[Layout, BeforeValidator(_as_layout)], ...], BeforeValidator(_as_tuple)
    ] = ()
    """Layouts instead of ISO 8601, tried in this order."""

    zone: Annotated[str, AfterValidator(_checked_zone)] | None = None
    """The time zone of times that name none."""

    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
    """Which instant a local time means that occurs twice."""

    nonexistent: Literal["refuse", "forward"] = "refuse"
    """What becomes of a local time that is left out when clocks go forward."""

    epoch: Literal["s", "ms", "us", "ns"] | None = None
    """The unit of whole numbers since 1970."""

    binary: Literal["hex", "base64"] = "hex"
    """How a blob is written: 0x and hexadecimal digits, or base64."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.column is not None and self.template is not None:
            raise ValueError("give column or template, not both")
        if self.decimal_mark == self.thousands_mark:
            raise ValueError("decimal_mark and thousands_mark must differ")
        if bool(self.true_words) != bool(self.false_words):
            raise ValueError("true_words and false_words belong together")
        both = {word.casefold() for word in self.true_words} & {word.casefold() for word in self.false_words}
        if both:
            raise ValueError(f"{min(both)!r} cannot be both true and false")
        if self.epoch and (self.formats or self.zone):
            raise ValueError("epoch does not go with formats or zone")
        if {"ambiguous", "nonexistent"} & self.widened and not self.zone:
            raise ValueError("ambiguous and nonexistent need a zone")
        return self

    def check_options(self, cql: CqlType) -> None:
        """Raise ValueError where something is declared that the type has no use for."""
        for option in sorted(self.widened & _TAKERS.keys()):
            if cql.name not in _TAKERS[option]:
                raise ValueError(f"{option} is for columns of type {', '.join(_TAKERS[option])}")
        if cql.name == "decimal" and self.round and self.places is None:
            raise ValueError("round needs places for a decimal")
        for layout in self.formats:
            _check_layout(layout, cql, self)


def _check_layout(layout: Layout, cql: CqlType, column: Column) -> None:
    has = {"date": (True, False), "time": (False, True), "timestamp": (True, layout.has_time)}[cql.name]
    if has != (layout.has_date, layout.has_time) or (cql.name == "time" and "zone" in layout.fields):
        raise ValueError(f"the format {layout.text!r} does not make a {cql.name}")
    if cql.name == "timestamp" and "zone" not in layout.fields and not column.zone:
        raise ValueError(f"the format {layout.text!r} needs %z, or the column a zone")


def as_column(declared: Any) -> Any:
    """Let a type alone stand for a column."""
    return {"type": declared} if isinstance(declared, str) else declared
