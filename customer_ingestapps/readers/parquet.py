"""The Parquet reader: from a file that can be read by ranges to columns of text, row group by row group.

A row's line is its number in the file, from 1. What the bytes claim is checked against the limits first;
whatever pyarrow cannot read is a damaged file.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from customer_ingestapps.contract import AppContract, Files
from customer_ingestapps.cql_types import CqlType
from customer_ingestapps.csv_text import csv_text
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.header import Header, wanted_types
from customer_ingestapps.readers.arrow_texts import fits, texts_of
from customer_ingestapps.readers.parquet_pages import Pages
from customer_ingestapps.readers.rows import Fields, Limits, TextRows
from customer_ingestapps.reasons import Reason
from customer_ingestapps.sources import RandomAccess

MOST_ROW_GROUP_BYTES = 256 << 20
"""Of a row group before compression and encoding."""

_TEXT = CqlType("text")
_BUFFER_BYTES = 1 << 20
_THRIFT_BYTES, _THRIFT_ITEMS = 16 << 20, 1 << 20  # of the footer's and the pages' own structure


class ParquetReader:
    """One Parquet file; its footer is read at once, the rows as they are asked for."""

    def __init__(self, source: RandomAccess, limits: Limits, *, expanded_limit: int | None) -> None:
        self._ranges = _Ranges(source)
        self._limits = limits
        self._expanded_limit = expanded_limit
        with self._faults():
            schema = self._open([]).schema_arrow
            self._file = self._open([name for name in schema.names if _is_text(schema, name)])
            self._pages = Pages(self._ranges.range, source.size)
            self._group_bytes = self._sizes(self._file.metadata)
        self._schema = schema
        self.header: Fields = tuple(schema.names)

    def _open(self, as_dictionaries: Sequence[str]) -> parquet.ParquetFile:
        """Open the file; texts stay dictionaries, so that a short one cannot stand for gigabytes unseen."""
        return parquet.ParquetFile(
            pa.PythonFile(self._ranges, mode="r"),
            read_dictionary=as_dictionaries,
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
            page_checksum_verification=True,
            thrift_string_size_limit=_THRIFT_BYTES,
            thrift_container_size_limit=_THRIFT_ITEMS,
        )

    def check_types(self, header: Header, contract: AppContract) -> None:
        """Raise FileRejected where a column of the file cannot be what the table wants."""
        for name in header.table_columns:
            if contract.columns[name].template is None:
                (source,) = contract.sources(name)
                found, wanted = self._schema.types[header.positions[source]], contract.cql_types[name]
                if not fits(found, wanted):
                    spelled = header.spelled(source)
                    message = f"the column {spelled!r} is of the type {found}, which does not fit {wanted}"
                    raise FileRejected(Reason.WRONG_TYPE, message, column=spelled)

    def rows(self, positions: Mapping[str, int], contract: AppContract) -> Iterator[TextRows]:
        """Give chunks of rows with the columns at these positions, as texts that the table's types take.

        Raises:
            FileRejected: the file is damaged further on, or becomes too large.
        """
        wanted = dict.fromkeys(positions, _TEXT) if contract.transform else wanted_types(contract, positions)
        by_place = {place: wanted[name] for name, place in positions.items()}
        kinds = [by_place.get(place, _TEXT) for place in range(len(self.header))]
        line, size = 1, 0
        for batch in self._batches():
            with self._faults():
                size += sum(map(_expanded_bytes, batch.columns))
            if self._expanded_limit is not None and size > self._expanded_limit:
                raise self._too_large()
            with self._faults():
                columns = {name: _column(batch, place, wanted[name]) for name, place in positions.items()}
            yield TextRows(
                columns=pl.DataFrame(columns),
                lines=np.arange(line, line + batch.num_rows),
                fields_of=partial(_fields, batch, kinds, contract.files),
                last_line=line + batch.num_rows - 1,
                unreadable=[],
            )
            line += batch.num_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for group in range(self._file.num_row_groups):
            rest = self._file.metadata.row_group(group).num_rows
            for batch in self._batches_of(group):
                rest -= batch.num_rows
                if batch.num_rows:
                    yield batch
            if rest:  # pyarrow ends in silence where a column does
                message = f"the Parquet file is damaged: row group {group + 1} lacks {rest} of its rows"
                raise FileRejected(Reason.DAMAGED, message)

    def _batches_of(self, group: int) -> Iterator[pa.RecordBatch]:
        with self._faults():
            self._pages.check(group)
            batches = self._file.iter_batches(
                batch_size=self._batch_rows(group), row_groups=[group], use_threads=False
            )
        while True:
            with self._faults():
                batch = next(batches, None)
                if batch is None:
                    return
                batch.validate(full=True)  # texts may not be UTF-8, which nothing behind would survive
            yield batch

    def _batch_rows(self, group: int) -> int:
        """Say how many rows of a group go into a chunk; only the content decides."""
        rows = self._file.metadata.row_group(group).num_rows
        row_bytes = max(self._group_bytes[group] // max(rows, 1), 1)
        return int(min(self._limits.chunk_rows, max(self._limits.chunk_bytes // row_bytes, 1)))

    def _sizes(self, metadata: parquet.FileMetaData) -> list[int]:
        """Check and return the sizes of the row groups, which may claim less than their columns do."""
        groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
        told, rows = [group.total_byte_size for group in groups], sum(group.num_rows for group in groups)
        sizes = [*map(max, told, self._pages.group_bytes())]
        if rows != metadata.num_rows:
            raise ValueError(f"its row groups have {rows} rows, the footer counts {metadata.num_rows}")
        if self._expanded_limit is not None and sum(sizes) > self._expanded_limit:
            raise self._too_large()
        for number, size in enumerate(sizes, start=1):
            if size > MOST_ROW_GROUP_BYTES:
                message = f"row group {number} has {size} bytes, allowed are {MOST_ROW_GROUP_BYTES}"
                raise FileRejected(Reason.ROW_GROUP_TOO_LARGE, message)
        return sizes

    def _too_large(self) -> FileRejected:
        message = f"the file has more than {self._expanded_limit} bytes after decompression"
        return FileRejected(Reason.EXPANDED_TOO_LARGE, message)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Tell a fault of the source, which is raised as it was, from one of the file."""
        try:
            yield
        except FileRejected:
            raise
        except MemoryError as error:
            message = "a page of the Parquet file takes more memory than there is for it"
            raise FileRejected(Reason.ROW_GROUP_TOO_LARGE, message) from error
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            if self._ranges.fault:
                raise self._ranges.fault from None
            fault = str(error).partition("\n")[0]
            raise FileRejected(Reason.DAMAGED, f"the Parquet file is damaged: {fault}") from error


