"""Readings: the ways in which the texts of a column may be meant, each as a column would declare it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from customer_ingestapps.codecs import Codec, codec_of
from customer_ingestapps.columns import Column
from customer_ingestapps.cql_types import parse_type

_WORDS = (("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"))
_DATES = {
    "%d.%m.%Y": "", "%-d.%-m.%Y": "", "%Y/%m/%d": "", "%d %b %Y": "", "%-d %b %Y": "", "%d-%b-%Y": "",
    "%d/%m/%Y": "day first", "%m/%d/%Y": "month first", "%-d/%-m/%Y": "day first",
    "%-m/%-d/%Y": "month first", "%d-%m-%Y": "day first", "%m-%d-%Y": "month first",
}  # fmt: skip
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_WITH_MARKS = {"date", "time", "timestamp", "local", "uuid", "inet"}
_DIGITS, _MARKS = frozenset("0123456789"), frozenset("-/.: ")
_ISO_TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


@dataclass(frozen=True)
class Reading:
    """A type with its options; readings of one family with other meanings contradict each other."""

    family: str
    options: Mapping[str, object]
    meaning: str = ""

    @property
    def type(self) -> str:
        """The CQL type."""
        return str(self.options["type"])

    def may_be(self, text: str) -> bool:
        """Rule out by a look what most texts are not: numbers have digits, times and addresses marks."""
        if self.family in {"number", "marked"}:
            return not _DIGITS.isdisjoint(text)
        return self.family not in _WITH_MARKS or not _MARKS.isdisjoint(text)

    @cached_property
    def codec(self) -> Codec:
        """What parses it."""
        return codec_of(parse_type(self.type), Column.model_validate(self.options))


TEXT = Reading("text", {"type": "text"})


def readings_of_text(zone: str | None, *, has_marks: bool) -> list[Reading]:
    """Give the readings of texts, the plainest of each family first."""
    return [
        *_booleans(),
        *_numbers("number", {}),
        *(_marked() if has_marks else ()),
        *_dates(),
        Reading("time", {"type": "time"}),
        *(Reading("time", {"type": "time", "formats": layout}) for layout in _TIMES),
        *_timestamps(zone),
        Reading("uuid", {"type": "uuid"}),
        Reading("inet", {"type": "inet"}),
    ]


def _booleans() -> Iterator[Reading]:
    yield Reading("boolean", {"type": "boolean"})
    for true, false in _WORDS:
        yield Reading("boolean", {"type": "boolean", "true_words": [true], "false_words": [false]})


def _numbers(family: str, marks: Mapping[str, object], meaning: str = "") -> Iterator[Reading]:
    for kind in ("int", "bigint", "double", "decimal"):
        yield Reading(family, {"type": kind, **marks}, meaning)


def _marked() -> Iterator[Reading]:
    yield from _numbers("marked", {"decimal_mark": ","}, "a decimal comma")
    yield from _numbers("marked", {"decimal_mark": ",", "thousands_mark": "."}, "a decimal comma")
    yield from _numbers("marked", {"thousands_mark": ","}, "commas between thousands")


def _dates() -> Iterator[Reading]:
    yield Reading("date", {"type": "date"})
    for layout, meaning in _DATES.items():
        yield Reading("date", {"type": "date", "formats": layout}, meaning)


def _timestamps(zone: str | None) -> Iterator[Reading]:
    yield Reading("timestamp", {"type": "timestamp"})
    for layout, meaning in _moments():
        yield Reading("timestamp", {"type": "timestamp", "formats": f"{layout}%z"}, meaning)
    local, in_zone = "timestamp" if zone else "local", {"type": "timestamp", "zone": zone or "UTC"}
    yield Reading(local, in_zone)
    for layout, meaning in _moments():
        yield Reading(local, {**in_zone, "formats": layout}, meaning)


def _moments() -> Iterable[tuple[str, str]]:
    yield from ((layout, "") for layout in _ISO_TIMES)
    yield from ((f"{date} {time}", meaning) for date, meaning in _DATES.items() for time in _TIMES)
