"""`bucket-policies watch`: MinIO follows the documents, so that a new customer needs no restart.

Looks at the documents at the start, when the file system tells of a change, and every few seconds anyway, as
not every file system tells. What could not be applied is tried again at every look. `mirror` does the work.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import structlog
import watchfiles

from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import PolicyError
from bucket_policies.mirror import Difference

LOOK_SECONDS = 5
_DEBOUNCE_MS = 200  # an editor's several writes are one change
_TURNS = 4
_log = structlog.get_logger(__name__)

Apply = Callable[[Sequence[Customer]], Sequence[Difference]]


class Watch:
    """Applies the documents of a folder whenever they are not what was applied last."""

    def __init__(self, directory: CustomerDirectory, apply: Apply) -> None:
        self._directory = directory
        self._apply = apply
        self._applied: Mapping[str, Customer] | None = None
        self._told: Mapping[str, str] = {}

    def look(self) -> None:
        """Apply the documents unless they are applied; log what was done, and each new problem once."""
        customers = dict(self._directory.current())
        problems = {f"document {name}": text for name, text in self._directory.problems.items()}
        if customers != self._applied:
            problems |= self._apply_all(customers)
        for what, problem in problems.items():
            if self._told.get(what) != problem:
                advice = "mend what the problem says; it is tried again every few seconds"
                _log.error("not applied", action="watch", what=what, problem=problem, advice=advice)
        self._told = problems

    def _apply_all(self, customers: Mapping[str, Customer]) -> dict[str, str]:
        for _ in range(_TURNS):  # the last one finds it as it should be: `add` may write at the same time
            try:
                differences = self._apply(list(customers.values()))
            except PolicyError as error:
                return {"MinIO": str(error)}
            for one in differences:
                if not one.error:
                    _log.info("applied", action="watch", what=one.what)
            if failed := {one.what: one.error for one in differences if one.error}:
                return failed
            if not differences:
                self._applied = customers
                _log.info("MinIO equals the documents", action="watch", customers=len(customers))
                break
        return {}


def run(folder: Path, apply: Apply, over: threading.Event, *, look_seconds: float = LOOK_SECONDS) -> None:
    """Keep MinIO equal to the documents of a folder until `over` is set."""
    watch = Watch(CustomerDirectory(folder), apply)
    while not over.is_set():
        watch.look()
        try:
            for _ in _changes(folder, over, look_seconds):
                watch.look()
        except OSError:  # there is no such folder at the moment, or the system can watch no more
            over.wait(look_seconds)


def _changes(folder: Path, over: threading.Event, look_seconds: float) -> Iterator[object]:
    return watchfiles.watch(
        folder,
        stop_event=over,
        debounce=_DEBOUNCE_MS,
        rust_timeout=int(look_seconds * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
