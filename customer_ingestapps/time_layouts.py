"""Layouts: how a column writes its dates and times, in a strict part of what strptime understands.

The pattern only; applying it to whole columns at once is left to the codecs.
"""

import re
from collections import Counter
from dataclasses import dataclass

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_DIRECTIVES = {
    "Y": ("year", "[0-9]{4}"),
    "m": ("month", "[0-9]{2}"),
    "-m": ("month", "[0-9]{1,2}"),
    "b": ("month_name", f"(?i:{'|'.join(MONTHS)})"),
    "d": ("day", "[0-9]{2}"),
    "-d": ("day", "[0-9]{1,2}"),
    "H": ("hour", "[0-9]{2}"),
    "-H": ("hour", "[0-9]{1,2}"),
    "I": ("hour_of_12", "(?:0[1-9]|1[0-2])"),
    "-I": ("hour_of_12", "(?:0?[1-9]|1[0-2])"),
    "p": ("half", "(?i:am|pm)"),
    "M": ("minute", "[0-9]{2}"),
    "S": ("second", "[0-9]{2}"),
    "f": ("fraction", "[0-9]{1,9}"),
    "z": ("zone", "(?:Z|[+-][0-9]{2}:?[0-9]{2})"),
}
DIRECTIVES = tuple(f"%{name}" for name in _DIRECTIVES)
_PART = re.compile(r"%(-?.)|([^%]+|%)", re.DOTALL)
_DATE = [{"year", "month", "day"}, {"year", "month_name", "day"}]
_HOURS = [{"hour"}, {"hour_of_12", "half"}]


@dataclass(frozen=True, slots=True)
class Layout:
    """A pattern with one named group for each field."""

    text: str
    pattern: str
    fields: frozenset[str]

    @property
    def has_date(self) -> bool:
        """Whether it names a day."""
        return "year" in self.fields

    @property
    def has_time(self) -> bool:
        """Whether it names a time of day."""
        return "minute" in self.fields


def parse_layout(text: str) -> Layout:
    """Read a layout such as `%d.%m.%Y %H:%M`.

    >>> sorted(parse_layout("%d.%m.%Y").fields)
    ['day', 'month', 'year']

    Raises:
        ValueError: it has an unknown directive, one twice, or makes neither a date nor a time.
    """
    pattern, fields = "", []
    for name, literal in _PART.findall(text):
        if literal == "%" or (name and name != "%" and name not in _DIRECTIVES):
            raise ValueError(f"%{name} is unknown; allowed are {', '.join(DIRECTIVES)} and %%")
        if name in _DIRECTIVES:
            field, form = _DIRECTIVES[name]
            pattern += f"(?P<{field}>{form})"
            fields.append(field)
        else:
            pattern += re.escape(literal or "%")
    _check(fields)
    return Layout(text, f"^{pattern}$", frozenset(fields))


def _check(fields: list[str]) -> None:
    twice = [field for field, times in Counter(fields).items() if times > 1]
    if twice:
        raise ValueError(f"the {twice[0]} stands in it twice")
    date = {field for field in fields if field in {"year", "month", "month_name", "day"}}
    hours = {field for field in fields if field in {"hour", "hour_of_12", "half"}}
    if date and date not in _DATE:
        raise ValueError("a date needs %Y, %d, and one of %m, %b")
    if (hours or "minute" in fields) and (hours not in _HOURS or "minute" not in fields):
        raise ValueError("a time needs %M, and either %H or %I with %p")
    if not date and not hours:
        raise ValueError("it names neither a date nor a time")
    for field, needed in (("second", "minute"), ("fraction", "second"), ("zone", "minute")):
        if field in fields and needed not in fields:
            raise ValueError(f"the {field} needs a {needed}")
