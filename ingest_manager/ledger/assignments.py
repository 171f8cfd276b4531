"""What a worker is told to do: one delivery's event, and the claim under which it is loaded."""

from dataclasses import dataclass
from uuid import UUID

from ingest_manager.ledger.replay_order import Replay
from ingest_manager.queues.events import ObjectEvent


@dataclass(frozen=True, slots=True)
class Assignment:
    """One delivery's event, handed to a worker.

    `claim` is the claim that the worker shall take: the same again when a server was away, so that the
    attempt is not counted twice; a new one after anything else. `retry_of` is the attempt whose retry
    this is, where it is one; `replay` the order to load again what has an outcome.
    """

    customer: str
    event: ObjectEvent
    claim: UUID
    retry_of: int | None = None
    replay: Replay | None = None

    @property
    def log_facts(self) -> dict[str, str]:
        """What every line that concerns it says."""
        facts = {"load_id": str(self.event.load_id), "customer": self.customer}
        return facts | ({"replay_id": str(self.replay.id)} if self.replay else {})
