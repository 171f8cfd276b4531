"""What a whole file holds, read slowly: its rows in order, sound or not, and whether its end is reached."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks.reliability.forms import Form
from benchmarks.reliability.slow_csv import FaultError, Record, Slow
from benchmarks.reliability.slow_json import Digits, Elements, array_of, compact, lines_of
from benchmarks.reliability.slow_values import Value, inside, parse, plain_decimal, plain_float
from benchmarks.reliability.tables import COLUMNS, KEY, Kind

Row = dict[str, Value]
_MAGICS = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd"}


@dataclass(frozen=True)
class Outcome:
    """A row's line and values, or no values where it must be rejected."""

    line: int
    row: Row | None


@dataclass
class Reading:
    """What a file must become; of one that is not whole only the rows before the fault count."""

    outcomes: list[Outcome]
    is_whole: bool = True


def read(form: Form, ending: str, data: bytes) -> Reading:
    """Read a file."""
    if form.format == "parquet":
        return _parquet(data)
    content, is_whole = _expanded(ending, data)
    text, is_text = _decoded(form, content)
    reading = _csv(form, text) if form.format == "csv" else _json(form, text)
    return Reading(reading.outcomes, reading.is_whole and is_whole and is_text)


def _expanded(ending: str, data: bytes) -> tuple[bytes, bool]:
    """Give what can be decompressed, and whether that is all."""
    kind = ending.removeprefix(".")
    if not kind:
        return data, not data.startswith(tuple(_MAGICS.values()))
    with suppress(OSError, EOFError, zlib.error):
        content = gzip.decompress(data) if kind == "gz" else _unzstd(data)
        return content, bool(data)
    return _expanded_part(kind, data), False


def _unzstd(data: bytes) -> bytes:
    stream = pa.CompressedInputStream(pa.BufferReader(data), "zstd")
    found: bytes = stream.read()
    return found


def _expanded_part(kind: str, data: bytes) -> bytes:
    """Give what comes before a fault, byte by byte."""
    found = b""
    if kind == "gz":
        member = zlib.decompressobj(31)
        with suppress(zlib.error):
            for at in range(len(data)):
                found += member.decompress(data[at : at + 1])
                if member.eof:
                    member = zlib.decompressobj(31)
    return found


def _decoded(form: Form, content: bytes) -> tuple[str, bool]:
    """Give the text up to a byte that is none of the encoding's, or to a NUL."""
    mark = {"utf-8": b"\xef\xbb\xbf", "utf-16": b"\xff\xfe"}.get(form.encoding, b"")
    codec = form.encoding
    if codec == "utf-16":
        if not content.startswith((mark, b"\xfe\xff")):
            return "", not content
        codec = "utf-16-le" if content.startswith(mark) else "utf-16-be"
        content = content[2:]
    content = content.removeprefix(mark) if codec == "utf-8" else content
    try:
        text, is_whole = content.decode(codec), True
    except UnicodeDecodeError as error:
        text, is_whole = content[: error.start].decode(codec), False
    before, nul, _ = text.partition("\0")
    return before, is_whole and not nul


def _csv(form: Form, text: str) -> Reading:
    slow, is_whole = Slow(text, form.delimiter, form.quote), True
    try:
        slow.read()
    except FaultError:
        is_whole = False
    if not slow.records:
        return Reading([], is_whole=False)
    names = [(name or "").strip().casefold() for name in slow.records[0].fields]
    if not _is_header(names):
        return Reading([], is_whole=False)
    return Reading([_record(form, names, record) for record in slow.records[1:]], is_whole)


def _is_header(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names) and set(KEY) <= set(names) <= COLUMNS.keys()


def _record(form: Form, names: Sequence[str], record: Record) -> Outcome:
    if len(record.fields) != len(names):
        return Outcome(record.line, None)
    fields = {
        name: None if raw in form.null_words else value
        for name, value, raw in zip(names, record.fields, record.raw, strict=True)
    }
    return Outcome(record.line, _row(fields, lambda kind, text: _text_value(form, kind, text)))


def _text_value(form: Form, kind: Kind, text: str) -> Value:
    """Give a text's value; nothing, and a word for no value, are only texts."""
    is_text = kind.name in {"text", "ascii"}
    return None if not is_text and text in {"", *form.null_words} else parse(kind, text)


