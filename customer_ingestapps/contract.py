"""The contract of an ingest app: what its `app.toml` may declare.

Pydantic only, so that whoever needs a table's shape need not load a reader. Nothing is guessed: what is not
declared has one documented default, an unknown key or a value that is not allowed is refused.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from customer_ingestapps.columns import MARKS, Column, Declared, as_column
from customer_ingestapps.contract_faults import NAME, OPTION, fault_of
from customer_ingestapps.cql_types import NAMES, CqlType, UserTypes, parse_type
from customer_ingestapps.errors import ContractError
from customer_ingestapps.transforms import RESERVED, TransformDeclaration

Format = Literal["csv", "jsonl", "json", "parquet"]
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


def _checked_type_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", name) or name in NAMES:
        raise ValueError("a type's name has lower-case letters, digits, _, and is not one of Cassandra's own")
    return name


_FieldName = Annotated[str, Field(pattern=NAME)]
_Fields = Annotated[Mapping[_FieldName, str], Field(min_length=1)]


class Files(Declared):
    """`[files]`: which files the app takes, and how they are to be read."""

    keys: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """Globs on the whole object key, without regard to case: `*` and `?` stop at `/`, `**` does not."""

    format: Format
    """`csv`; `jsonl`, one object a line; `json`, an array of objects; `parquet`."""

    delimiter: Annotated[str, AfterValidator(_checked_delimiter)] = ","

    quote: Literal['"', "'"] = '"'
    """Stands around a field and is doubled inside it."""

    encoding: Encoding = "utf-8"
    """`utf-16` needs a byte order mark in the file; the others may have one if Unicode."""

    null_words: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Unquoted fields that mean: no value. An empty unquoted field always does."""

    extra_columns: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a file with columns that the table does not use."""

    csv_keys: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Of Parquet: globs on CSV files of the same columns, such as its corrected rejects."""

    @model_validator(mode="after")
    def _suits_the_format(self) -> Self:
        if self.csv_keys and self.format != "parquet":
            raise ValueError(f"csv_keys is not for files of the format {self.format!r}")
        csv_only, text_only = {"delimiter", "quote"}, {"encoding", "null_words"}
        refused = {"csv": set(), "jsonl": csv_only, "json": csv_only}.get(self.format, csv_only | text_only)
        for key in sorted(self.widened & refused):
            raise ValueError(f"{key} is not for files of the format {self.format!r}")
        return self


MOST_TTL_SECONDS = 630_720_000
_STRATEGIES = (
    "SizeTieredCompactionStrategy", "LeveledCompactionStrategy", "TimeWindowCompactionStrategy",
    "UnifiedCompactionStrategy",
)  # fmt: skip


def _checked_compaction(options: Mapping[str, str]) -> Mapping[str, str]:
    if options.get("class") not in _STRATEGIES:
        raise ValueError(f"it needs a class; allowed are {', '.join(_STRATEGIES)}")
    return options


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_OptionText = Annotated[str, BeforeValidator(_as_text), Field(pattern=OPTION)]


