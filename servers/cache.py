"""The machine-wide cache of what was built or downloaded, shared by checkouts, tests and CI.

An entry is a folder that appears by rename when it is complete, so whatever interrupts a build leaves
nothing that a later run could mistake for a result.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Tell where entries live: outside every checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ingestion-platform"


def build_entry(entry: Path, build: Callable[[Path], None]) -> None:
    """Make an entry: `build` fills a scratch folder beside it, which then takes the entry's name.

    The caller holds a lock, so a scratch folder met here is what an interrupted build left.
    """
    scratch = entry.with_name(f".{entry.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    build(scratch)
    scratch.rename(entry)


@contextmanager
def exclusive(lock_file: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock that one process has at a time; it ends with the process, however that ends."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
