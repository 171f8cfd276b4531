"""The answer of a transform against its batch: each row kept, rejected or dropped, none forgotten.

Whole columns at a time. What comes out are rows of text again, each with the row of the file it stems from,
so that a reject behind the transform names the line of the file.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from customer_ingestapps.contract import AppContract, fold
from customer_ingestapps.cql_types import CqlType
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.header import Header, match_header, wanted_types
from customer_ingestapps.readers.arrow_texts import fits, is_text, texts_of
from customer_ingestapps.readers.rows import TextRows
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.transforms import DROP, REJECT, RESERVED, ROW

MOST_REASON_CHARACTERS = 200
NOT_ANSWERED = "not answered"
_TEXT = CqlType("text")
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transformed:
    """What became of the rows of a batch."""

    header: Header
    """Of the answer; columns that the file has too are spelled as the file spells them."""

    rows: TextRows
    rejects: Sequence[Reject] = ()
    drops: Mapping[str, int] = field(default_factory=dict)
    """How many rows of the file were dropped, by reason."""


def batch_of(contract: AppContract, rows: TextRows) -> pl.DataFrame:
    """Give the rows as an app gets them: their numbers, and every column that it may count on."""
    wanted = contract.transform.columns if contract.transform else ()
    lacking = [name for name in map(fold, wanted) if name not in rows.columns.columns]
    count = len(rows.lines)
    none = [pl.Series(name, [None], pl.String).new_from_index(0, count) for name in lacking]
    return pl.DataFrame([pl.Series(ROW, np.arange(count)), *rows.columns.get_columns(), *none])


def read_answer(contract: AppContract, header: Header, rows: TextRows, answer: pa.Table) -> Transformed:
    """Check an answer to a batch of these rows, and account for every one.

    Raises:
        FileRejected: the answer does not fit the batch or the table.
    """
    numbers = _row_numbers(answer, len(rows.lines))
    if (numbers[1:] < numbers[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        answer, numbers = answer.take(pa.array(order)), numbers[order]
    rejected, dropped = _reasons(answer, REJECT, numbers), _reasons(answer, DROP, numbers)
    is_left_out = np.zeros(len(numbers), np.bool_)
    is_left_out[[*rejected.places, *dropped.places]] = True
    kept = numbers[~is_left_out]
    _check_once(rows, kept, rejected.by_row, dropped.by_row)
    missing = _missing(contract, rows, numbers)
    found, columns = _columns(
        contract, header, answer.filter(pa.array(~is_left_out)) if is_left_out.any() else answer
    )
    return Transformed(
        header=found,
        rows=_of_the_file(rows, columns, kept),
        rejects=[_reject(rows, row, reason) for row, reason in rejected.by_row.items()],
        drops=Counter([*dropped.by_row.values(), *[NOT_ANSWERED] * missing]),
    )


@dataclass(frozen=True, slots=True)
class _Reasons:
    """What an answer says in one of the columns for reasons."""

    places: list[int]
    """Which rows of the answer have one."""

    by_row: dict[int, str]
    """The first of each row of the batch."""


def _row_numbers(answer: pa.Table, most: int) -> _Numbers:
    if answer.column_names.count(ROW) != 1:
        raise _fault(f"it has no column {ROW!r}, by which rows keep their identity")
    column = answer.column(ROW)
    if not pa.types.is_integer(column.type) or column.null_count:
        raise _fault(f"{ROW!r} must hold the whole numbers of the batch, in every row")
    numbers = column.cast(pa.int64(), safe=False).to_numpy()
    unknown = numbers[(numbers < 0) | (numbers >= most)]
    if len(unknown):
        raise _fault(f"{ROW} = {unknown[0]} is no row of the batch, which has {most}")
    return np.asarray(numbers, np.int64)


def _reasons(answer: pa.Table, name: str, numbers: _Numbers) -> _Reasons:
    found = answer.column_names.count(name)
    if not found:
        return _Reasons([], {})
    column = answer.column(name) if found == 1 else None
    if column is None or not fits(column.type, _TEXT):
        raise _fault(f"{name!r} must be one column of texts")
    texts = pl.Series(texts_of(column.combine_chunks()), dtype=pl.String)
    places, by_row = texts.is_not_null().arg_true().to_list(), dict[int, str]()
    for place in places:
        by_row.setdefault(int(numbers[place]), texts[place][:MOST_REASON_CHARACTERS])
    return _Reasons(places, by_row)


def _check_once(
    rows: TextRows, kept: _Numbers, rejected: Mapping[int, str], dropped: Mapping[int, str]
) -> None:
    is_kept = np.zeros(len(rows.lines), np.bool_)
    is_kept[kept] = True
    both = [(row, "kept and rejected") for row in rejected if is_kept[row]]
    both += [(row, "kept and dropped") for row in dropped if is_kept[row]]
    both += [(row, "rejected and dropped") for row in rejected if row in dropped]
    for row, fates in both[:1]:
        raise _fault(f"row {row} of the batch is both {fates}", int(rows.lines[row]))


def _missing(contract: AppContract, rows: TextRows, numbers: _Numbers) -> int:
    is_answered = np.zeros(len(rows.lines), np.bool_)
    is_answered[numbers] = True
    missing = np.flatnonzero(~is_answered)
    if len(missing) and (contract.transform is None or contract.transform.missing_rows == "refuse"):
        first = int(rows.lines[missing[0]])
        raise _fault(f"{len(missing)} of {len(is_answered)} rows are missing in it", first)
    return len(missing)


def _columns(contract: AppContract, own: Header, answer: pa.Table) -> tuple[Header, pl.DataFrame]:
    names = [name for name in answer.column_names if name not in RESERVED]
    try:
        header = match_header(contract, names, line=1)
    except FileRejected as error:
        raise _fault(error.message) from error
    wanted = wanted_types(contract, header.positions)
    texts = {name: _text(answer, names[place], wanted[name]) for name, place in header.positions.items()}
    spelled = [own.spelled(fold(name)) if fold(name) in own.positions else name for name in names]
    return Header(tuple(spelled), header.positions, header.table_columns), pl.DataFrame(texts)


def _text(answer: pa.Table, name: str, wanted: CqlType) -> pl.Series:
    column = answer.column(name)
    if not fits(column.type, wanted):
        raise _fault(f"its column {name!r} is of the type {column.type}, which does not fit {wanted}")
    return pl.Series(column if is_text(column.type) else texts_of(column.combine_chunks(), wanted))


def _of_the_file(rows: TextRows, columns: pl.DataFrame, numbers: _Numbers) -> TextRows:
    return TextRows(
        columns=columns,
        lines=rows.lines[numbers],
        fields_of=lambda row: rows.fields_of(int(numbers[row])),
        last_line=rows.last_line,
        unreadable=rows.unreadable,
        file_rows=numbers,
    )


def _reject(rows: TextRows, row: int, reason: str) -> Reject:
    message = reason or "the app gave no reason"
    return Reject(int(rows.lines[row]), None, None, Reason.APP_REJECTED, message, rows.fields_of(row))


def _fault(message: str, line: int | None = None) -> FileRejected:
    where = "" if line is None else f" (line {line} of the file)"
    return FileRejected(Reason.APP_ANSWER, f"the app's answer does not fit: {message}{where}", line=line)
