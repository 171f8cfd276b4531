"""Rows as a BATCH carries them: a chunk's in one piece of memory, of which each batch is a slice.

Native protocol v4 and v5, section 4.1.7: a row is <kind><id><n><value_1>...<value_n>, and a [value] a length
and its bytes, or the length -1 for null and -2 for what is not set (section 3). Nothing is done row by row.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from customer_ingestapps.cells import Cell, EncodedColumn, EncodedRows, Rows
from ingest_manager.cassandra.cassandra_session import UNSET

_PREPARED = b"\1"
_NULL, _NOT_SET = -1, -2
_NOTHING = pa.scalar(b"", pa.large_binary())

GroupsOf: TypeAlias = Callable[[Sequence[bytes]], NDArray[np.int64]]
"""Gives the number of the group of replicas of each encoded partition key."""

Piece: TypeAlias = NDArray[np.uint8] | pa.LargeBinaryArray
"""Bytes for each row: a matrix of rows × bytes, or an array of any lengths."""


@dataclass(frozen=True, slots=True)
class WireRows:
    """Rows in the order of their groups of replicas, those of one partition side by side."""

    content: memoryview
    ends: NDArray[np.int64]
    """Where each row ends in the content, after a 0."""

    value_bytes: NDArray[np.int64]
    """The bytes of each row's values alone."""

    groups: NDArray[np.int64]
    partitions: NDArray[np.int64]
    """A number for each row's group of replicas, and for its partition."""

    keys: Sequence[bytes]
    """The encoded key of each partition."""

    columns: int

    def rows(self, part: slice) -> bytes:
        """Give rows that follow one another."""
        return bytes(self.content[self.ends[part.start] : self.ends[part.stop]])


@dataclass(frozen=True, slots=True)
class _Column:
    """The cells of a column; a length below zero says why there is none."""

    lengths: NDArray[np.int64]
    cells: Piece


def wire_rows(rows: Rows, query_id: bytes, key_positions: Sequence[int], groups_of: GroupsOf) -> WireRows:
    """Put rows together for a prepared statement.

    Args:
        rows: at least one.
        query_id: the statement's.
        key_positions: where a row has the columns of its partition key.
        groups_of: the cluster's.
    """
    columns = _columns(rows)
    head = _PREPARED + len(query_id).to_bytes(2, "big") + query_id + len(columns).to_bytes(2, "big")
    values = _joined([_repeated(head, len(rows)), *_values(columns)])
    found = _routing_keys([columns[position] for position in key_positions]).dictionary_encode()
    keys, partitions = found.dictionary.to_pylist(), found.indices.to_numpy().astype(np.int64)
    groups = groups_of(keys)[partitions]
    order = np.lexsort((partitions, groups))
    if (order[1:] < order[:-1]).any():
        values, groups, partitions = values.take(pa.array(order)), groups[order], partitions[order]
    _, ends, content = values.buffers()
    ends = np.frombuffer(ends, np.int64, len(rows) + 1)
    beside_values = len(head) + 4 * len(columns)
    return WireRows(
        memoryview(content), ends, np.diff(ends) - beside_values, groups, partitions, keys, len(columns)
    )


def _columns(rows: Rows) -> list[_Column]:
    if isinstance(rows, EncodedRows):
        return [_encoded(column) for column in rows.columns]
    return [_listed(column) for column in zip(*rows, strict=True)]


def _encoded(column: EncodedColumn) -> _Column:
    cells = column.cells
    if isinstance(cells, np.ndarray):
        return _Column(np.full(len(cells), cells.shape[1]), cells)
    lengths = pc.binary_length(cells)
    if cells.null_count:
        lengths = lengths.fill_null(_NOT_SET if column.absent is UNSET else _NULL)
        cells = cells.fill_null(_NOTHING)
    return _Column(lengths.to_numpy(), cells)


def _listed(cells: Sequence[Cell]) -> _Column:
    there = [cell if isinstance(cell, bytes) else b"" for cell in cells]
    lengths = [
        len(cell) if isinstance(cell, bytes) else _NULL if cell is None else _NOT_SET for cell in cells
    ]
    return _Column(np.array(lengths), pa.array(there, pa.large_binary()))


def _values(columns: Iterable[_Column]) -> Iterator[Piece]:
    for column in columns:
        yield _bytes_of(column.lengths, ">i4")
        yield column.cells


def _routing_keys(columns: Sequence[_Column]) -> pa.LargeBinaryArray:
    """Put keys together as the server hashes them: several columns each with a length and an end."""
    if len(columns) == 1:
        return _joined([columns[0].cells])
    end = _repeated(b"\0", len(columns[0].lengths))
    return _joined(
        [piece for column in columns for piece in (_bytes_of(column.lengths, ">u2"), column.cells, end)]
    )


def _bytes_of(numbers: NDArray[np.int64], form: str) -> NDArray[np.uint8]:
    encoded = numbers.astype(form)
    return encoded.view(np.uint8).reshape(len(encoded), encoded.itemsize)


def _repeated(content: bytes, count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.frombuffer(content, np.uint8), (count, len(content)))


def _joined(pieces: Iterable[Piece]) -> pa.LargeBinaryArray:
    """Join pieces row by row; neighbours that are matrices by one copy."""
    arrays: list[pa.LargeBinaryArray] = []
    for are_matrices, neighbours in groupby(pieces, lambda piece: isinstance(piece, np.ndarray)):
        found = list(neighbours)
        arrays += [_array_of(np.concatenate(found, axis=1))] if are_matrices else found
    return arrays[0] if len(arrays) == 1 else pc.binary_join_element_wise(*arrays, _NOTHING)


def _array_of(matrix: NDArray[np.uint8]) -> pa.LargeBinaryArray:
    count, width = matrix.shape
    ends = np.arange(count + 1) * width
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), count, [None, pa.py_buffer(ends), pa.py_buffer(matrix)]
    )
