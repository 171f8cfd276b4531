"""One bad file through the code that a load runs, and its outcome against the reference's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.reliability import slow_files
from benchmarks.reliability.driver_values import PROTOCOL, driver_type, plain
from benchmarks.reliability.forms import Form
from benchmarks.reliability.inputs import Input
from benchmarks.reliability.slow_files import Outcome, Row
from benchmarks.reliability.tables import COLUMNS, KEY, NULLED
from customer_ingestapps.accounts import FileAccounts
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.registry import IngestApp

Ending = Literal["whole", "with rejects", "refused"]
Table = dict[tuple[Any, ...], Row]

_MISSING = object()
_TYPES = {name: driver_type(kind) for name, kind in COLUMNS.items()}


@dataclass
class Loaded:
    """What became of a file."""

    table: Table = field(default_factory=dict)
    reject_lines: list[int] = field(default_factory=list)
    accounts: FileAccounts = field(default_factory=FileAccounts)
    fault: str | None = None

    @property
    def ending(self) -> Ending:
        """How the load ends."""
        if self.fault:
            return "refused"
        return "with rejects" if self.accounts.rows_rejected else "whole"


@dataclass(frozen=True)
class Verdict:
    """How a file ended, and what is wrong with that."""

    ending: str
    wrong_values: tuple[str, ...] = ()
    missing_rows: tuple[str, ...] = ()
    needlessly: str | None = None
    """Why a file was refused that the reference could read."""


class Stored:
    """A file in memory, read by ranges."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self._data)

    def read_range(self, start: int, size: int) -> bytes:
        """Give some of them."""
        return self._data[start : start + size]


def load(bad: Input) -> Loaded:
    """Read and encode a file as a load does, and read its cells back as the driver does."""
    app, loaded = app_of(bad.form), Loaded()
    source: Any = Stored(bad.data) if bad.form.format == "parquet" else [bad.data]
    limits = Limits(chunk_rows=bad.chunk_rows, block_bytes=bad.block_bytes)
    try:
        for chunk in read_chunks(app, bad.key, source, expanded_limit=None, limits=limits):
            loaded.accounts.add(chunk)
            loaded.reject_lines += [reject.line for reject in chunk.rejects]
            _write(loaded.table, _rows(app, chunk))
    except FileRejected as error:
        loaded.fault = f"{error.reason.value}: {error.message}"
    return loaded


@cache
def app_of(form: Form) -> IngestApp:
    """Give the app that takes files of a form."""
    return IngestApp("acme", "t", "0", Path(), AppContract.model_validate(form.contract()))


def _rows(app: IngestApp, chunk: Chunk) -> Iterable[Row]:
    for cells in encode_rows(app.contract, chunk.frame, _MISSING):
        yield {
            name: None if cell is None else plain(COLUMNS[name], _TYPES[name].from_binary(cell, PROTOCOL))
            for name, cell in zip(COLUMNS, cells, strict=True)
            if cell is not _MISSING
        }


def _write(table: Table, rows: Iterable[Row]) -> None:
    for row in rows:
        table.setdefault(tuple(row[name] for name in KEY), {}).update(row)


def judge(bad: Input, loaded: Loaded) -> Verdict:
    """Compare with the reference."""
    reading = slow_files.read(bad.form, bad.ending, bad.data)
    accounts, outcomes = loaded.accounts, reading.outcomes
    if loaded.fault and reading.is_whole:
        has_faults = any(outcome.row is None for outcome in outcomes)
        needlessly = None if has_faults and bad.form.format == "parquet" else loaded.fault
    else:
        needlessly = None
    missing = []
    if accounts.rows_read != accounts.rows_written + accounts.rows_rejected + accounts.rows_dropped:
        missing.append(f"the accounts do not add up: {accounts}")
    if not loaded.fault and reading.is_whole and accounts.rows_read != len(outcomes):
        missing.append(f"{accounts.rows_read} rows read, {len(outcomes)} are there")
    wrong = [] if loaded.fault or reading.is_whole else ["taken, although it cannot be read to its end"]
    if accounts.rows_read <= len(outcomes):
        taken = outcomes[: accounts.rows_read]
        missing += _missing_rows(loaded, taken)
        wrong += _wrong_values(loaded, taken)
    return Verdict(loaded.ending, tuple(wrong), tuple(missing), needlessly)


def _expected(outcomes: Iterable[Outcome]) -> Table:
    table: Table = {}
    for outcome in outcomes:
        if outcome.row is not None:
            values = outcome.row.items()
            _write(table, [{name: value for name, value in values if value is not None or name == NULLED}])
    return table


def _missing_rows(loaded: Loaded, taken: list[Outcome]) -> list[str]:
    lost = _expected(taken).keys() - loaded.table.keys()
    return [f"no row {key}" for key in sorted(lost, key=repr)]


def _wrong_values(loaded: Loaded, taken: list[Outcome]) -> list[str]:
    lines = sorted(outcome.line for outcome in taken if outcome.row is None)
    faults = []
    if sorted(loaded.reject_lines) != lines:
        faults.append(f"rejects on lines {sorted(loaded.reject_lines)}, expected {lines}")
    expected = _expected(taken)
    for key, row in loaded.table.items():
        if row != expected.get(key):
            faults.append(_difference(key, row, expected.get(key)))
    return faults


def _difference(key: tuple[Any, ...], row: Row, expected: Row | None) -> str:
    if expected is None:
        return f"the row {key} should not be there"
    names = [name for name in COLUMNS if row.get(name, _MISSING) != expected.get(name, _MISSING)]
    return "; ".join(
        f"{key}.{name}: {row.get(name, 'unset')!r}, expected {expected.get(name, 'unset')!r}"
        for name in names
    )
