"""The columns of a sample: their names in the file and in the table, and the ways in which they may be read.

A CSV names them in its header, JSON in its objects, Parquet in its schema, with types of its own.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import parquet, types

from customer_ingestapps.contract import fold
from customer_ingestapps.errors import ProposalError
from customer_ingestapps.header import MOST_COLUMNS
from customer_ingestapps.proposals.form import LIMITS, Form
from customer_ingestapps.proposals.readings import Reading, readings_of_text
from customer_ingestapps.readers.csv import CsvReader
from customer_ingestapps.readers.json_array import json_array_rows
from customer_ingestapps.readers.json_lines import json_line_rows

_LONGEST_NAME = 48
_OWN = "own"  # the family of types that the file itself names


@dataclass(frozen=True, slots=True)
class Source:
    """One column of the sample; without readings it is left out."""

    spelled: str
    name: str
    """In the table."""
    readings: Sequence[Reading]
    is_text: bool
    """Whether the file has it as text, so that a word may stand for no value."""


def find_columns(form: Form, zone: str | None) -> list[Source]:
    """Find the columns of a sample.

    Raises:
        FileRejected: it cannot be read.
        ProposalError: its columns cannot be told apart.
    """
    if form.files.format == "parquet":
        return _named(_of_parquet(form, zone))
    spelled = _of_csv(form) if form.files.format == "csv" else _of_json(form)
    readings = readings_of_text(zone, has_marks=form.files.format == "csv")
    return _named([(name, readings, True) for name in spelled])


def _of_csv(form: Form) -> list[str]:
    names = [(name or "").strip() for name in CsvReader(form.texts(), form.files, LIMITS).header]
    for number, name in enumerate(names, start=1):
        if not name:
            raise ProposalError(
                f"column {number} of the header has no name: the first line names the columns"
            )
    _check(names)
    return names


def _of_json(form: Form) -> list[str]:
    read = json_line_rows if form.files.format == "jsonl" else json_array_rows
    spelled: dict[str, str] = {}
    for row in read(form.texts(), LIMITS):
        for key in row.value if isinstance(row.value, dict) else ():
            if key.strip():
                spelled.setdefault(fold(key), key.strip())
        if len(spelled) > MOST_COLUMNS:
            break
    _check(list(spelled.values()))
    return list(spelled.values())


def _check(names: Sequence[str]) -> None:
    if not names:
        raise ProposalError("the sample has no columns")
    if len(names) > MOST_COLUMNS:
        raise ProposalError(f"the sample has more than {MOST_COLUMNS} columns")
    seen: dict[str, str] = {}
    for name in names:
        if other := seen.get(fold(name)):
            raise ProposalError(f"two columns have the same name: {other!r} and {name!r}")
        seen[fold(name)] = name


def _named(columns: Iterable[tuple[str, Sequence[Reading], bool]]) -> list[Source]:
    taken: set[str] = set()
    found = []
    for number, (name, readings, is_text) in enumerate(columns, start=1):
        plain = table_name(name) or f"column_{number}"
        while plain in taken:
            plain += "_2"
        taken.add(plain)
        found.append(Source(name, plain, readings, is_text))
    return found


def table_name(text: str) -> str:
    """Give the name that needs no quotes in CQL.

    >>> table_name("Amount (EUR)"), table_name("Größe"), table_name("2nd")
    ('amount_eur', 'grosse', 'n2nd')
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text.casefold()) if letter.isascii())
    name = re.sub("[^a-z0-9]+", "_", bare).strip("_")[:_LONGEST_NAME].strip("_")
    return f"n{name}"[:_LONGEST_NAME] if name[:1].isdigit() else name


def _of_parquet(form: Form, zone: str | None) -> list[tuple[str, list[Reading], bool]]:
    try:
        schema = parquet.read_schema(form.path)
    except (pa.ArrowException, OSError) as error:
        raise ProposalError(f"the Parquet file cannot be read: {error}") from error
    _check([name.strip() for name in schema.names])
    columns = zip(schema.names, schema.types, strict=True)
    return [(name, _of_arrow(kind, zone), _is_text(kind)) for name, kind in columns]


_IS: tuple[tuple[Callable[[pa.DataType], bool], tuple[str, ...]], ...] = (
    (types.is_boolean, ("boolean",)),
    (types.is_int8, ("tinyint",)),
    (types.is_int16, ("smallint",)),
    (lambda kind: any((types.is_int32(kind), types.is_uint8(kind), types.is_uint16(kind))), ("int",)),
    (types.is_integer, ("bigint", "varint")),
    (types.is_float32, ("float",)),
    (types.is_floating, ("double",)),
    (types.is_decimal, ("decimal",)),
    (types.is_date, ("date",)),
    (types.is_time, ("time",)),
    (lambda kind: types.is_fixed_size_binary(kind) and kind.byte_width == 16, ("uuid", "blob")),
    (lambda kind: any((types.is_binary(kind), types.is_large_binary(kind))), ("blob",)),
    (types.is_fixed_size_binary, ("blob",)),
)


def _is_text(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any((types.is_string(kind), types.is_large_string(kind), types.is_null(kind)))


def _of_arrow(kind: pa.DataType, zone: str | None) -> list[Reading]:
    """Give the readings of a type, of which none means that it is for people to declare."""
    if types.is_dictionary(kind):
        return _of_arrow(kind.value_type, zone)
    if _is_text(kind):
        return readings_of_text(zone, has_marks=False)
    if types.is_timestamp(kind):
        return _of_timestamp(kind, zone)
    if any((types.is_list(kind), types.is_large_list(kind))):
        is_text = _is_text(kind.value_type)
        inner = ["text"] if is_text else [one.type for one in _of_arrow(kind.value_type, zone)]
        return [Reading(_OWN, {"type": f"frozen<list<{one}>>"}) for one in inner]
    names = next((names for is_kind, names in _IS if is_kind(kind)), ())
    finite = [Reading(_OWN, {"type": name}) for name in names]
    words = [
        Reading(_OWN, {"type": name, "not_finite": "allow"}) for name in names if name in {"float", "double"}
    ]
    return finite + words


def _of_timestamp(kind: pa.DataType, zone: str | None) -> list[Reading]:
    if kind.tz is not None:
        return [Reading(_OWN, {"type": "timestamp"})]
    return [Reading(_OWN, {"type": "timestamp", "zone": zone})] if zone else []
