"""A proposal: an app for files like a sample, every part of it with what speaks for it.

The whole sample is read, in flat memory, by the readers and codecs of a load.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from customer_ingestapps.contract import AppContract, Encoding, Files, fold
from customer_ingestapps.errors import ProposalError
from customer_ingestapps.proposals.columns import Source, find_columns, table_name
from customer_ingestapps.proposals.form import Form, blocks_of_file, find_form
from customer_ingestapps.proposals.key_search import Candidate, KeySearch
from customer_ingestapps.proposals.trial import Finding, Trial
from customer_ingestapps.reading import text_rows
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.sources import RandomAccess

_NO_KEYS = frozenset({"boolean", "float", "double", "decimal", "blob"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the admin says beforehand; what is None is found out or proposed."""

    table: str | None = None
    key: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: Encoding | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """One column of the table."""

    name: str
    options: Mapping[str, object]
    """As `app.toml` declares them."""
    finding: Finding


@dataclass(frozen=True, slots=True)
class Proposal:
    """An app, and why it is as it is."""

    form: Form
    rows: int
    table: str
    key: tuple[str, ...]
    columns: tuple[ProposedColumn, ...]
    left_out: tuple[str, ...]
    """Columns of the file that no type was found for."""
    evidence: tuple[str, ...]
    """Of all that is not of one column."""

    @property
    def files(self) -> Files:
        """The files that the app takes."""
        return self.form.files

    def contract(self) -> AppContract:
        """Give the proposal as the contract that it is."""
        partition, *clustering = self.key
        files = self.files.model_dump(exclude_defaults=True)
        return AppContract.model_validate(
            {
                "files": files | ({"extra_columns": "ignore"} if self.left_out else {}),
                "table": {"name": self.table, "partition_key": [partition], "clustering_key": clustering},
                "columns": {column.name: dict(column.options) for column in self.columns},
            }
        )


def propose(sample: Path, wishes: Wishes) -> Proposal:
    """Propose an app for files like a sample.

    Raises:
        FileRejected: the sample cannot be read.
        ProposalError: something has to be told, such as the key.
    """
    keys = wishes.keys or (glob_of(sample.name),)
    form = find_form(sample, keys, delimiter=wishes.delimiter, encoding=wishes.encoding)
    sources = find_columns(form, wishes.zone)
    read = [source for source in sources if source.readings]
    wanted = _wanted_key(wishes.key, read)
    trials, search, rows = _try(form, read, wanted)
    found = {source.name: trials[source.name].finding() for source in read}
    columns = tuple(_column(source, found[source.name]) for source in read)
    key, why = _key(search.found(), found, rows, is_wanted=bool(wanted))
    left_out = tuple(source.spelled for source in sources if not source.readings)
    globs = f"keys: {' '.join(keys)}" + ("" if wishes.keys else " (from the sample's name)")
    return Proposal(
        form=form,
        rows=rows,
        table=wishes.table or table_name(re.split(r"[.*?/]", keys[0].lstrip("*/"))[0]) or "rows",
        key=key,
        columns=columns,
        left_out=left_out,
        evidence=(globs, *form.evidence, why, *(f"left out: {name!r}, declare it" for name in left_out)),
    )


def glob_of(name: str) -> str:
    """Give the glob that takes files named like a sample.

    >>> glob_of("orders-2026-01-31.csv.gz"), glob_of("fruit.csv")
    ('orders-*.csv.gz', 'fruit*.csv')
    """
    stem, dot, endings = name.partition(".")
    stem = re.sub(r"[*?]", "?", stem)
    glob = re.sub(r"[0-9]+([-_ ]?[0-9]+)*", "*", stem)
    return (glob if "*" in glob else f"{glob}*") + dot + re.sub(r"[0-9*?]+", "*", endings)


def _wanted_key(wanted: Sequence[str], sources: Sequence[Source]) -> tuple[str, ...]:
    by_name = {fold(source.spelled): source.name for source in sources}
    by_name |= {source.name: source.name for source in sources}
    unknown = [name for name in wanted if fold(name) not in by_name]
    if unknown:
        known = ", ".join(source.name for source in sources)
        raise ProposalError(f"--key {unknown[0]!r} is no column of the sample; its columns are {known}")
    return tuple(dict.fromkeys(by_name[fold(name)] for name in wanted))


def _try(
    form: Form, sources: Sequence[Source], wanted: Sequence[str]
) -> tuple[dict[str, Trial], KeySearch, int]:
    """Read the whole sample as text, or as near to it as its own types are."""
    trials = {source.name: Trial(list(source.readings), source.is_text) for source in sources}
    search, rows = KeySearch(wanted), 0
    for chunk in text_rows(_reading_app(form, sources), form.path.name, _source(form), expanded_limit=None):
        named = {source.name: chunk.columns[fold(source.spelled)] for source in sources}
        columns = pl.DataFrame(named)
        if not columns.height:
            continue
        rows += columns.height
        for name, trial in trials.items():
            trial.take(columns[name])
        search.take(columns)
    if not rows:
        raise ProposalError("the sample has no row: types are proposed from values")
    return trials, search, rows


def _reading_app(form: Form, sources: Sequence[Source]) -> IngestApp:
    """Give an app that takes every column as it comes."""
    is_text = form.files.format != "parquet"
    columns = {
        source.name: {
            **({"type": "text"} if is_text else source.readings[0].options),
            "column": source.spelled,
        }
        for source in sources
    }
    table = {"name": "sample", "partition_key": [sources[0].name]}
    files = form.files.model_copy(update={"extra_columns": "ignore"})
    contract = AppContract.model_validate({"files": files, "table": table, "columns": columns})
    return IngestApp("sample", "sample", "", form.path.parent, contract)


def _source(form: Form) -> Iterable[bytes] | RandomAccess:
    return _Ranges(form.path) if form.files.format == "parquet" else blocks_of_file(form.path)


@dataclass(frozen=True)
class _Ranges:
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def read_range(self, start: int, size: int) -> bytes:
        with self.path.open("rb") as source:
            source.seek(start)
            return source.read(size)


def _column(source: Source, finding: Finding) -> ProposedColumn:
    options: dict[str, object] = dict(finding.reading.options)
    if fold(source.spelled) != source.name:
        options["column"] = source.spelled
    if finding.null_words:
        options["null_words"] = list(finding.null_words)
    if finding.trims:
        options["trim"] = True
    return ProposedColumn(source.name, options, finding)


def _key(
    found: Sequence[Candidate], findings: Mapping[str, Finding], rows: int, *, is_wanted: bool
) -> tuple[tuple[str, ...], str]:
    for candidate in found:
        kinds = {findings[name].reading.type for name in candidate.columns}
        has_words = any(findings[name].null_words for name in candidate.columns)
        names = ", ".join(candidate.columns)
        if is_wanted and (candidate.empty or has_words):
            raise ProposalError(f"--key {names}: {candidate.empty or 'some'} rows have no value of it")
        if is_wanted and not candidate.is_unique:
            return (
                candidate.columns,
                f"key: {names} (not unique: of rows with the same key the last one stays)",
            )
        if is_wanted or not (kinds & _NO_KEYS or has_words):
            among = f"all {rows:,}" if candidate.rows == rows else f"the first {candidate.rows:,}"
            return candidate.columns, f"key: {names} (different in {among} rows)"
    raise ProposalError(
        f"no column, nor the first ones together, tells all {rows:,} rows apart: say with --key which do"
    )
