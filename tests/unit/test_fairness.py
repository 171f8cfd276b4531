"""Customers take turns, and nobody holds every worker."""

from hypothesis import given
from hypothesis import strategies as st

from ingest_manager.loading.fairness import BIG_BYTES, FairQueue, Turn


def filled(workers: int, *offers: tuple[str, str, int]) -> FairQueue[str]:
    queue = FairQueue[str](workers)
    for customer, item, size in offers:
        queue.offer(customer, item, size=size)
    return queue


def taken(queue: FairQueue[str]) -> list[str]:
    items = []
    while (turn := queue.take()) is not None:
        items.append(turn.item)
    return items


def test_customers_take_turns() -> None:
    queue = filled(9, ("acme", "a1", 1), ("acme", "a2", 1), ("zenith", "z1", 1), ("zenith", "z2", 1))
    assert taken(queue) == ["a1", "z1", "a2", "z2"]


def test_one_customer_leaves_a_worker_free() -> None:
    assert taken(filled(4, *[("acme", f"a{n}", 1) for n in range(9)])) == ["a0", "a1", "a2"]


def test_single_worker_serves_everybody() -> None:
    assert taken(filled(1, ("acme", "a", 1))) == ["a"]


def test_big_objects_hold_at_most_half_of_the_workers() -> None:
    big = BIG_BYTES + 1
    queue = filled(4, ("acme", "a", big), ("bravo", "b", big), ("cedar", "c", big), ("delta", "d", BIG_BYTES))
    assert taken(queue) == ["a", "b", "d"]


def test_item_put_back_is_its_customers_next() -> None:
    queue = filled(2, ("acme", "a1", 1), ("acme", "a2", 1))
    turn = queue.take()
    assert turn is not None
    queue.put_back(turn)
    assert taken(queue) == ["a1"]


def test_dropped_items_are_forgotten() -> None:
    queue = filled(4, ("acme", "a1", 1), ("acme", "a2", 1))
    queue.drop(lambda item: item == "a1")
    assert taken(queue) == ["a2"]


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), st.data())
def test_everything_offered_is_taken_once_in_its_customers_order(
    workers: int, offers: list[tuple[str, bool]], data: st.DataObject
) -> None:
    queue = FairQueue[int](workers)
    for number, (customer, is_big) in enumerate(offers):
        queue.offer(customer, number, size=BIG_BYTES + is_big)
    held: list[Turn[int]] = []
    order: list[int] = []
    while True:
        turn = queue.take()
        if turn is not None:
            held.append(turn)
            order.append(turn.item)
        elif held:
            queue.done(held.pop(data.draw(st.integers(0, len(held) - 1))))
        else:
            break
    assert sorted(order) == list(range(len(offers)))
    for name in "abc":
        own = [number for number in order if offers[number][0] == name]
        assert own == sorted(own)
