"""Cells: a typed frame as rows of native-protocol bytes (v4 and v5), in the table's order of columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from customer_ingestapps.codecs import Codec, codecs_of
from customer_ingestapps.codecs.codec import FixedWidthCodec
from customer_ingestapps.contract import AppContract

READER_VERSION = 1
"""Changes when the same bytes and contract could give other chunk borders or values."""

Cell = bytes | object
Row = tuple[Cell, ...]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """The cells of one column."""

    cells: npt.NDArray[np.uint8] | pa.LargeBinaryArray
    """Of one width, rows × bytes, where every row has a value; else an array, null for none."""

    absent: Cell
    """What a cell without a value is."""

    def to_list(self) -> list[Cell]:
        """Give the cells one by one."""
        if isinstance(self.cells, np.ndarray):
            found: list[Cell] = self.cells.view(f"V{self.cells.shape[1]}").ravel().tolist()
            return found
        cells: list[Cell] = self.cells.to_pylist()
        return [self.absent if cell is None else cell for cell in cells] if self.cells.null_count else cells


class EncodedRows(Sequence[Row]):
    """Rows, kept as columns; tuples of cells for whoever looks at rows one by one."""

    def __init__(self, columns: Sequence[EncodedColumn], count: int) -> None:
        self.columns = columns
        self._count = count

    @cached_property
    def _tuples(self) -> list[Row]:
        return list(zip(*(column.to_list() for column in self.columns), strict=True))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        return self._tuples[at]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._tuples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._tuples == list(other)

    __hash__ = None  # type: ignore[assignment] # as of a list


def encode_rows(contract: AppContract, frame: pl.DataFrame, missing: object) -> EncodedRows:
    """Give the frame's rows; a cell without a value is `missing`, or None where null is to be stored."""
    codecs = codecs_of(contract)
    columns = [_column(contract, name, codecs[name], frame, missing=missing) for name in contract.columns]
    return EncodedRows(columns, frame.height)


def _column(
    contract: AppContract, name: str, codec: Codec, frame: pl.DataFrame, *, missing: object
) -> EncodedColumn:
    if name not in frame.columns:  # the file lacks it
        return EncodedColumn(pa.nulls(frame.height, pa.large_binary()), missing)
    values, absent = frame[name], missing if contract.columns[name].empty == "unset" else None
    if isinstance(codec, FixedWidthCodec) and not values.null_count():
        return EncodedColumn(codec.matrix(values), absent)
    return EncodedColumn(codec.array(values), absent)
