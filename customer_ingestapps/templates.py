"""Templates: a text built from other columns of the file, such as `{year}-{month:02}-{day:02}`.

The parts only; filling them is done for whole columns at once, in `typing_rows`.
"""

import re
from dataclasses import dataclass
from string import Formatter

_WIDTH = re.compile(r"0([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class Slot:
    """One `{column:0width}` of a template; shorter values are filled up with zeros on the left."""

    column: str
    width: int


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed texts and slots, in order."""

    parts: tuple[str | Slot, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's columns that it needs."""
        return tuple(part.column for part in self.parts if isinstance(part, Slot))


def parse_template(text: str) -> Template:
    """Read a template.

    >>> parse_template("{year}-{month:02}").parts
    (Slot(column='year', width=0), '-', Slot(column='month', width=2))

    Raises:
        ValueError: braces do not match, a slot names no column or asks for more than zero-filling.
    """
    parts: list[str | Slot] = []
    for literal, column, form, conversion in Formatter().parse(text):
        parts += [literal] if literal else []
        if column is not None:
            parts.append(_slot(column, form or "", conversion))
    template = Template(tuple(parts))
    if not template.columns:
        raise ValueError("a template names at least one column of the file, as {column}")
    return template


def _slot(column: str, form: str, conversion: str | None) -> Slot:
    width = _WIDTH.fullmatch(form)
    if not column.strip() or conversion or (form and not width):
        raise ValueError(
            "allowed in a template are {column} and {column:02}, which fills up with zeros to 2 characters"
        )
    return Slot(column, int(width[1]) if width else 0)
