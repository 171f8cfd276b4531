"""Whose turn it is: customers take turns, and nobody holds every worker.

Pure: the dispatcher offers deliveries and takes the next one for a free worker.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

BIG_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Turn(Generic[T]):
    """An item that waits or is worked on."""

    customer: str
    is_big: bool
    item: T


class FairQueue(Generic[T]):
    """Items of many customers for a number of workers.

    One customer holds at most all workers but one, big objects hold at most half of them.

    >>> queue = FairQueue[str](workers=2)
    >>> for name in ("orders/1.csv", "orders/2.csv"):
    ...     queue.offer("acme", name, size=10)
    >>> queue.offer("zenith", "z.csv", size=10)
    >>> [turn.item for turn in (queue.take(), queue.take(), queue.take()) if turn]
    ['orders/1.csv', 'z.csv']
    """

    def __init__(self, workers: int) -> None:
        self._customer_share = max(1, workers - 1)
        self._big_share = max(1, workers // 2)
        self._waiting: OrderedDict[str, deque[Turn[T]]] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._big_held = 0

    def offer(self, customer: str, item: T, *, size: int | None) -> None:
        """Put an item behind its customer's others; `size` in bytes."""
        self._lane(customer).append(Turn(customer, (size or 0) > BIG_BYTES, item))

    def put_back(self, turn: Turn[T]) -> None:
        """End a turn and let its item be the customer's next."""
        self.done(turn)
        self._lane(turn.customer).appendleft(turn)

    def take(self) -> Turn[T] | None:
        """Return the next item that may be worked on, if there is one."""
        for customer, lane in self._waiting.items():
            if lane and self._may_start(lane[0]):
                turn = lane.popleft()
                self._waiting.move_to_end(customer)
                self._held[customer] += 1
                self._big_held += turn.is_big
                return turn
        return None

    def done(self, turn: Turn[T]) -> None:
        """End a turn."""
        self._held[turn.customer] -= 1
        self._big_held -= turn.is_big

    def drop(self, is_void: Callable[[T], bool]) -> None:
        """Forget waiting items that have become void."""
        for customer, lane in self._waiting.items():
            self._waiting[customer] = deque(turn for turn in lane if not is_void(turn.item))

    def _lane(self, customer: str) -> deque[Turn[T]]:
        return self._waiting.setdefault(customer, deque())

    def _may_start(self, turn: Turn[T]) -> bool:
        if self._held[turn.customer] >= self._customer_share:
            return False
        return not turn.is_big or self._big_held < self._big_share
