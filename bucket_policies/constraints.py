"""What one customer may upload: the constraints document, and judging one file by it.

Judged three times by the same rules: by `fetchdata` before it sends, by the auth service before it signs,
by the manager on arrival. How many files one upload has is counted by those callers. Pure: pydantic only.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bucket_policies.errors import DocumentError

EXPANSION = 100  # expanded_kib / data_sizes by default: above any honest text, a tenth of what a bomb reaches
PERCENT_FROM_ROWS = 1000  # a percentage of fewer rows says nothing
LONGEST_KEY_BYTES = 1024
LONGEST_PART_BYTES = 255  # MinIO keeps every part of a key as a directory


def _checked_ending(ending: str) -> str:
    if not re.fullmatch(r"(\.[A-Za-z0-9_+-]+)+", ending):
        raise ValueError("an ending is a dot and letters, such as .csv or .csv.gz")
    return ending


def _checked_reject_limit(limit: object) -> object:
    is_count = type(limit) is int and limit >= 0
    is_percentage = isinstance(limit, str) and re.fullmatch(r"\d{1,2}(\.\d+)?%|100%", limit)
    if limit is None or is_count or is_percentage:
        return limit
    raise ValueError('give a count such as 100 or a percentage such as "5%"')


def _default_quota(validated: Mapping[str, Any]) -> int:
    return int(validated["number_files"] * validated["data_sizes"])


def _default_expanded(validated: Mapping[str, Any]) -> int:
    return int(validated["data_sizes"] * EXPANSION)


class Violation(BaseModel):
    """One broken rule of one file: `format`, `size`, `name`, `too_many_files`, `quota` or `name_clash`."""

    model_config = ConfigDict(frozen=True)

    rule: str
    value: int | str
    limit: int | str
    message: str


class Constraints(BaseModel):
    """The constraints document of one customer; the first three keys are required.

    >>> acme = Constraints(formats=(".csv",), number_files=10, data_sizes=4096)
    >>> acme.violations("orders/2026-01-31.CSV", 4096 * 1024)
    []
    >>> [violation.rule for violation in acme.violations("orders//2026-01-31.pdf", 4096 * 1024 + 1)]
    ['name', 'format', 'size']
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    formats: tuple[Annotated[str, AfterValidator(_checked_ending)], ...] = Field(min_length=1)
    """Endings that a file may have, in lower or upper case."""

    number_files: int = Field(strict=True, ge=1, le=1_000_000)
    """How many files one upload may have."""

    data_sizes: int = Field(strict=True, ge=1, le=5 * 1024**3)
    """The largest file, in KiB, inclusive; at most MinIO's 5 TiB."""

    quota_kib: int = Field(default_factory=_default_quota, strict=True, ge=1, lt=2**53)
    """Staging's total; by default `number_files` files of `data_sizes`."""

    expanded_kib: int = Field(default_factory=_default_expanded, strict=True, ge=1, lt=2**53)
    """The largest file after decompression; by default 100 times `data_sizes`."""

    replay_days: int = Field(default=14, strict=True, ge=1, le=3650)
    """How long the archive keeps an object for a replay."""

    after_load: Literal["archive", "keep", "delete"] = "archive"
    """What becomes of an object whose rows are in."""

    max_rejects: Annotated[int | str | None, BeforeValidator(_checked_reject_limit)] = None
    """Rejected rows that end a load: a count or a percentage; by default none does."""

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


def parse_constraints(document: bytes) -> Constraints:
    """Read a constraints document.

    Raises:
        DocumentError: with key, value and what is allowed, for everything that is wrong at once.
    """
    try:
        return Constraints.model_validate_json(document)
    except ValidationError as error:
        raise DocumentError("; ".join(_problems(error.errors()).values())) from error


def _problems(details: list[ErrorDetails]) -> dict[str, str]:
    problems: dict[str, str] = {}
    for detail in details:
        # Computed defaults fail too when what they are computed from is wrong; that says nothing new.
        if detail["type"] != "default_factory_not_called":
            key = escaped(str(detail["loc"][0])) if detail["loc"] else "document"
            problems.setdefault(key, f"{key}: {_problem(detail)}")
    return problems


def _problem(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        reason = f"unknown key, the keys are {', '.join(Constraints.model_fields)}"
    return f"{json.dumps(detail['input']):.80} is not allowed: {reason}" if detail["loc"] else reason


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
