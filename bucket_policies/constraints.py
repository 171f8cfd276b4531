"""What one customer may upload: the constraints document, checked key by key.

Judging a file by it is left to `rules`, which a customer's machine shares. Pure: pydantic only.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bucket_policies.errors import DocumentError
from bucket_policies.json_keys import refuse_repeated_keys
from bucket_policies.rules import FileRules, Violation, escaped

EXPANSION = 100  # expanded_kib / data_sizes by default: above any honest text, a tenth of what a bomb reaches


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


class Constraints(BaseModel):
    """The constraints document of one customer; the first three keys are required.

    >>> acme = Constraints(formats=(".csv",), number_files=10, data_sizes=4096)
    >>> acme.quota_kib
    40960
    >>> [violation.rule for violation in acme.violations("orders/2026-01-31.pdf", 4096 * 1024 + 1)]
    ['format', 'size']
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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

    @property
    def file_rules(self) -> FileRules:
        """What it says about files, without pydantic."""
        return FileRules(
            formats=self.formats,
            number_files=self.number_files,
            data_sizes=self.data_sizes,
            max_rejects=self.max_rejects,
        )

    def violations(self, name: str, size: int | None) -> list[Violation]:
        """Judge one file by its name and its size in bytes (None = not known); the empty list accepts it."""
        return self.file_rules.violations(name, size)

    def too_many_rejects(self, rejected: int, rows_read: int) -> bool:
        """Ask, at the end of a chunk, whether so many rejected rows end the load."""
        return self.file_rules.too_many_rejects(rejected, rows_read)


def parse_constraints(document: bytes) -> Constraints:
    """Read a constraints document.

    Raises:
        DocumentError: with key, value and what is allowed, for everything that is wrong at once.
    """
    refuse_repeated_keys(document)
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
