"""Cells: a typed frame as rows of native-protocol bytes (v4 and v5), in the table's order of columns."""

import polars as pl

from customer_ingestapps.codecs import Codec, codecs_of
from customer_ingestapps.contract import AppContract

READER_VERSION = 1
"""Changes when the same bytes and contract could give other chunk borders or values."""

Cell = bytes | object


def encode_rows(contract: AppContract, frame: pl.DataFrame, missing: object) -> list[tuple[Cell, ...]]:
    """Give the frame's rows; a cell without a value is `missing`, or None where null is to be stored."""
    codecs = codecs_of(contract)
    columns = [_column(contract, name, codecs[name], frame, missing=missing) for name in contract.columns]
    return list(zip(*columns, strict=True))


def _column(
    contract: AppContract, name: str, codec: Codec, frame: pl.DataFrame, *, missing: object
) -> list[Cell]:
    if name not in frame.columns:  # the file lacks it
        return [missing] * frame.height
    column = contract.columns[name]
    cells: list[Cell] = list(codec.encode(frame[name]))
    if column.empty == "unset" and frame[name].null_count():
        return [missing if cell is None else cell for cell in cells]
    return cells
