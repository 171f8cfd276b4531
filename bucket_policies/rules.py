"""The rules by which one file is judged: its name, its ending, its size.

The same rules judge a file three times: in `fetchdata` before it sends, in the auth service before it signs,
in the manager on arrival. How many files one upload has is counted by those callers. Pure, and nothing but
the standard library: a customer's machine runs it too.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_KEY_BYTES = 1024
PERCENT_FROM_ROWS = 1000  # a percentage of fewer rows says nothing
LONGEST_PART_BYTES = 255  # MinIO keeps every part of a key as a directory


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule of one file.

    It is `format`, `size`, `name`, `name_clash`, `too_many_files`, `quota`, `over_quota` or `no_app`.
    """

    rule: str
    value: int | str
    limit: int | str
    message: str


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """What the files of one customer may be.

    >>> acme = FileRules(formats=(".csv",), number_files=10, data_sizes=4096)
    >>> acme.violations("orders/2026-01-31.CSV", 4096 * 1024)
    []
    >>> [violation.rule for violation in acme.violations("orders//2026-01-31.pdf", 4096 * 1024 + 1)]
    ['name', 'format', 'size']
    """

    formats: tuple[str, ...]
    """Endings that a file may have, in lower or upper case."""

    number_files: int
    """How many files one upload may have."""

    data_sizes: int
    """The largest file, in KiB, inclusive."""

    max_rejects: int | str | None = None
    """How many rows may be rejected: a count, a percentage, or None for any number."""

    def violations(self, name: str, size: int | None) -> list[Violation]:
        """Judge one file by its name and its size in bytes (None = not known); the empty list accepts it."""
        found = list(_name_violations(name))
        if not name.lower().endswith(tuple(ending.lower() for ending in self.formats)):
            found.append(self._format_violation(name))
        if size is not None and size > self.data_sizes * 1024:
            found.append(self._size_violation(size))
        return found

    def too_many_rejects(self, rejected: int, rows_read: int) -> bool:
        """Ask, at the end of a chunk, whether so many rejected rows end the load."""
        if self.max_rejects is None:
            return False
        if isinstance(self.max_rejects, int):
            return rejected > self.max_rejects
        percent = float(self.max_rejects.removesuffix("%"))
        return rows_read >= PERCENT_FROM_ROWS and rejected * 100 > percent * rows_read

    def _format_violation(self, name: str) -> Violation:
        allowed = ", ".join(self.formats)
        return Violation(
            rule="format",
            value=escaped(name),
            limit=allowed,
            message=f"'{escaped(name)}' does not end in {allowed}",
        )

    def _size_violation(self, size: int) -> Violation:
        limit = self.data_sizes * 1024
        return Violation(
            rule="size",
            value=size,
            limit=limit,
            message=f"{size} bytes, the largest file allowed has {limit} bytes ({self.data_sizes} KiB)",
        )


def escaped(name: str) -> str:
    r"""Show a name on one line, whatever it holds.

    >>> print(escaped("in/NUL\0 café.csv"))
    in/NUL\x00 café.csv
    """
    return repr(name)[1:-1]


def key_of(name: str) -> str:
    r"""Give the key under which a customer's file is stored: composed Unicode, no leading slash.

    >>> key_of("/orders/cafe\u0301.csv")
    'orders/café.csv'
    """
    return unicodedata.normalize("NFC", name).removeprefix("/")


def _name_violations(name: str) -> Iterator[Violation]:
    for limit in _broken_name_rules(name):
        message = f"'{escaped(name)}' cannot be stored: {limit}"
        yield Violation(rule="name", value=escaped(name), limit=limit, message=message)


def _broken_name_rules(name: str) -> Iterator[str]:
    parts = name.removeprefix("/").split("/")  # MinIO drops one leading slash
    encoded = [part.encode(errors="surrogatepass") for part in parts]
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        yield "a name is valid Unicode"
    if "\0" in name:
        yield "a name has no NUL character"
    if "" in parts:
        yield "a name has no empty part between, before or after its slashes"
    if any(part.strip() in {".", ".."} for part in re.split(r"[/\\]", name)):  # to MinIO, \ separates here
        yield "no part of a name is . or .."
    if max(map(len, encoded)) > LONGEST_PART_BYTES:
        yield f"a part of a name has at most {LONGEST_PART_BYTES} bytes"
    if len(b"/".join(encoded)) > LONGEST_KEY_BYTES:
        yield f"a name has at most {LONGEST_KEY_BYTES} bytes"
