"""The codec of duration: months, days and nanoseconds, in the three forms that CQL itself takes.

1y2mo3d4h5m6s7ms8us9ns; P1Y2M3DT4H5M6S or P2W; P0001-02-03T04:05:06. A sign in front counts for all of it.
"""

import re

import polars as pl

from customer_ingestapps.codecs.codec import BinaryCodec, Cell, Refusal, by_value, shown
from customer_ingestapps.codecs.vints import signed_vint
from customer_ingestapps.reasons import Reason

_NS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_UNITS = (
    *(("y", 12, "months"), ("mo", 1, "months"), ("w", 7, "days"), ("d", 1, "days")),
    *((unit, size, "nanoseconds") for unit, size in _NS.items()),
)
_WORDS = re.compile(
    "".join(rf"(?:([0-9]+)(?:{unit if unit != 'us' else 'us|µs|μs'}))?" for unit, _, _ in _UNITS),
    re.IGNORECASE,
)
_ISO = re.compile(
    r"P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?"
)
_ISO_DATE = re.compile(r"P([0-9]{4})-([0-9]{2})()-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})")
_MOST_DIGITS = 19
_BOUNDS = {"months": 2**31, "days": 2**31, "nanoseconds": 2**63}


class DurationCodec(BinaryCodec):
    """duration."""

    allowed = "a duration such as 1y2mo3d4h5m6s, P1Y2M3DT4H5M6S or P0001-02-03T04:05:06"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the bytes."""
        return by_value(text, _cell)

    def refusal(self, text: str) -> Refusal:
        """Tell a duration out of range from what is none."""
        if _counts(text) is None:
            return super().refusal(text)
        message = f"{shown(text)} has more than 2^31-1 months or days, or 2^63-1 nanoseconds"
        return Refusal(Reason.OUT_OF_RANGE, message)


def _cell(text: str) -> Cell:
    counts = _counts(text)
    if counts is None or any(count >= _BOUNDS[part] for part, count in counts.items()):
        return None
    sign = -1 if text.startswith("-") else 1
    return b"".join(signed_vint(sign * count) for count in counts.values())


def _counts(text: str) -> dict[str, int] | None:
    """Give months, days and nanoseconds without the sign."""
    unsigned = text.removeprefix("-")
    for form in (_ISO_DATE, _ISO, _WORDS):
        found = form.fullmatch(unsigned)
        if found and any(found.groups()):
            break
    else:
        return None
    counts = {"months": 0, "days": 0, "nanoseconds": 0}
    for (_, size, part), digits in zip(_UNITS, found.groups(), strict=False):  # ISO ends at the seconds
        counts[part] += size * int((digits or "0").lstrip("0")[: _MOST_DIGITS + 1] or 0)
    return counts
