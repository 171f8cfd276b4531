"""The contract of an ingest app: what its `app.toml` may declare.

Pydantic only, so that whoever needs a table's shape need not load a reader. Nothing is guessed: what is not
declared has one documented default, an unknown key or a value that is not allowed is refused.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from customer_ingestapps.errors import ContractError
from customer_ingestapps.templates import Template, parse_template

CqlType = Literal[
    "text", "ascii", "tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "date", "timestamp"
]
Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "iso-8859-2", "iso-8859-15",
    "windows-1250", "windows-1251", "windows-1252", "shift_jis", "euc_kr", "big5", "gb18030",
]  # fmt: skip


def fold(name: str) -> str:
    """Give the form in which names of file columns are compared: trimmed, without regard to case."""
    return name.strip().casefold()


def _checked_delimiter(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in "\"'\r\n\0":
        raise ValueError("a delimiter is one ASCII character: no letter, digit, quote, line end or NUL")
    return text


def _checked_column_name(name: str) -> str:
    if not re.fullmatch(r'[^"\x00-\x1f\x7f]{1,100}', name) or name != name.strip():
        raise ValueError(
            'a column name has 1 to 100 characters, no ", no control character, no space at its ends'
        )
    return name


def _checked_type(cql: object) -> object:
    if cql == "counter":
        raise ValueError("counter columns cannot be loaded: a repeated load would count twice")
    if isinstance(cql, str) and cql.startswith("list<"):
        raise ValueError("a list must be frozen<list<…>>: a repeated load would double its elements")
    return cql


def _as_table(column: object) -> object:
    return {"type": column} if isinstance(column, str) else column


def _as_template(text: object) -> object:
    return parse_template(text) if isinstance(text, str) else text


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Files(_Declared):
    """`[files]`: which files the app takes, and how they are to be read."""

    keys: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """Globs on the whole object key, without regard to case: `*` and `?` stop at `/`, `**` does not."""

    format: Literal["csv"]

    delimiter: Annotated[str, AfterValidator(_checked_delimiter)] = ","

    quote: Literal['"', "'"] = '"'
    """Stands around a field and is doubled inside it."""

    encoding: Encoding = "utf-8"
    """`utf-16` needs a byte order mark in the file; the others may have one if Unicode."""

    null_words: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Unquoted fields that mean: no value. An empty unquoted field always does."""

    extra_columns: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a file with columns that the table does not use."""


class Table(_Declared):
    """`[table]`: where the rows go."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    partition_key: tuple[str, ...] = Field(min_length=1)
    clustering_key: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key: partition key, then clustering key."""
        return self.partition_key + self.clustering_key


class Column(_Declared):
    """One of `[columns]`; a type alone may stand for `{ type = … }`."""

    type: Annotated[CqlType, BeforeValidator(_checked_type)]

    column: Annotated[str, Field(min_length=1)] | None = None
    """The file's name of it, where it differs."""

    template: Annotated[Template, BeforeValidator(_as_template)] | None = None
    """A text built from other columns of the file and then parsed like one of the file."""

    empty: Literal["unset", "null"] = "unset"
    """What no value does to a value stored earlier: `unset` leaves it, `null` deletes it."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.column is not None and self.template is not None:
            raise ValueError("give column or template, not both")
        return self


class AppContract(_Declared):
    """One `app.toml`; `columns` are the table's, in its order."""

    files: Files
    table: Table
    columns: Mapping[
        Annotated[str, AfterValidator(_checked_column_name)], Annotated[Column, BeforeValidator(_as_table)]
    ] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_sound_key(self) -> Self:
        for name, times in Counter(self.table.key).items():
            if name not in self.columns:
                raise ValueError(
                    f"table: key column {name!r} is not one of [columns]: {', '.join(self.columns)}"
                )
            if times > 1:
                raise ValueError(f"table: column {name!r} stands twice in the key")
            if self.columns[name].empty == "null":
                raise ValueError(f'columns.{name}.empty: "null" is not allowed for a key column')
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for folded, times in Counter(map(fold, self.columns)).items():
            if times > 1:
                raise ValueError(f"columns: two names differ from {folded!r} in case only")
        return self

    def sources(self, name: str) -> tuple[str, ...]:
        """Give the folded names of the file's columns from which a table column is made."""
        column = self.columns[name]
        read = column.template.columns if column.template else (column.column or name,)
        return tuple(map(fold, read))


def load_contract(document: Path) -> AppContract:
    """Read an `app.toml`.

    Raises:
        ContractError: it is no TOML or breaks the contract; one line per fault.
    """
    try:
        return AppContract.model_validate(tomllib.loads(document.read_text("utf-8")))
    except ValidationError as error:
        faults = [_fault(detail["loc"], detail["msg"], detail["input"]) for detail in error.errors()]
    except (OSError, ValueError) as error:  # TOML's and UTF-8's errors are ValueErrors
        faults = [str(error)]
    raise ContractError("\n".join(f"{document}: {fault}" for fault in faults))


def _fault(where: tuple[int | str, ...], message: str, value: Any) -> str:
    key = ".".join(str(part) for part in where if part != "[key]")
    shown = f" = {value!r}" if isinstance(value, str | int | float | bool) else ""
    return f"{key}{shown}: {message.removeprefix('Value error, ')}".removeprefix(": ")