class Table(Declared):
    """`[table]`: where the rows go. An option that is not declared is left as the table has it."""

    name: Annotated[str, Field(pattern=NAME)]
    partition_key: tuple[str, ...] = Field(min_length=1)
    clustering_key: tuple[str, ...] = ()

    clustering_order: Mapping[str, Literal["asc", "desc"]] = {}
    """Of columns of the clustering key; fixed once the table is there."""

    default_ttl: Annotated[int, Field(strict=True, ge=0, le=MOST_TTL_SECONDS)] | None = None
    """Seconds after which what is written expires; 0 means never."""

    gc_grace_seconds: Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)] | None = None
    """How long deletions are remembered for replicas that were away."""

    comment: Annotated[str, Field(max_length=1000)] | None = None

    compaction: Annotated[Mapping[str, _OptionText], AfterValidator(_checked_compaction)] | None = None
    """Cassandra's own options: a class, and what that takes."""

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key: partition key, then clustering key."""
        return self.partition_key + self.clustering_key

    @model_validator(mode="after")
    def _orders_its_clustering_key(self) -> Self:
        for name in self.clustering_order:
            if name not in self.clustering_key:
                key = ", ".join(self.clustering_key) or "empty"
                raise ValueError(f"clustering_order: {name!r} is not in the clustering key, which is {key}")
        return self


class AppContract(Declared):
    """One `app.toml`; `columns` are the table's, in its order."""

    files: Files
    table: Table
    columns: Mapping[
        Annotated[str, AfterValidator(_checked_column_name)], Annotated[Column, BeforeValidator(as_column)]
    ] = Field(min_length=1)
    types: Mapping[Annotated[str, AfterValidator(_checked_type_name)], _Fields] = {}
    """User-defined types: their fields in order."""
    transform: TransformDeclaration | None = None
    """The customer's own code; without it the declaration is all."""

    @cached_property
    def cql_types(self) -> Mapping[str, CqlType]:
        """The types of the table's columns."""
        return {name: parse_type(column.type, self.types) for name, column in self.columns.items()}

    @model_validator(mode="after")
    def _has_sound_types(self) -> Self:
        faults = [*_type_faults(self.types), *_column_faults(self)]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @model_validator(mode="after")
    def _has_a_sound_key(self) -> Self:
        for name, times in Counter(self.table.key).items():
            if name not in self.columns:
                raise ValueError(
                    f"[table]: key column {name!r} is not one of [columns]: {', '.join(self.columns)}"
                )
            if times > 1:
                raise ValueError(f"[table]: column {name!r} stands twice in the key")
            if self.columns[name].empty == "null":
                raise ValueError(f'[columns] {name}.empty: "null" is not allowed for a key column')
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for folded, times in Counter(map(fold, self.columns)).items():
            if times > 1:
                raise ValueError(f"[columns]: two names differ from {folded!r} in case only")
        return self

    @model_validator(mode="after")
    def _leaves_the_transforms_own_names(self) -> Self:
        if self.transform:
            read = {fold(name) for name in self.transform.columns}
            taken = read.union(*map(self.sources, self.columns)) & RESERVED
            if taken:
                raise ValueError(
                    f"[columns]: {min(taken)!r} is what batches of a transform have of their own"
                )
            if len(read) < len(self.transform.columns):
                raise ValueError("[transform] columns: two names differ in case only")
        return self

    def by_format(self) -> Iterator[Self]:
        """Give the contract for each format that the app takes: its own, and CSV if it has `csv_keys`."""
        yield self
        if self.files.csv_keys:
            files = Files(keys=self.files.csv_keys, format="csv", extra_columns=self.files.extra_columns)
            yield self.model_copy(update={"files": files})

    def sources(self, name: str) -> tuple[str, ...]:
        """Give the folded names of the file's columns from which a table column is made."""
        column = self.columns[name]
        read = column.template.columns if column.template else (column.column or name,)
        return tuple(map(fold, read))


def _type_faults(types: UserTypes) -> Iterator[str]:
    for name in types:
        try:
            parse_type(f"frozen<{name}>", types)
        except ValueError as error:
            yield f"[types] {name}: {error}"


def _column_faults(contract: AppContract) -> Iterator[str]:
    for name, column in contract.columns.items():
        try:
            cql = parse_type(column.type, contract.types)
        except ValueError as error:
            yield f"[columns] {name}.type: {error}"
            continue
        try:
            column.check_options(cql)
            _check_use(contract, name, cql)
        except ValueError as error:
            yield f"[columns] {name}: {error}"


def _check_use(contract: AppContract, name: str, cql: CqlType) -> None:
    """Raise ValueError where a column cannot be what it is declared to be."""
    column, is_key = contract.columns[name], name in contract.table.key
    marks = sorted(column.widened.intersection(MARKS))
    if marks and contract.files.format != "csv":
        raise ValueError(
            f"{marks[0]} is for csv: the numbers of {contract.files.format} have marks of their own"
        )
    if column.binary != "hex" and contract.files.format == "parquet":
        raise ValueError("binary is not for parquet, whose bytes are no text")
    if cql.name == "list" and not cql.is_frozen:
        raise ValueError("a list must be frozen<list<…>>: a repeated load would double its elements")
    if is_key and not cql.is_frozen:
        raise ValueError(f"in the key it must be frozen<{cql}>")
    if is_key and cql.holds("duration"):
        raise ValueError("a duration cannot be in the key: Cassandra cannot order it")
    if name in contract.table.clustering_key and cql.arguments and cql.holds("decimal"):
        raise ValueError("decimals in a clustering key must stand alone: 1.0 and 1.00 are one to Cassandra")


def load_contract(document: Path) -> AppContract:
    """Read an `app.toml`.

    Raises:
        ContractError: it is no TOML or breaks the contract; one line per fault.
    """
    try:
        return AppContract.model_validate(tomllib.loads(document.read_text("utf-8")))
    except ValidationError as error:
        faults = [fault_of(detail, _keys_of) for detail in error.errors()]
    except OSError as error:
        faults = [f"cannot be read: {error.strerror}"]
    except UnicodeDecodeError as error:
        faults = [f"is not in UTF-8, write it so: {error}"]
    except ValueError as error:  # TOML's own
        faults = [f"is no TOML: {error}"]
    lines = [line for fault in faults for line in fault.splitlines()]
    raise ContractError("\n".join(f"{document}: {line}" for line in lines))


def _keys_of(section: str) -> Iterable[str]:
    models: Mapping[str, type[Declared]] = {
        "files": Files,
        "table": Table,
        "columns": Column,
        "transform": TransformDeclaration,
    }
    return models.get(section, AppContract).model_fields