def _row(fields: Mapping[str, Any], value: Callable[[Kind, Any], Value]) -> Row | None:
    try:
        row = {name: None if found is None else value(COLUMNS[name], found) for name, found in fields.items()}
    except ValueError:
        return None
    return None if any(row.get(name) is None for name in KEY) else row


def _json(form: Form, text: str) -> Reading:
    elements: Elements = lines_of(text) if form.format == "jsonl" else array_of(text)
    outcomes = [
        Outcome(element.line, _object(form, element.value) if element.is_sound else None)
        for element in elements.found
    ]
    return Reading(outcomes, elements.is_whole)


def _object(form: Form, value: Any) -> Row | None:
    if not isinstance(value, dict):
        return None
    names = [name.strip().casefold() for name in value]
    if len(set(names)) < len(names) or set(names) - COLUMNS.keys():
        return None
    fields = dict.fromkeys(COLUMNS) | dict(zip(names, value.values(), strict=True))
    return _row(fields, lambda kind, found: _json_value(form, kind, found))


def _json_value(form: Form, kind: Kind, found: Any) -> Value:
    if isinstance(found, str) and not (kind.arguments and isinstance(found, Digits)):
        return _text_value(form, kind, found)
    if kind.arguments:
        return inside(kind, found)
    return parse(kind, compact(found))


def _parquet(data: bytes) -> Reading:
    try:
        table = parquet.read_table(io.BytesIO(data), page_checksum_verification=True, use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        return Reading([], is_whole=False)
    names = [name.strip().casefold() for name in table.column_names]
    if not _is_header(names):
        return Reading([], is_whole=False)
    columns = [_values(COLUMNS[name], table.column(place)) for place, name in enumerate(names)]
    rows = (dict(zip(names, found, strict=True)) for found in zip(*columns, strict=True))
    return Reading([Outcome(line, _sound(row)) for line, row in enumerate(rows, start=1)])


_FAULTY = object()


def _values(kind: Kind, column: Iterable[pa.Scalar]) -> list[Value]:
    found = []
    for scalar in column:
        try:
            value = scalar.as_py()
            found.append(None if value is None else _arrow_value(kind, value))
        except (ValueError, OverflowError, TypeError, pa.ArrowException):
            found.append(_FAULTY)
    return found


def _sound(row: Row) -> Row | None:
    is_faulty = any(value is _FAULTY for value in row.values())
    return None if is_faulty or any(row[name] is None for name in KEY) else row


def _arrow_value(kind: Kind, value: Any) -> Value:
    """Give the value of what pyarrow makes of a cell."""
    if isinstance(value, str):
        is_text = kind.name in {"text", "ascii"}
        return None if value == "" and not is_text else parse(kind, value)
    if kind.arguments:
        return inside(kind, _as_json(kind, value))
    if isinstance(value, float):
        return plain_float(value) if kind.name in {"float", "double"} else parse(kind, repr(value))
    return _arrow_scalar(kind, value)


def _arrow_scalar(kind: Kind, value: Any) -> Value:
    if isinstance(value, Decimal) and kind.name == "decimal":
        return plain_decimal(value)
    if isinstance(value, bytes):
        return parse(kind, _hex(kind, value))
    if isinstance(value, bool):
        return parse(kind, str(value).lower())
    if isinstance(value, datetime):
        return parse(kind, value.isoformat().replace("+00:00", "Z"))
    if isinstance(value, date | time):
        return parse(kind, value.isoformat())
    return parse(kind, f"{value:f}" if isinstance(value, Decimal) else str(value))


def _hex(kind: Kind, value: bytes) -> str:
    if kind.name != "blob":
        return (
            f"{value[:4].hex()}-{value[4:6].hex()}-{value[6:8].hex()}-{value[8:10].hex()}-{value[10:].hex()}"
        )
    return f"0x{value.hex()}"


def _as_json(kind: Kind, value: Any) -> Any:
    """Give what pyarrow makes of a nested cell as JSON would have it, single values as texts."""
    if isinstance(value, list) and kind.name == "map":
        if len(dict(value)) < len(value):
            raise ValueError("a key stands twice")
        return {name: _as_json(kind.arguments[1], inner) for name, inner in value}
    if isinstance(value, list):
        return [_as_json(kind.arguments[0], inner) for inner in value]
    if isinstance(value, dict):
        return {
            name: _as_json(kind.arguments[place], value[name])
            for place, name in enumerate(kind.fields)
            if name in value
        }
    return value if value is None else (f"{value:f}" if isinstance(value, Decimal) else str(value))
