"""Reading: from an object's blocks to chunks of typed rows, by the contract of its app. The steps, in order.

The first error ends the file; the chunks before it are sound. Writing them is left to the manager.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.compression import expanded
from customer_ingestapps.encodings import utf8
from customer_ingestapps.folding import fold_rows
from customer_ingestapps.header import match_header
from customer_ingestapps.readers.csv import CsvReader
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp
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
    blocks: Iterable[bytes],
    *,
    expanded_limit: int | None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Iterator[Chunk]:
    """Read an object, given in blocks of any size; `expanded_limit` is in bytes.

    Raises:
        FileRejected: the file, or what is left of it, cannot be loaded.
    """
    files = app.contract.files
    stored = blocks_of(limits.block_bytes, blocks)
    plain = blocks_of(limits.block_bytes, expanded(key, stored, limits.block_bytes, limit=expanded_limit))
    reader = CsvReader(utf8(plain, files.encoding), files, limits)
    header = match_header(app.contract, reader.header, reader.header_line)
    for number, rows in enumerate(reader.rows(header.positions)):
        frame, rejects = type_rows(app.contract, header, rows)
        yield Chunk(
            number=number,
            rows_read=rows.columns.height + len(rows.unreadable),
            rows_dropped=0,
            rejects=sorted([*rejects, *map(header.own, rows.unreadable)], key=lambda reject: reject.line),
            frame=fold_rows(app.contract, frame),
            rows_kept=frame.height,
            last_line=rows.last_line,
            header=header.names,
        )
