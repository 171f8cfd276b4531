"""The forms in which the table's rows are written: sound files of every format, dialect and compression."""

import gzip
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import zstandard
from pyarrow import parquet

from benchmarks.reliability.tables import COLUMNS, NUMBERS, Cells, contract

LATIN = "abc XYZ 0,;:'\"\t|éß\n"
UNICODE = LATIN + "漢ж🙂\u2028\r"


@dataclass(frozen=True)
class Form:
    """How a file is written, and what the app declares about it."""

    name: str
    format: str
    letters: str = UNICODE
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    null_words: tuple[str, ...] = ()
    line_end: str = "\n"
    has_mark: bool = False
    is_pretty: bool = False
    is_typed: bool = False
    writer_options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def contract(self) -> dict[str, Any]:
        """Give the declaration of the app that takes it."""
        files: dict[str, Any] = {"format": self.format}
        if self.format == "csv":
            files |= {"delimiter": self.delimiter, "quote": self.quote}
        if self.format != "parquet":
            files |= {"encoding": self.encoding, "null_words": self.null_words}
        return contract(files, {})


FORMS: Sequence[Form] = (
    Form("csv", "csv"),
    Form("csv, CRLF and byte order mark", "csv", line_end="\r\n", has_mark=True),
    Form("csv, semicolons and null words", "csv", delimiter=";", null_words=("NULL", "\\N")),
    Form("csv, single quotes and tabs", "csv", delimiter="\t", quote="'", line_end="\r\n"),
    Form("csv, bars in windows-1252", "csv", letters=LATIN + "€", delimiter="|", encoding="windows-1252"),
    Form("csv, utf-16", "csv", encoding="utf-16", has_mark=True),
    Form("csv, shift_jis", "csv", letters="abc ,\"'\n漢字ｶ", encoding="shift_jis"),
    Form("json lines", "jsonl"),
    Form("json lines, CRLF and byte order mark", "jsonl", line_end="\r\n", has_mark=True),
    Form("json array, compact", "json"),
    Form("json array, pretty", "json", is_pretty=True, line_end="\r\n"),
    Form("json array, latin-1", "json", letters=LATIN, encoding="latin-1", is_pretty=True),
    Form("parquet", "parquet", is_typed=True, writer_options={"write_page_checksum": True}),
    Form(
        "parquet, small pages",
        "parquet",
        is_typed=True,
        writer_options={"row_group_size": 5, "data_page_size": 64, "data_page_version": "2.0"},
    ),
    Form("parquet of texts", "parquet", writer_options={"compression": "zstd", "row_group_size": 9}),
)
ENDINGS: Mapping[str, Callable[[random.Random, bytes], bytes]] = {
    "": lambda _, data: data,
    ".gz": lambda rng, data: _in_parts(rng, data, lambda part: gzip.compress(part, mtime=0)),
    ".zst": lambda rng, data: _in_parts(rng, data, zstandard.ZstdCompressor(write_checksum=True).compress),
}


def _in_parts(rng: random.Random, data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """Compress as one or two members."""
    cut = rng.choice((0, 0, len(data) // 2))
    return compress(data[cut:]) if not cut else compress(data[:cut]) + compress(data[cut:])


def text_of(form: Form, rng: random.Random, rows: Sequence[Cells]) -> str:
    """Write rows as CSV or JSON."""
    names = rng.sample(list(COLUMNS), len(COLUMNS))
    if form.format == "csv":
        records = [[_field(form, rng, name) for name in names]]
        records += [[_field(form, rng, row[name]) for name in names] for row in rows]
        return "".join(form.delimiter.join(record) + form.line_end for record in records)
    objects = [_object(form, rng, row, names) for row in rows]
    if form.format == "jsonl":
        return form.line_end.join(objects)
    between = form.line_end if form.is_pretty else ""
    return f"[{between}{(',' + between).join(objects)}{between}]{form.line_end}"


def encoded(form: Form, text: str) -> bytes:
    """Encode a text; what the encoding lacks becomes a question mark."""
    codec = {"utf-16": "utf-16-le"}.get(form.encoding, form.encoding)
    return ("\ufeff" * form.has_mark + text).encode(codec, "replace")


def _field(form: Form, rng: random.Random, cell: str | None) -> str:
    if cell is None:
        return rng.choice(("", *form.null_words))
    marks = (form.delimiter, form.quote, "\n", "\r")
    is_bare = cell and cell not in form.null_words and not any(mark in cell for mark in marks)
    if is_bare and rng.random() < 0.8:
        return cell
    return form.quote + cell.replace(form.quote, form.quote * 2) + form.quote


def _object(form: Form, rng: random.Random, row: Cells, names: Sequence[str]) -> str:
    pairs = [
        f"{json.dumps(name)}: {_json(name, row[name])}"
        for name in names
        if row[name] is not None or rng.random() < 0.5
    ]
    if form.is_pretty:
        return "  {\n    " + ",\n    ".join(pairs) + "\n  }"
    return "{" + ", ".join(pairs) + "}"


class Damaged(str):
    """A cell that is not what it should be; in JSON a text, whatever its column."""

    __slots__ = ()


def _json(name: str, cell: str | None) -> str:
    kind = COLUMNS[name]
    is_raw = kind.name in NUMBERS or kind.name == "boolean" or kind.arguments
    if cell is None or (is_raw and not isinstance(cell, Damaged)):
        return cell or "null"
    return json.dumps(cell, ensure_ascii=False)


def parquet_of(form: Form, rows: Sequence[Cells]) -> bytes:
    """Write rows as Parquet, in types of its own or as texts."""
    columns = {
        name: _typed(name, [row[name] for row in rows])
        if form.is_typed
        else pa.array([row[name] for row in rows], pa.string())
        for name in COLUMNS
    }
    output = io.BytesIO()
    parquet.write_table(pa.table(columns), output, **form.writer_options)
    return output.getvalue()


def _typed(name: str, cells: Sequence[str | None]) -> pa.Array:
    kind, make = _ARROW.get(COLUMNS[name].name, (pa.string(), str))
    return pa.array([None if cell is None else make(cell) for cell in cells], kind)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


_ARROW: Mapping[str, tuple[pa.DataType, Callable[[str], Any]]] = {
    "tinyint": (pa.int8(), int),
    "smallint": (pa.int16(), int),
    "int": (pa.int32(), int),
    "bigint": (pa.int64(), int),
    "varint": (pa.decimal128(38, 0), Decimal),
    "float": (pa.float32(), float),
    "double": (pa.float64(), float),
    "decimal": (pa.decimal128(18, 4), Decimal),
    "boolean": (pa.bool_(), "true".__eq__),
    "date": (pa.date32(), date.fromisoformat),
    "time": (pa.time64("us"), time.fromisoformat),
    "timestamp": (pa.timestamp("us", "UTC"), _moment),
    "uuid": (pa.binary(16), lambda text: UUID(text).bytes),
    "blob": (pa.binary(), lambda text: bytes.fromhex(text[2:])),
    "set": (pa.list_(pa.string()), json.loads),
    "map": (pa.map_(pa.string(), pa.int32()), lambda text: list(json.loads(text).items())),
    "list": (
        pa.list_(pa.decimal128(18, 4)),
        lambda text: json.loads(text, parse_float=Decimal, parse_int=Decimal),
    ),
    "address": (pa.struct({"street": pa.string(), "number": pa.int32()}), json.loads),
    "vector": (pa.list_(pa.float32()), json.loads),
}
