"""The excerpt of a sample that an app ships: its first rows, in the sample's own form and compression."""

import gzip
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import zstandard
from pyarrow import parquet

from customer_ingestapps.contents import named_compression
from customer_ingestapps.proposals.form import LIMITS, Form
from customer_ingestapps.readers.json_array import json_array_rows
from customer_ingestapps.readers.json_lines import json_line_rows
from customer_ingestapps.samples import SAMPLE

MOST_ROWS = 100
_MOST_BYTES = 256 << 10


def excerpt_name(sample: Path) -> str:
    """Give the file's name beside an `app.toml`: `sample` with the endings of the sample.

    >>> excerpt_name(Path("orders-2026.01.csv.gz"))
    'sample.csv.gz'
    """
    kept = 2 if named_compression(sample.name) else 1
    return SAMPLE + ("".join(sample.suffixes[-kept:]) or ".csv")


def excerpt_of(form: Form) -> bytes:
    """Give the first rows of a sample as a file."""
    if form.files.format == "parquet":
        return _parquet(form.path)
    body = "".join(_text(form)).encode(form.files.encoding)
    kind = named_compression(form.path.name)
    if kind == "gzip":
        return gzip.compress(body, mtime=0)
    return zstandard.ZstdCompressor().compress(body) if kind == "zstd" else body


def _text(form: Form) -> Iterator[str]:
    if form.files.format == "csv":
        found = (batch.record(row) for batch in form.csv_batches() for row in range(len(batch.records)))
        yield from (record.decode() for record in _few(found, MOST_ROWS + 1))
        return
    read = json_line_rows if form.files.format == "jsonl" else json_array_rows
    rows = [raw.decode() for raw in _few((row.raw for row in read(form.texts(), LIMITS)), MOST_ROWS)]
    yield "\n".join(rows) + "\n" if form.files.format == "jsonl" else "[\n" + ",\n".join(rows) + "\n]\n"


def _few(rows: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Give the first rows, and no more of them than a repository wants to hold; one at least."""
    size = 0
    for number, row in enumerate(islice(rows, most)):
        size += len(row)
        if number > 1 and size > _MOST_BYTES:
            return
        yield row


def _parquet(path: Path) -> bytes:
    file = parquet.ParquetFile(path)
    batches = list(islice(file.iter_batches(batch_size=MOST_ROWS), 1))
    target = io.BytesIO()
    parquet.write_table(pa.Table.from_batches(batches, schema=file.schema_arrow), target)
    return target.getvalue()
