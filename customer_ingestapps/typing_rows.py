"""From rows of text to typed rows: every column by its codec, and one reject for each row with a fault.

Whole columns at a time; single rows are only looked at where a fault was found.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from customer_ingestapps.codecs import Codec, Refusal, codecs_of
from customer_ingestapps.contract import AppContract
from customer_ingestapps.header import Header
from customer_ingestapps.keys import MOST_KEY_BYTES, is_sized, key_faults, sizes_of
from customer_ingestapps.readers.rows import TextRows
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.templates import Slot, Template

MOST_VALUE_BYTES = 1 << 20
"""Of one value, as it is stored; Cassandra takes more, but slows down with it."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """Something wrong in some rows of one column of the table."""

    name: str
    rows: pl.Series
    text: pl.Series
    why: Callable[[str], Refusal]


def type_rows(contract: AppContract, header: Header, rows: TextRows) -> tuple[pl.DataFrame, list[Reject]]:
    """Give the sound rows as columns of the table, and the others as rejects in line order."""
    codecs = codecs_of(contract)
    texts = {name: _text(contract, name, rows.columns) for name in header.table_columns}
    frame = pl.DataFrame({name: codecs[name].parse(text) for name, text in texts.items()})
    first: dict[int, _Fault] = {}  # of each row that has one
    for fault in _faults(contract, codecs, texts, frame):
        for row in fault.rows.arg_true():
            first.setdefault(row, fault)
    if not first:
        return frame, []
    is_sound = np.ones(frame.height, np.bool_)
    is_sound[list(first)] = False
    if rows.file_rows is not None:  # a row of the file is rejected whole, whatever an app made of it
        first = {row: first[row] for row in _first_of_each(rows.file_rows, sorted(first))}
        is_sound = ~np.isin(rows.file_rows, rows.file_rows[list(first)])
    rejects = [_reject(contract, header, rows, row=row, fault=first[row]) for row in sorted(first)]
    return frame.filter(is_sound), rejects


def _first_of_each(file_rows: npt.NDArray[np.int64], rows: list[int]) -> list[int]:
    _, places = np.unique(file_rows[rows], return_index=True)
    return [rows[place] for place in places]


def _text(contract: AppContract, name: str, columns: pl.DataFrame) -> pl.Series:
    """Give what a column of the table is made from; none for its own words for no value."""
    column, sources = contract.columns[name], contract.sources(name)
    text = _filled(column.template, sources, columns) if column.template else columns[sources[0]]
    if column.trim:
        text = text.str.strip_chars()
    if column.null_words:
        text = pl.select(pl.when(~text.is_in(column.null_words)).then(text)).to_series()
    return text


def _filled(template: Template, sources: tuple[str, ...], columns: pl.DataFrame) -> pl.Series:
    """Fill a template; no value in one of its columns makes none of the whole."""
    source = iter(sources)
    parts = [
        pl.col(next(source)).str.zfill(part.width) if isinstance(part, Slot) else pl.lit(part)
        for part in template.parts
    ]
    return columns.select(pl.concat_str(parts)).to_series()


def _faults(
    contract: AppContract, codecs: Mapping[str, Codec], texts: Mapping[str, pl.Series], frame: pl.DataFrame
) -> Iterator[_Fault]:
    """Give everything that is wrong, in the table's order of columns."""
    for name, text in texts.items():
        values = frame[name]
        if values.null_count() > text.null_count():
            yield _Fault(name, _bad(contract, codecs[name], text, values), text, codecs[name].refusal)
        if is_sized(values) and _most(sizes_of(values)) > MOST_VALUE_BYTES:
            yield _Fault(name, sizes_of(values) > MOST_VALUE_BYTES, text, _too_long)
        if name in contract.table.key and values.null_count():
            yield _Fault(name, values.is_null(), text, _missing)
    for fault in key_faults(contract, frame):
        yield _Fault(
            fault.column, fault.rows, texts[fault.column], _missing if fault.is_empty else _key_too_long
        )


def _bad(contract: AppContract, codec: Codec, text: pl.Series, values: pl.Series) -> pl.Series:
    """Say which texts are no values; a word for no value is not one of them, even in quotes."""
    bad = values.is_null() & text.is_not_null()
    if codec.takes_empty:
        return bad
    return bad & ~text.is_in(["", *contract.files.null_words])


def _most(sizes: pl.Series) -> int:
    most = sizes.max()
    return most if isinstance(most, int) else 0


def _too_long(_: str) -> Refusal:
    return Refusal(Reason.VALUE_TOO_LONG, f"the value has more than {MOST_VALUE_BYTES} bytes")


def _missing(_: str) -> Refusal:
    return Refusal(Reason.MISSING_KEY, "a column of the table's key needs a value")


def _key_too_long(_: str) -> Refusal:
    return Refusal(
        Reason.KEY_TOO_LONG, f"the values of the table's key have more than {MOST_KEY_BYTES} bytes"
    )


def _reject(contract: AppContract, header: Header, rows: TextRows, *, row: int, fault: _Fault) -> Reject:
    column, value = contract.columns[fault.name], fault.text[row]
    refusal = fault.why(value or "")
    spelled = fault.name if column.template else header.spelled(contract.sources(fault.name)[0])
    message, fields = f"{spelled}: {refusal.message}", rows.fields_of(row)
    return Reject(int(rows.lines[row]), spelled, value, refusal.reason, message, fields)
