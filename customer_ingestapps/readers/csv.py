"""The CSV reader (RFC 4180): from a text's blocks to columns of text.

The structure scan decides where the records are, pyarrow takes the fields out of those that are sound, and
the two must count the same. An empty field without quotes is no value, one with quotes is the empty text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from customer_ingestapps.contract import Files
from customer_ingestapps.errors import FileRejected, ReaderDisagreement
from customer_ingestapps.readers.csv_batches import Batch, batches
from customer_ingestapps.readers.csv_structure import Scanner
from customer_ingestapps.readers.rows import Fields, Limits, TextRows
from customer_ingestapps.reasons import Reason, Reject

_BYTE_ORDER_MARK = "\ufeff".encode()


class CsvReader:
    """One CSV text; the header is read at once, the rows as they are asked for."""

    def __init__(self, texts: Iterable[bytes], files: Files, limits: Limits) -> None:
        self._files = files
        self._field = _field_pattern(files)
        self._batches = batches(texts, Scanner(delimiter=files.delimiter, quote=files.quote), limits)
        first = next(self._batches, None)
        if first is None:
            message = "the file is empty: its first line must name the columns"
            raise FileRejected(Reason.NO_HEADER, message, line=1)
        self.header = tuple(map(self._value, self._fields(first, 0)))
        self.header_line = int(first.records.lines[0])

    def rows(self, positions: Mapping[str, int]) -> Iterator[TextRows]:
        """Give chunks of rows with the columns at these positions of the header.

        Raises:
            FileRejected: the text breaks the format's rules, further on.
        """
        for batch in self._batches:
            fits = batch.records.widths == len(self.header)
            sound = replace(batch, records=batch.records[fits])
            yield TextRows(
                columns=self._columns(sound, positions),
                lines=sound.records.lines,
                fields_of=partial(self._fields, sound),
                last_line=batch.last_line,
                unreadable=[self._ragged(batch, row) for row in (~fits).nonzero()[0]],
            )

    def _columns(self, batch: Batch, positions: Mapping[str, int]) -> pl.DataFrame:
        if not len(batch.records):
            return pl.DataFrame(schema=dict.fromkeys(positions, pl.String))
        text = batch.sound_text()
        if text.startswith(_BYTE_ORDER_MARK):
            text = _BYTE_ORDER_MARK + text  # pyarrow takes one off, wherever a chunk begins
        place = f"{len(batch.records)} records from line {batch.records.lines[0]} on"
        try:
            table = arrow_csv.read_csv(pa.BufferReader(text), *self._options(len(text), positions))
        except pa.ArrowInvalid as error:
            raise ReaderDisagreement(f"{place}, pyarrow: {error}") from error
        if table.num_rows != len(batch.records):
            raise ReaderDisagreement(f"{place}, pyarrow: {table.num_rows}")
        return pl.DataFrame(table)

    def _options(self, size: int, positions: Mapping[str, int]) -> tuple[object, ...]:
        names = [f"\0{position}" for position in range(len(self.header))]  # of columns that nobody reads
        for name, position in positions.items():
            names[position] = name
        return (
            arrow_csv.ReadOptions(use_threads=False, block_size=size, column_names=names),
            arrow_csv.ParseOptions(
                delimiter=self._files.delimiter, quote_char=self._files.quote, newlines_in_values=True
            ),
            arrow_csv.ConvertOptions(
                check_utf8=False,  # it is: see `encodings`
                column_types=dict.fromkeys(positions, pa.string()),
                include_columns=list(positions),
                null_values=["", *self._files.null_words],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def _ragged(self, batch: Batch, row: int) -> Reject:
        fields, line = self._fields(batch, row), int(batch.records.lines[row])
        message = f"{len(fields)} fields, the header has {len(self.header)}"
        return Reject(line, None, None, Reason.WRONG_FIELD_COUNT, message, fields)

    def _fields(self, batch: Batch, row: int) -> Fields:
        record = batch.record(row).decode().removesuffix("\n").removesuffix("\r")
        return tuple(field[1] for field in self._field.finditer(record))

    def _value(self, field: str) -> str:
        quote = self._files.quote
        return field[1:-1].replace(quote * 2, quote) if field.startswith(quote) else field


def _field_pattern(files: Files) -> re.Pattern[str]:
    quote, delimiter = re.escape(files.quote), re.escape(files.delimiter)
    quoted = f"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}"
    return re.compile(f"(?:^|{delimiter})({quoted}|[^{delimiter}]*)")
