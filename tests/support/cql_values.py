"""What the Cassandra driver itself makes of encoded cells."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reliability.driver_values import PROTOCOL, driver_type
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.cql_types import parse_type
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp

MISSING = object()


class InMemory:
    """A file in memory that can be read by ranges."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return len(self.data)

    def read_range(self, start: int, size: int) -> bytes:
        self.ranges.append((start, size))
        return self.data[start : start + size]


def app(columns: dict[str, Any], *key: str, types: dict[str, Any] | None = None, **files: Any) -> IngestApp:
    """Return an app of one table; its partition key is the first of `key`, or id."""
    key = key or ("id",)
    contract = AppContract.model_validate(
        {
            "files": {"keys": ["*"], "format": "csv", **files},
            "table": {"name": "t", "partition_key": key[:1], "clustering_key": key[1:]},
            "columns": columns,
            "types": types or {},
        }
    )
    return IngestApp("acme", "t", "0", Path(), contract)


def read(
    ingest_app: IngestApp, data: bytes, *, key: str = "f", step: int = 1 << 20, limits: Limits | None = None
) -> list[Chunk]:
    """Read a file that comes in blocks of `step` bytes."""
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    source = InMemory(data) if ingest_app.contract.files.format == "parquet" else blocks
    return list(read_chunks(ingest_app, key, source, expanded_limit=None, limits=limits or Limits()))


def stored(ingest_app: IngestApp, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Return the rows as they would be read back; a cell that is not written is not there."""
    types = {name: driver_type(cql) for name, cql in ingest_app.contract.cql_types.items()}
    rows = [row for chunk in chunks for row in encode_rows(ingest_app.contract, chunk.frame, MISSING)]
    return [
        {
            name: None if cell is None else types[name].from_binary(cell, PROTOCOL)
            for name, cell in zip(types, row, strict=True)
            if cell is not MISSING
        }
        for row in rows
    ]


def rejects(chunks: Sequence[Chunk]) -> list[Reject]:
    return [reject for chunk in chunks for reject in chunk.rejects]


def decoded(cql: str, cell: bytes | None) -> Any:
    """Return a cell's value."""
    return None if cell is None else driver_type(parse_type(cql)).from_binary(cell, PROTOCOL)
