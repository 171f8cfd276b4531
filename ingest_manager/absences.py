"""Servers that are away while work is repeated: said once when one goes, and once when it is back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

import structlog

from ingest_manager.errors import IngestError, PermanentError, ServerDown, ServerName, TransientError

log = structlog.get_logger(__name__)

_SERVERS = frozenset(get_args(ServerName))


@dataclass(slots=True)
class _Absence:
    since: float
    noticed_by: set[str] = field(default_factory=set)


class Absences:
    """What keeps repeated work from succeeding; several threads may tell it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._absences: dict[str, _Absence] = {}

    @contextmanager
    def noticed_by(self, work: str) -> Iterator[None]:
        """Take the fault of a turn of work that is repeated; a turn without one ends its absences.

        Two kinds of work that miss the same server are one absence: it is over when both have succeeded.
        """
        try:
            yield
        except IngestError as error:
            self._note(work, error)
        else:
            self._end(work)

    def _note(self, work: str, error: IngestError) -> None:
        missing = _missing(error)
        with self._lock:
            if missing not in self._absences:
                self._absences[missing] = _Absence(self._clock())
                _tell_gone(work, missing, str(error))
            self._absences[missing].noticed_by.add(work)

    def _end(self, work: str) -> None:
        with self._lock:
            for missing, absence in list(self._absences.items()):
                absence.noticed_by.discard(work)
                if not absence.noticed_by:
                    del self._absences[missing]
                    away = round(self._clock() - absence.since, 1)
                    _tell_back(work, missing, away)


def _tell_gone(work: str, missing: str, error: str) -> None:
    facts = {"missing": missing, "error": error}
    if missing in _SERVERS:
        log.warning("a server is away, this is tried again until it is back", action=work, **facts)
    else:
        log.warning("this failed and is tried again until it succeeds", action=work, **facts)


def _tell_back(work: str, missing: str, away_seconds: float) -> None:
    facts = {"missing": missing, "away_seconds": away_seconds}
    if missing in _SERVERS:
        log.info("a server is back", action=work, **facts)
    else:
        log.info("this succeeds again", action=work, **facts)


def _missing(error: IngestError) -> str:
    """Name what is missing: a server or, where one answered, the reason that it gave."""
    if isinstance(error, ServerDown):
        return error.server
    if isinstance(error, TransientError | PermanentError):
        return "cassandra" if error.reason == "cassandra_no_answer" else error.reason
    return type(error).__name__
