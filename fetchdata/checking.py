"""Files checked on the customer's machine, by its own declarations: parser, reasons and lines of a load.

The only importer of `customer_ingestapps`, and so of the extra `validate`; itself imported when it is needed.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from bucket_policies.api import AppDeclaration, CurrentConstraints
from bucket_policies.rules import key_of
from customer_ingestapps.accounts import FileAccounts, one_behind
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reading import Chunk, read_chunks, read_untransformed
from customer_ingestapps.registry import DECLARATION, IngestApp, Registry
from customer_ingestapps.rejects_file import RejectsFile
from customer_ingestapps.sources import RandomAccess
from fetchdata.errors import AnswerError, FetchdataError
from fetchdata.files import BLOCK_BYTES, SourceFile, write_file
from fetchdata.progress import Advance
from fetchdata.verdicts import Fault, FoundReject, Verdict


@dataclass(frozen=True)
class Checker:
    """Checks files as a load would read them."""

    customer: str
    registry: Registry
    constraints: CurrentConstraints
    with_transform: frozenset[str]
    """Names of the apps whose code changes the rows afterwards; it stays with the service."""

    most_rejects: int | None = None
    """How many rejects of a file are kept; all are counted."""

    output: Path | None = None
    """Folder for the rejects of each file, under the file's own name."""

    def check(self, file: SourceFile, advance: Advance) -> Verdict:
        """Read a file to its end, or to where a load would stop.

        Raises:
            FileError: it cannot be read.
            ContractError: the customer's apps cannot be used.
        """
        try:
            app = self.registry.pick(self.customer, key_of(file.name))
        except FileRejected as error:
            return Verdict(fault=_fault(error))
        verdict = Verdict(is_to_be_transformed=app.name in self.with_transform)
        with file.open() as source, RejectsFile(app.contract.files) as rejects:
            by_ranges = app.contract.files.format == "parquet"
            read_from = _Ranges(source, file.size, advance) if by_ranges else _blocks(source, advance)
            self._take(self._chunks(app, file.name, read_from), verdict, rejects)
            if self.output and rejects.count:
                kept = self.output / file.name  # rejects of Parquet are CSV
                write_file(kept.with_suffix(".csv") if by_ranges else kept, rejects.rewound())
        return verdict

    def _chunks(self, app: IngestApp, name: str, source: Iterator[bytes] | RandomAccess) -> Iterator[Chunk]:
        expanded_kib = self.constraints.expanded_kib
        limit = None if expanded_kib is None else expanded_kib * 1024
        read = read_untransformed if app.contract.transform else read_chunks
        return one_behind(read(app, key_of(name), source, expanded_limit=limit))

    def _take(self, chunks: Iterator[Chunk], verdict: Verdict, rejects: RejectsFile) -> None:
        accounts = FileAccounts()
        try:
            for chunk in chunks:
                rejects.add(chunk.header, chunk.rejects)
                left = None if self.most_rejects is None else self.most_rejects - len(verdict.rejects)
                verdict.rejects += [
                    FoundReject(one.line, one.column, one.value, one.reason.value, one.message)
                    for one in islice(chunk.rejects, left)
                ]
                accounts.check(chunk, self.constraints)
                accounts.add(chunk)
        except FileRejected as error:
            verdict.fault = _fault(error)
        verdict.rows_read, verdict.rows_written = accounts.rows_read, accounts.rows_written
        verdict.rows_rejected = accounts.rows_rejected


@contextmanager
def declared_apps(customer: str, apps: Sequence[AppDeclaration]) -> Iterator[Registry]:
    """Lay out declarations as a registry reads them, for as long as the context is open.

    Raises:
        AnswerError: an app's name is not the name of a folder.
        FetchdataError: the apps turned out to break the contract.
    """
    with TemporaryDirectory(prefix="fetchdata-") as name:
        root = Path(name)
        for app in apps:
            if app.name in {"", ".", ".."} or {"/", "\\", ":"}.intersection(app.name):
                raise AnswerError(f"the service named an app {app.name!r}, which cannot be one")
            folder = root / customer / app.name
            folder.mkdir(parents=True)
            (folder / DECLARATION).write_text(app.toml, "utf-8")
        try:
            yield Registry(root, has_code=False)
        except ContractError as error:
            message = str(error).replace(f"{root}{os.sep}", "")
            raise FetchdataError(f"your app at the service is refused, please tell us: {message}") from error


def _blocks(source: IO[bytes], advance: Advance) -> Iterator[bytes]:
    while block := source.read(BLOCK_BYTES):
        advance(len(block))
        yield block


@dataclass
class _Ranges:
    """An open file that is read by ranges; what is read again is not told again."""

    source: IO[bytes]
    size: int
    advance: Advance
    told: int = 0

    def read_range(self, start: int, size: int) -> bytes:
        self.source.seek(start)
        found = self.source.read(size)
        step = min(len(found), self.size - self.told)
        self.told += step
        self.advance(step)
        return found


def _fault(error: FileRejected) -> Fault:
    return Fault(error.reason.value, error.message, error.line)
