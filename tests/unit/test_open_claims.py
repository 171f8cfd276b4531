"""Which rows a process writes for its claims: the next over one that has ended, over no other."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from ingest_manager.ledger.open_claims import OpenClaims


class Rows:
    """A session that keeps the last load of each slot."""

    def __init__(self) -> None:
        self.load_of: dict[object, object] = {}

    def execute_async(self, _: str, parameters: Sequence[object]) -> None:
        _, slot, _, load_id = parameters
        self.load_of[slot] = load_id


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def claims(rows: Rows) -> OpenClaims:
    return OpenClaims(rows)  # type: ignore[arg-type]  # a fake


def test_next_claim_is_written_over_one_that_has_ended(claims: OpenClaims, rows: Rows) -> None:
    for number in range(100):
        claims.enter("acme", UUID(int=number))
        claims.leave(UUID(int=number))
    assert rows.load_of == {0: UUID(int=99)}


def test_claim_that_has_not_ended_stays_beside_the_next(claims: OpenClaims, rows: Rows) -> None:
    for number in (1, 2, 3):
        claims.enter("acme", UUID(int=number))
    claims.leave(UUID(int=2))
    claims.enter("acme", UUID(int=4))
    assert rows.load_of == {0: UUID(int=1), 1: UUID(int=4), 2: UUID(int=3)}


def test_claim_that_is_repeated_keeps_its_row(claims: OpenClaims, rows: Rows) -> None:
    for number in (1, 2, 1):
        claims.enter("acme", UUID(int=number))
    assert rows.load_of == {0: UUID(int=1), 1: UUID(int=2)}


def test_longest_unused_claim_gives_way_where_very_many_never_ended(claims: OpenClaims, rows: Rows) -> None:
    for number in range(65):
        claims.enter("acme", UUID(int=number))
    assert set(rows.load_of.values()) == {UUID(int=number) for number in range(1, 65)}