class _Ranges(io.RawIOBase):
    """A source as a file that pyarrow can seek in."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._at = 0
        self.fault: Exception | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        return self._at

    def range(self, start: int, size: int) -> bytes:
        """Give bytes from anywhere."""
        self.seek(start)
        return self.read(size)

    def read(self, size: int = -1) -> bytes:
        rest = max(self._source.size - self._at, 0)
        wanted = rest if size < 0 else min(size, rest)
        try:
            found = self._source.read_range(self._at, wanted) if wanted else b""
        except Exception as error:
            self.fault = error  # on its way through pyarrow it would look like a fault of the file
            raise
        self._at += len(found)
        return found


def _is_text(schema: pa.Schema, name: str) -> bool:
    found = schema.types[schema.get_field_index(name)]  # -1 for a name that stands twice: refused later
    return any((pa.types.is_string(found), pa.types.is_large_string(found)))


def _expanded_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    sizes = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(sizes.take(column.indices)).as_py() or 0)


def _column(batch: pa.RecordBatch, place: int, wanted: CqlType) -> pl.Series:
    return pl.Series(texts_of(batch.column(place), wanted), dtype=pl.String)


def _fields(batch: pa.RecordBatch, kinds: Sequence[CqlType], dialect: Files, row: int) -> Fields:
    """Write a row as the CSV that would give the same values."""
    columns = zip(batch.columns, kinds, strict=True)
    texts = (texts_of(column.slice(row, 1), kind).to_pylist()[0] for column, kind in columns)
    return tuple(csv_text(text, dialect) for text in texts)
