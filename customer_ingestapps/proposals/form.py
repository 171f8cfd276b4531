"""The form of a sample: its format, encoding and delimiter, each with what speaks for it.

A whole pass per delimiter in question: one that leaves every row as wide as the header is the one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from customer_ingestapps.blocks import blocks_of
from customer_ingestapps.compression import expanded
from customer_ingestapps.contents import checked, named_compression
from customer_ingestapps.contract import Encoding, Files, Format
from customer_ingestapps.encodings import utf8
from customer_ingestapps.errors import FileRejected, ProposalError
from customer_ingestapps.readers.csv_batches import Batch, batches
from customer_ingestapps.readers.csv_structure import Scanner
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reasons import Reason

DELIMITERS = (",", ";", "\t", "|")
LIMITS = Limits()
_BY_NAME: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
}  # fmt: skip
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Form:
    """How a sample is to be read; `evidence` has a line for each thing that was found out."""

    path: Path
    files: Files
    evidence: tuple[str, ...]

    def texts(self) -> Iterator[bytes]:
        """Give the sample's text in blocks of UTF-8."""
        return utf8(_plain(self.path, self.files.format), self.files.encoding)

    def csv_batches(self) -> Iterator[Batch]:
        """Give the records of a CSV: the header alone, then the rows."""
        return batches(self.texts(), Scanner(delimiter=self.files.delimiter, quote=self.files.quote), LIMITS)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How a CSV looks with one delimiter."""

    delimiter: str
    columns: int
    rows: int
    ragged: int


def find_form(
    path: Path, keys: Sequence[str], *, delimiter: str | None = None, encoding: Encoding | None = None
) -> Form:
    """Find out how a sample is to be read; what is given is believed.

    Raises:
        FileRejected: it cannot be read at all.
        ProposalError: its encoding has to be told.
    """
    form, why = _format_of(path)
    if form == "parquet":
        return Form(path, Files(keys=tuple(keys), format=form), (f"format: parquet ({why})",))
    evidence = [f"format: {form} ({why})"]
    if encoding is None:
        encoding, why = _encoding_of(path, form)
        evidence.append(f"encoding: {encoding} ({why})")
    files = Files(keys=tuple(keys), format=form, encoding=encoding)
    if form == "csv" and delimiter is None:
        delimiter, why = _delimiter_of(Form(path, files, ()))
        evidence.append(f"delimiter: {delimiter!r} ({why})")
    if form == "csv" and delimiter is not None:
        files = Files(keys=tuple(keys), format=form, encoding=encoding, delimiter=delimiter)
    return Form(path, files, tuple(evidence))


def blocks_of_file(path: Path) -> Iterator[bytes]:
    """Give a file's bytes in blocks."""
    with path.open("rb") as source:
        while block := source.read(LIMITS.block_bytes):
            yield block


def _plain(path: Path, form: Format) -> Iterator[bytes]:
    """Give the bytes before gzip or zstd."""
    stored = checked(path.name, blocks_of_file(path), form)
    return blocks_of(LIMITS.block_bytes, expanded(path.name, stored, LIMITS.block_bytes, limit=None))


def _format_of(path: Path) -> tuple[Format, str]:
    name = path.name.lower()
    ending = Path(name).suffixes[-2:-1] if named_compression(name) else [Path(name).suffix]
    if ending and ending[0] in _BY_NAME:
        return _BY_NAME[ending[0]], f"the name ends in {ending[0]}"
    first = b"".join(next(_plain(path, "csv"), b"")[:100].split()).removeprefix(b"\xef\xbb\xbf")[:1]
    if first == b"[":
        return "json", "the content begins with ["
    return ("jsonl", "the content begins with {") if first == b"{" else ("csv", "neither JSON nor Parquet")


def _encoding_of(path: Path, form: Format) -> tuple[Encoding, str]:
    start = next(_plain(path, form), b"")[:2]
    encoding: Encoding = "utf-16" if start in _UTF_16 else "utf-8"
    try:
        for _ in utf8(_plain(path, form), encoding):
            pass
    except FileRejected as error:
        if error.reason is not Reason.BAD_ENCODING:
            raise
        hint = "say which encoding it is with --encoding, such as windows-1252"
        raise ProposalError(f"{error}: {hint}") from error
    return encoding, "byte order mark" if encoding == "utf-16" else "every byte is"


def _delimiter_of(form: Form) -> tuple[str, str]:
    fits: list[_Fit] = []
    fault: FileRejected | None = None
    for delimiter in DELIMITERS:
        files = Files(keys=form.files.keys, format="csv", encoding=form.files.encoding, delimiter=delimiter)
        try:
            fits.append(_fit(Form(form.path, files, ()), delimiter))
        except FileRejected as error:
            fault = fault or error
    if not fits:
        assert fault is not None  # noqa: S101 - each delimiter gives the one or the other
        raise fault
    best = max(fits, key=_fitness)
    others = [repr(fit.delimiter) for fit in fits if fit is not best and fit.columns > 1 and not fit.ragged]
    why = f"{best.columns} columns in {best.rows - best.ragged:,} of {best.rows:,} rows"
    return best.delimiter, why + (
        f"; {' and '.join(others)} would fit, too: see --delimiter" if others else ""
    )


def _fitness(fit: _Fit) -> tuple[bool, bool, int, int]:
    """Rank: several columns in every row, in most rows, one column; then the most columns."""
    is_several = fit.columns > 1
    return is_several and not fit.ragged, is_several and 2 * fit.ragged <= fit.rows, -fit.ragged, fit.columns


def _fit(form: Form, delimiter: str) -> _Fit:
    found = form.csv_batches()
    first = next(found, None)
    if first is None:
        raise FileRejected(
            Reason.NO_HEADER, "the file is empty: its first line must name the columns", line=1
        )
    columns, rows, ragged = int(first.records.widths[0]), 0, 0
    for batch in found:
        rows += len(batch.records)
        ragged += int((batch.records.widths != columns).sum())
    return _Fit(delimiter, columns, rows, ragged)
