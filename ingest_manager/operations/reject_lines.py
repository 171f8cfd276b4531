"""The rows of a stored rejects file, each with its line, column and reason, for programs.

A row is the text that the customer sent, untouched: the file is cut where rows end, in the dialect of the app
that takes the object now, and what `customer_ingestapps.rejects_file` added is taken off.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from customer_ingestapps.contract import Files
from customer_ingestapps.header import ADDED_TO_REJECTS, RAW_IN_REJECTS
from customer_ingestapps.reasons import NO_OBJECTS
from customer_ingestapps.registry import IngestApp
from ingest_manager.errors import PermanentError
from ingest_manager.loading.current_app import App

_ARRAY_START = "[\n{"


@dataclass(frozen=True, slots=True)
class RejectLine:
    """One row that was not loaded."""

    line: int
    column: str | None
    reason: str
    row: str


def reject_lines(blocks: Iterable[bytes], app: App) -> Iterator[RejectLine]:
    """Yield the rejects of a stored file in its order, as it is read; little of it is held at once.

    Raises:
        PermanentError: no app takes the object now, or in another dialect than the file's; this may be found
            out after some were yielded.
    """
    if not isinstance(app, IngestApp):
        raise _not_told_apart(str(app))
    dialect = app.contract.files
    try:
        texts = _decoded(blocks, dialect.encoding)
        yield from _of_json(texts) if dialect.format in {"json", "jsonl"} else _of_csv(texts, dialect)
    except (ValueError, LookupError, RecursionError) as error:
        raise _not_told_apart(f"the app {app.name} reads another form now") from error


def _not_told_apart(why: str) -> PermanentError:
    advice = "without --json they are printed as they are stored"
    return PermanentError(f"the rejects cannot be told apart: {why}; {advice}", "rejects_unreadable")


def _decoded(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _of_csv(texts: Iterator[str], dialect: Files) -> Iterator[RejectLine]:
    records = _records(texts, dialect.quote)
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
    if not next(records, "").endswith(dialect.delimiter.join(("", *ADDED_TO_REJECTS))):
        raise ValueError("another header")
    cell = f"({quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{delimiter}{quote}]*)"
    ending = re.compile(rf"(.*){delimiter}(\d+){delimiter}{cell}{delimiter}{cell}", re.DOTALL)
    for record in records:
        found = ending.fullmatch(record)
        if found is None:
            raise ValueError("another row")
        row, line, column, reason = found.groups()
        yield RejectLine(int(line), _unquoted(column, quote) or None, _unquoted(reason, quote), row)


def _records(texts: Iterator[str], quote: str) -> Iterator[str]:
    """Yield the records: a line end between quotes ends none."""
    record: list[str] = []
    is_open = False
    for line in _lines(texts):
        record.append(line)
        is_open ^= line.count(quote) % 2 == 1
        if not is_open:
            yield "\n".join(record)
            record = []
    if record:
        raise ValueError("a quote is not closed")


def _lines(texts: Iterator[str]) -> Iterator[str]:
    rest = ""
    for text in texts:
        *lines, rest = (rest + text).split("\n")
        yield from lines
    if rest:
        yield rest


def _unquoted(cell: str, quote: str) -> str:
    return cell[1:-1].replace(quote * 2, quote) if cell.startswith(quote) else cell


def _of_json(texts: Iterator[str]) -> Iterator[RejectLine]:
    for text in _objects(texts):
        own, mark, added = text.rpartition(f'"{ADDED_TO_REJECTS[0]}": ')
        line, column, reason = json.loads(f"{{{mark}{added}").values()
        row = own.removesuffix(", ") + "}"
        if reason in {one.value for one in NO_OBJECTS}:
            row = json.loads(row)[RAW_IN_REJECTS]
        yield RejectLine(line, column, reason, row)


def _objects(texts: Iterator[str]) -> Iterator[str]:
    """Find the ends of objects only: what is in them, numbers of any length too, stays text."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)
    held, at = _longer("", texts, len(_ARRAY_START)), 0
    if not held.startswith(("{", _ARRAY_START)):
        raise ValueError("another start")
    while held:
        start = held.find("{", at)
        end = _end_of(decoder, held, start) if start >= 0 else None
        if end is not None:
            yield held[start:end]
            at = end
            continue
        rest = held[start:] if start >= 0 else ""
        held, at = _longer(rest, texts, 2 * len(rest) or 1), 0  # not one look for each block
        if rest and held == rest:
            raise ValueError("an object is not closed")


def _longer(held: str, texts: Iterator[str], wanted: int) -> str:
    """Read on until so many characters are held, or to the end."""
    parts, length = [held], len(held)
    while length < wanted and (text := next(texts, None)) is not None:
        parts.append(text)
        length += len(text)
    return "".join(parts)


def _end_of(decoder: json.JSONDecoder, text: str, start: int) -> int | None:
    """Return where an object ends; None if the text does before."""
    try:
        return decoder.raw_decode(text, start)[1]
    except json.JSONDecodeError:
        return None
