"""What a worker says of a delivery, and so what the dispatcher does with it before the ack."""

from dataclasses import dataclass, field

from ingest_manager.errors import ServerName
from ingest_manager.ledger.loads import Load
from ingest_manager.monitoring.measures import Measures


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome is stored and the object is where it belongs: ack."""

    load: Load
    is_new: bool = True  # False: an earlier delivery did the work
    measures: Measures = field(default_factory=Measures, compare=False)


@dataclass(frozen=True, slots=True)
class Busy:
    """It cannot end now, as where another worker has it: come back after the shortest pause, uncounted."""

    is_cut_off: bool = False  # amid the work: perhaps after the outcome


@dataclass(frozen=True, slots=True)
class HandedOn:
    """Another copy of the event is on its way: ack."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """The outcome is stored, but the object cannot be moved yet: come back after the longest pause."""

    load: Load
    error: str
    is_new: bool = True
    measures: Measures = field(default_factory=Measures, compare=False)


@dataclass(frozen=True, slots=True)
class Retry:
    """A passing fault: a copy goes to the retry queue of this attempt, then the ledger says `waiting`."""

    load: Load
    error: str


@dataclass(frozen=True, slots=True)
class ServerLost:
    """A whole server is away: keep the delivery until it is back; no attempt is counted."""

    server: ServerName
    error: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The worker stops: back to the queue, no attempt is counted."""


Settlement = Settled | Busy | HandedOn | Unplaced | Retry | ServerLost | Returned
