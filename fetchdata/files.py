"""The customer's folder: which files it has, what they are called in the store, and their checksums.

Nothing here knows a constraint; a file that cannot be read, or is no longer what was found, is a FileError.
"""

import gzip
import hashlib
import os
import shutil
import stat
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, BinaryIO, cast

from bucket_policies.rules import escaped
from fetchdata.errors import FileError, UsageError

BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when the folder was listed."""

    path: Path
    name: str
    """Relative to the folder, as it will be stored."""

    size: int
    mtime_ns: int

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading, if it still is what was listed.

        Raises:
            FileError: it cannot be read, or it has changed.
        """
        try:
            with self.path.open("rb") as source:
                now = os.fstat(source.fileno())
                if (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns):
                    raise changed()
                yield source
        except OSError as error:
            raise FileError("unreadable", f"cannot be read: {error.strerror}") from error

    def sha256(self, advance: Callable[[int], None]) -> str:
        """Compute the checksum of its bytes, telling `advance` how many went by."""
        digest = hashlib.sha256()
        with self.open() as source:
            for block in iter(lambda: source.read(BLOCK_BYTES), b""):
                digest.update(block)
                advance(len(block))
        return digest.hexdigest()


@dataclass(frozen=True)
class Listing:
    """What a folder holds: files in the order of their names, and paths that are left out with a notice."""

    files: tuple[SourceFile, ...]
    skipped: tuple[PurePath, ...]


def list_files(folder: Path) -> Listing:
    """List every file below a folder, hidden ones left out, symbolic links and devices skipped.

    Raises:
        UsageError: the folder, or one inside it, is missing or cannot be read.
    """
    files, skipped = [], []
    for path in _walk(folder):
        with suppress(FileNotFoundError):  # moved away a moment ago
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                name = name_of(path.relative_to(folder))
                files.append(SourceFile(path, name, status.st_size, status.st_mtime_ns))
            else:
                skipped.append(path)
    return Listing(tuple(sorted(files, key=lambda file: (file.name, file.path))), tuple(sorted(skipped)))


def name_of(relative: PurePath) -> str:
    r"""Give the name under which a file is stored: composed Unicode, `/` between its parts.

    >>> from pathlib import PureWindowsPath
    >>> name_of(PureWindowsPath("orders\\cafe\u0301.csv"))
    'orders/café.csv'
    """
    return unicodedata.normalize("NFC", relative.as_posix())


def write_file(target: Path, body: IO[bytes]) -> None:
    """Write a file, and the folders that it needs; compressed as its name says.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _opened(target) as file:
            shutil.copyfileobj(body, file)
    except OSError as error:
        raise UsageError(f"cannot write '{escaped(str(target))}': {error.strerror}") from error


def _opened(target: Path) -> IO[bytes]:
    name = target.name.lower()
    if name.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(target, "wb"))
    if not name.endswith(".zst"):
        return target.open("wb")
    try:
        import zstandard  # noqa: PLC0415 -- compiled, so only an extra has it
    except ImportError as error:
        raise UsageError(
            f"cannot write '{escaped(str(target))}': zstd needs the extra `validate`; leave .zst out"
        ) from error
    return cast("IO[bytes]", zstandard.open(target, "wb"))


def changed() -> FileError:
    """Say that a file is no longer what was checked."""
    return FileError("changed", "changed while fetchdata was at work; run it again when the file is complete")


def _walk(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"cannot read the folder '{folder}': {error.strerror}") from error
    for entry in visible:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)
