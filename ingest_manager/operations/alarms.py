"""The queue `dead-letters`: a copy of every dead letter, to be counted by whoever watches the broker.

What the copies stand for is in the ledger (`dead_letters`). Whoever replays or discards takes them out again.
"""

from collections.abc import Collection, Sequence
from functools import partial
from uuid import UUID

from ingest_manager.errors import UnusableMessage
from ingest_manager.ledger.kept_messages import message_id_of
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.operations.dead_letters import is_open
from ingest_manager.queues import broker, topology
from ingest_manager.queues.events import parse_message


def take_alarms(url: str, ledger: Ledger, settled: Collection[UUID]) -> int:
    """Take out of the queue what was dealt with: these loads and messages, and loads that are not failed.

    What else lies there goes back to its place; return how many were taken out.

    Raises:
        ServerDown: the broker cannot be reached.
    """
    with broker.open_channel(url) as channel:
        return broker.take_messages(channel, topology.DEAD_LETTERS, partial(settled_of, ledger, settled))


def settled_of(ledger: Ledger, settled: Collection[UUID], bodies: Sequence[bytes]) -> list[bool]:
    """Tell of each body whether its alarm is over; one that nobody knows stays."""
    ids = [_load_ids(body) for body in bodies]
    known = {load.load_id: load for load in ledger.find_all({one for some in ids for one in some})}

    def is_over(load_id: UUID) -> bool:
        return load_id in settled or (load_id in known and not is_open(known[load_id]))

    return [
        message_id_of(body) in settled or (bool(some) and all(map(is_over, some)))
        for body, some in zip(bodies, ids, strict=True)
    ]


def _load_ids(body: bytes) -> list[UUID]:
    try:
        return [event.load_id for event in parse_message(body)]
    except UnusableMessage:
        return []
