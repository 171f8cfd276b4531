"""Reading: from an object's blocks to chunks of typed rows, by the contract of its app. The steps, in order.

The first error ends the file; the chunks before it are sound. Writing them is left to the manager.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from customer_ingestapps.answers import Transformed, batch_of, read_answer
from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.compression import expanded
from customer_ingestapps.contents import MAGIC_BYTES, check_content, checked
from customer_ingestapps.contract import AppContract
from customer_ingestapps.encodings import utf8
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.folding import fold_rows
from customer_ingestapps.header import Header, match_header, match_input
from customer_ingestapps.readers.csv import CsvReader
from customer_ingestapps.readers.json_array import json_array_rows
from customer_ingestapps.readers.json_lines import json_line_rows
from customer_ingestapps.readers.json_rows import JsonRows, declared_header
from customer_ingestapps.readers.parquet import ParquetReader
from customer_ingestapps.readers.rows import Fields, Limits, TextRows
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.sources import RandomAccess
from customer_ingestapps.transforms import Transform
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

    drops: Mapping[str, int] = field(default_factory=dict)
    """How many rows the app left out, by its reason."""


def read_chunks(
    app: IngestApp,
    key: str,
    source: Iterable[bytes] | RandomAccess,
    *,
    expanded_limit: int | None,
    transform: Transform | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Chunk]:
    """Read an object from blocks of any size, or, if it is Parquet, by ranges; `expanded_limit` is in bytes.

    Args:
        app: how it is to be read.
        key: the object's key.
        source: its bytes.
        expanded_limit: the most bytes after decompression.
        transform: the app's code, if it has any, ready to be asked.
        limits: how much is read at once.

    Raises:
        FileRejected: the file, or what is left of it, cannot be loaded.
    """
    if (app.contract.transform is None) != (transform is None):
        raise ValueError("an app with a transform is read with it, and no other is")
    opened = _open(app, key, source, expanded_limit=expanded_limit, limits=limits)
    done = _transformed(app.contract, opened, transform)
    for number, (rows, transformed) in enumerate(done):
        yield _chunk(app.contract, opened.header, number=number, read=rows, done=transformed)


def read_untransformed(
    app: IngestApp,
    key: str,
    source: Iterable[bytes] | RandomAccess,
    *,
    expanded_limit: int | None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Chunk]:
    """Read an object as far as an app's transform, which is not there: chunks of rows that have no columns.

    Raises:
        FileRejected: the file, or what is left of it, cannot be read.
    """
    opened = _open(app, key, source, expanded_limit=expanded_limit, limits=limits)
    for number, rows in enumerate(opened.own_rows()):
        yield Chunk(
            number=number,
            rows_read=len(rows.lines) + len(rows.unreadable),
            rows_dropped=0,
            rejects=rows.unreadable,
            frame=pl.DataFrame(),
            rows_kept=len(rows.lines),
            last_line=rows.last_line,
            header=opened.header.names,
        )


def text_rows(
    app: IngestApp, key: str, source: Iterable[bytes] | RandomAccess, *, expanded_limit: int | None
) -> Iterator[TextRows]:
    """Read an object as text only, before any value is looked at; raises as `read_chunks` does."""
    return _open(app, key, source, expanded_limit=expanded_limit, limits=Limits()).rows


def _transformed(
    contract: AppContract, opened: "_Opened", transform: Transform | None
) -> Iterator[tuple[TextRows, Transformed]]:
    """Let the app answer each batch while the next one is read; what was read before a fault still comes."""
    unread, is_over = opened.own_rows(), False
    fault: FileRejected | None = None
    asked: tuple[TextRows, Callable[[], Transformed]] | None = None
    while not is_over:
        try:
            rows = next(unread, None)
        except FileRejected as error:
            rows, fault = None, error
        answered = (asked[0], asked[1]()) if asked else None
        asked = (rows, _ask(contract, opened.header, rows, transform)) if rows else None
        if answered:
            yield answered
        is_over = asked is None
    if fault:
        raise fault


def _ask(
    contract: AppContract, header: Header, rows: TextRows, transform: Transform | None
) -> Callable[[], Transformed]:
    """Hand a batch to the app, if there is one; what is returned waits for what became of it."""
    if transform is None or not len(rows.lines):
        return lambda: Transformed(header, rows)
    answer = transform(batch_of(contract, rows))
    return lambda: read_answer(contract, header, rows, answer())


def _chunk(contract: AppContract, header: Header, *, number: int, read: TextRows, done: Transformed) -> Chunk:
    frame, refused = pl.DataFrame(), list[Reject]()
    if done.header.table_columns:  # of a batch that an app was not asked about there are none
        frame, refused = type_rows(contract, done.header, done.rows)
        frame = fold_rows(contract, frame)
    rejects = sorted([*read.unreadable, *done.rejects, *refused], key=lambda reject: reject.line)
    rows_read, rows_dropped = len(read.lines) + len(read.unreadable), sum(done.drops.values())
    return Chunk(
        number=number,
        rows_read=rows_read,
        rows_dropped=rows_dropped,
        rejects=rejects,
        frame=frame,
        rows_kept=rows_read - rows_dropped - len(rejects),
        last_line=read.last_line,
        header=header.names,
        drops=done.drops,
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file whose header fits, and its rows to come."""

    header: Header
    rows: Iterator[TextRows]

    def own_rows(self) -> Iterator[TextRows]:
        """Give the rows without what a rejects file had added to them."""
        width = len(self.header.names)
        for rows in self.rows:
            yield replace(
                rows,
                fields_of=partial(_first_fields, rows.fields_of, width),
                unreadable=[*map(self.header.own, rows.unreadable)],
            )


def _first_fields(fields_of: Callable[[int], Fields], width: int, row: int) -> Fields:
    return fields_of(row)[:width]


def _match(contract: AppContract, fields: Sequence[str], line: int) -> Header:
    return (match_input if contract.transform else match_header)(contract, fields, line)


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
    header = _match(contract, reader.header, reader.header_line)
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
    header = _match(contract, reader.header, 1)
    reader.check_types(header, contract)
    return _Opened(header, reader.rows(header.positions, contract))
