"""Reading: from an object's blocks to chunks of typed rows, by the contract of its app. The steps, in order.

The first error ends the file; the chunks before it are sound. Writing them is left to the manager.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.compression import expanded
from customer_ingestapps.contents import MAGIC_BYTES, check_content, checked
from customer_ingestapps.contract import AppContract
from customer_ingestapps.encodings import utf8
from customer_ingestapps.folding import fold_rows
from customer_ingestapps.header import Header, match_header
from customer_ingestapps.readers.csv import CsvReader
from customer_ingestapps.readers.json_array import json_array_rows
from customer_ingestapps.readers.json_lines import json_line_rows
from customer_ingestapps.readers.json_rows import JsonRows, declared_header
from customer_ingestapps.readers.parquet import ParquetReader
from customer_ingestapps.readers.rows import Limits, TextRows
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.sources import RandomAccess
from customer_ingestapps.typing_rows import type_rows


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next rows of a file; which ones they are depends on the file's content only."""

    number: int
    """From 0."""

    rows_read: int
    """Rows of the file: rows_kept, rejects and rows_dropped together."""

    rows_dropped: int
    """Rows that the app left out on purpose."""

    rejects: list[Reject]
    """In line order."""

    frame: pl.DataFrame
    """Typed columns of the table (those that the file has), one row per primary key."""

    rows_kept: int
    """Rows of the file that are in the frame."""

    last_line: int
    """The physical line on which the chunk's last row ends."""

    header: tuple[str, ...]
    """The file's own columns."""


def read_chunks(
    app: IngestApp,
    key: str,
    source: Iterable[bytes] | RandomAccess,
    *,
    expanded_limit: int | None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Chunk]:
    """Read an object from blocks of any size, or, if it is Parquet, by ranges; `expanded_limit` is in bytes.

    Raises:
        FileRejected: the file, or what is left of it, cannot be loaded.
    """
    opened = _open(app, key, source, expanded_limit=expanded_limit, limits=limits)
    for number, rows in enumerate(opened.rows):
        frame, rejects = type_rows(app.contract, opened.header, rows)
        unreadable = map(opened.header.own, rows.unreadable)
        yield Chunk(
            number=number,
            rows_read=rows.columns.height + len(rows.unreadable),
            rows_dropped=0,
            rejects=sorted([*rejects, *unreadable], key=lambda reject: reject.line),
            frame=fold_rows(app.contract, frame),
            rows_kept=frame.height,
            last_line=rows.last_line,
            header=opened.header.names,
        )


def text_rows(
    app: IngestApp, key: str, source: Iterable[bytes] | RandomAccess, *, expanded_limit: int | None
) -> Iterator[TextRows]:
    """Read an object as text only, before any value is looked at; raises as `read_chunks` does."""
    return _open(app, key, source, expanded_limit=expanded_limit, limits=Limits()).rows


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file whose header fits, and its rows to come."""

    header: Header
    rows: Iterator[TextRows]


def _open(
    app: IngestApp,
    key: str,
    source: Iterable[bytes] | RandomAccess,
    *,
    expanded_limit: int | None,
    limits: Limits,
) -> _Opened:
    files = app.contract.files
    if isinstance(source, RandomAccess):
        return _open_parquet(app.contract, key, source, expanded_limit=expanded_limit, limits=limits)
    stored = checked(key, blocks_of(limits.block_bytes, source), files.format)
    plain = blocks_of(limits.block_bytes, expanded(key, stored, limits.block_bytes, limit=expanded_limit))
    texts = utf8(plain, files.encoding)
    return (
        _open_csv(app.contract, texts, limits)
        if files.format == "csv"
        else _open_json(app.contract, texts, limits)
    )


def _open_csv(contract: AppContract, texts: Iterable[bytes], limits: Limits) -> _Opened:
    reader = CsvReader(texts, contract.files, limits)
    header = match_header(contract, reader.header, reader.header_line)
    return _Opened(header, reader.rows(header.positions))


def _open_json(contract: AppContract, texts: Iterable[bytes], limits: Limits) -> _Opened:
    header = declared_header(contract)
    read = json_line_rows if contract.files.format == "jsonl" else json_array_rows
    return _Opened(header, JsonRows(contract, header, limits).chunks(read(texts, limits)))


def _open_parquet(
    contract: AppContract, key: str, source: RandomAccess, *, expanded_limit: int | None, limits: Limits
) -> _Opened:
    check_content(key, source.read_range(0, MAGIC_BYTES), "parquet")
    reader = ParquetReader(source, limits, expanded_limit=expanded_limit)
    header = match_header(contract, reader.header, line=1)
    reader.check_types(header, contract)
    return _Opened(header, reader.rows(header.positions, contract))
