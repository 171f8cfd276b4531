"""How the platform stands: its servers, what found no customer or no outcome, and every customer's state."""

from collections.abc import Iterable, Mapping
from typing import get_args

from pydantic import BaseModel, ConfigDict

from bucket_policies.customers import Customer
from ingest_manager.errors import ServerName
from ingest_manager.monitoring.customer_state import CustomerState, Observer
from ingest_manager.queues import topology

REACHABLE = "reachable"


class PlatformState(BaseModel):
    """What `status` shows; None is what could not be asked for: its server is away."""

    model_config = ConfigDict(frozen=True)

    servers: dict[ServerName, str]
    """`reachable`, or why not."""
    unrouted: int | None
    """Events of buckets without a customer."""
    dead_letter_messages: int | None
    """Messages in the queue of dead letters: the alarm, as against the customers' failed loads."""
    objects_refused: int | None
    """Objects that failed as their app or its table is not in order, and those that wait for it."""
    problems: dict[str, str]
    """Documents and apps that are refused, and why."""
    customers: list[CustomerState]

    @property
    def is_whole(self) -> bool:
        """Tell whether every server could be asked."""
        return all(told == REACHABLE for told in self.servers.values())


def platform_state(
    observer: Observer, customers: Mapping[str, Customer | None], problems: Mapping[str, str]
) -> PlatformState:
    """Look at the platform and at some customers.

    Raises:
        TransientError, PermanentError: a server is there and gives no good answer.
    """
    states = observer.states(customers)
    wanted = (topology.UNROUTED_QUEUE, topology.DEAD_LETTERS)
    queues = observer.ask(lambda: observer.queue_states(wanted))
    observer.ask(observer.store.ping)
    unrouted, dead_letters = (
        None if queues is None else queues[name].messages if name in queues else 0 for name in wanted
    )
    return PlatformState(
        servers={name: observer.away.get(name, REACHABLE) for name in get_args(ServerName)},
        unrouted=unrouted,
        dead_letter_messages=dead_letters,
        objects_refused=_sum(state.refused_by_app for state in states),
        problems=dict(problems),
        customers=states,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return None if None in known else sum(filter(None, known))
