"""From rows of text to typed rows: every column by its codec, and one reject for each row with a fault.

Whole columns at a time; single rows are only looked at where a fault was found.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from customer_ingestapps.codecs import CODECS
from customer_ingestapps.contract import AppContract
from customer_ingestapps.header import Header
from customer_ingestapps.readers.rows import TextRows
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.templates import Slot, Template

_KEY_BYTES = 65_000
"""Of the texts of a key; Cassandra takes 65,535 bytes, with the other parts and all lengths."""

_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class _Fault:
    """Something wrong in some rows of one column of the table."""

    name: str
    reason: Reason
    rows: pl.Series
    text: pl.Series


def type_rows(contract: AppContract, header: Header, rows: TextRows) -> tuple[pl.DataFrame, list[Reject]]:
    """Give the sound rows as columns of the table, and the others as rejects in line order."""
    texts = {name: _text(contract, name, rows.columns) for name in header.table_columns}
    codecs = {name: CODECS[contract.columns[name].type] for name in texts}
    frame = pl.DataFrame({name: codecs[name].parse(text) for name, text in texts.items()})
    first: dict[int, _Fault] = {}  # of each row that has one
    for fault in _faults(contract, texts, frame):
        for row in fault.rows.arg_true():
            first.setdefault(row, fault)
    if not first:
        return frame, []
    is_sound = np.ones(frame.height, np.bool_)
    is_sound[list(first)] = False
    rejects = [_reject(contract, header, rows, row=row, fault=first[row]) for row in sorted(first)]
    return frame.filter(is_sound), rejects


def _text(contract: AppContract, name: str, columns: pl.DataFrame) -> pl.Series:
    template, sources = contract.columns[name].template, contract.sources(name)
    return _filled(template, sources, columns) if template else columns[sources[0]]


def _filled(template: Template, sources: tuple[str, ...], columns: pl.DataFrame) -> pl.Series:
    """Fill a template; no value in one of its columns makes none of the whole."""
    source = iter(sources)
    parts = [
        pl.col(next(source)).str.zfill(part.width) if isinstance(part, Slot) else pl.lit(part)
        for part in template.parts
    ]
    return columns.select(pl.concat_str(parts)).to_series()


def _faults(contract: AppContract, texts: Mapping[str, pl.Series], frame: pl.DataFrame) -> Iterator[_Fault]:
    """Give everything that is wrong, in the table's order of columns."""
    for name, text in texts.items():
        values = frame[name]
        if values.null_count() > text.null_count():
            yield _Fault(name, Reason.BAD_VALUE, _bad(contract, name, text, values), text)
        if name in contract.table.key and values.null_count():
            yield _Fault(name, Reason.MISSING_KEY, values.is_null(), text)
        if contract.table.partition_key == (name,) and values.dtype == pl.String:
            yield _Fault(name, Reason.MISSING_KEY, values == "", text)  # Cassandra refuses it, if it is all
    names = [name for name in contract.table.key if frame[name].dtype == pl.String]
    if names:
        sizes = frame.select(pl.sum_horizontal(pl.col(names).str.len_bytes())).to_series()
        yield _Fault(names[0], Reason.KEY_TOO_LONG, sizes > _KEY_BYTES, texts[names[0]])


def _bad(contract: AppContract, name: str, text: pl.Series, values: pl.Series) -> pl.Series:
    """Say which texts are no values; a word for no value is not one of them, even in quotes."""
    bad = values.is_null() & text.is_not_null()
    if CODECS[contract.columns[name].type].takes_empty:
        return bad
    return bad & ~text.is_in(["", *contract.files.null_words])


def _reject(contract: AppContract, header: Header, rows: TextRows, *, row: int, fault: _Fault) -> Reject:
    column, value = contract.columns[fault.name], fault.text[row]
    message = {
        Reason.BAD_VALUE: f"{_shown(value)} is not {CODECS[column.type].allowed}",
        Reason.MISSING_KEY: "a column of the table's key needs a value",
        Reason.KEY_TOO_LONG: f"the texts of the table's key have more than {_KEY_BYTES} bytes",
    }[fault.reason]
    spelled = fault.name if column.template else header.spelled(contract.sources(fault.name)[0])
    fields = rows.fields_of(row)[: len(header.names)]
    return Reject(int(rows.lines[row]), spelled, value, fault.reason, f"{spelled}: {message}", fields)


def _shown(value: str | None) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
