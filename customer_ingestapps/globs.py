"""Globs on object keys: which keys one takes, and whether two could take the same key.

`*` stands for any characters but `/`, `**` for any characters, `?` for one character but `/`; everything else
for itself. A glob covers the whole key, without regard to case.
"""

import re
from functools import cache

_WILDCARDS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(glob: str, key: str) -> bool:
    """Ask whether a glob takes a key.

    >>> matches("orders-*.csv", "Orders-2026-01-31.CSV"), matches("*.csv", "2026/orders.csv")
    (True, False)
    """
    pattern = "".join(_WILDCARDS.get(part) or re.escape(part) for part in _parts(glob))
    return re.fullmatch(pattern, key.casefold(), re.DOTALL) is not None


def overlap(one: str, other: str) -> bool:
    """Ask whether some key is taken by both globs.

    >>> overlap("orders-*.csv", "*-2026.csv"), overlap("orders-*.csv", "*.csv.gz")
    (True, False)
    """
    left, right = _parts(one), _parts(other)

    @cache
    def meet(i: int, j: int) -> bool:
        a, b = left[i : i + 1], right[j : j + 1]
        if not a and not b:
            return True
        if _is_star(a):
            return meet(i + 1, j) or (bool(b) and _covers(a[0], b[0]) and meet(i, j + 1))
        if _is_star(b):
            return meet(i, j + 1) or (bool(a) and _covers(b[0], a[0]) and meet(i + 1, j))
        return bool(a and b) and (_covers(a[0], b[0]) or _covers(b[0], a[0])) and meet(i + 1, j + 1)

    return meet(0, 0)


def _parts(glob: str) -> list[str]:
    return re.findall(r"\*\*|.", glob.casefold(), re.DOTALL)


def _is_star(part: list[str]) -> bool:
    return part in (["*"], ["**"])


def _covers(part: str, other: str) -> bool:
    """Ask whether what `other` stands for can be a character, or a run of them, that `part` takes."""
    return part in {other, "**"} or (part in {"*", "?"} and other != "/")
