"""Allowances: which of them an object falls into, and who gets a place."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from bucket_policies.allowances import AllowanceStore
from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ACME = Customer("acme", Constraints(formats=(".csv",), number_files=2, data_sizes=4, replay_days=30))


class FakeCassandra:
    """The two tables; `rivals` take places just before the next compare-and-sets."""

    def __init__(self):
        self.allowances = []
        self.places = {}
        self.taken = {}
        self.rivals = []
        self.ttls = []

    def execute(self, statement, parameters=()):
        if statement.startswith("INSERT"):
            return self._issue(*parameters)
        if statement.startswith("BEGIN BATCH"):
            return self._take(*parameters)
        if "DISTINCT" in statement:
            return [
                {"allowance_id": one, "taken": self.taken[one]} for one in parameters[0] if one in self.taken
            ]
        if "allowance_places" in statement:
            ids, load_id = parameters
            return [{"load_id": load_id} for one in ids if load_id in self.places.get(one, ())]
        customer, earliest, latest = parameters
        return [
            row
            for row in self.allowances
            if row["customer"] == customer and earliest <= row["expires_at"].replace(tzinfo=UTC) <= latest
        ]

    def _issue(self, customer, expires_at, allowance_id, issued_at, number_files, ttl):
        self.ttls.append(ttl)
        self.allowances.append(
            {
                "customer": customer,
                "allowance_id": allowance_id,
                "expires_at": expires_at.replace(tzinfo=None),
                "issued_at": issued_at.replace(tzinfo=None),
                "number_files": number_files,
                "kept_seconds": ttl,
            }
        )
        return []

    def _take(self, kept, count, allowance_id, expected, _, load_id, kept_again):
        if self.rivals:
            self._put(allowance_id, self.rivals.pop(0))
        if self.taken.get(allowance_id) != expected:
            return [{"[applied]": False, "taken": self.taken.get(allowance_id)}]
        assert count == (expected or 0) + 1
        self.ttls += [kept, kept_again]
        self._put(allowance_id, load_id)
        return [{"[applied]": True}]

    def _put(self, allowance_id, load_id):
        self.taken[allowance_id] = self.taken.get(allowance_id, 0) + 1
        self.places.setdefault(allowance_id, set()).add(load_id)


@pytest.fixture
def rows():
    return FakeCassandra()


@pytest.fixture
def store(rows):
    return AllowanceStore(rows)


def loads(count):
    return [uuid.UUID(int=number) for number in range(count)]


def let_in(store, load_ids, at=NOON, customer="acme"):
    return [store.take_place(customer, load_id, at) is None for load_id in load_ids]


def test_as_many_objects_come_in_as_the_document_says(store):
    store.issue(ACME, NOON, NOON + HOUR)

    assert let_in(store, loads(4)) == [True, True, False, False]


def test_object_beyond_is_told_how_many_places_there_were(store):
    store.issue(ACME, NOON, NOON + HOUR)
    let_in(store, loads(2))

    refused = store.take_place("acme", uuid.UUID(int=9), NOON)

    assert (refused.rule, refused.value, refused.limit) == ("too_many_files", 3, 2)
    assert refused.message == (
        "the temporary credentials that were valid then allow 2 objects, and this is one more: "
        "put it again with new credentials"
    )


def test_load_keeps_its_place_however_often_it_comes_back(store, rows):
    store.issue(ACME, NOON, NOON + HOUR)
    first, second, third = loads(3)

    assert let_in(store, [first, first, second, third, second, first]) == [
        True,
        True,
        True,
        False,
        True,
        True,
    ]
    assert list(rows.taken.values()) == [2]


def test_oldest_allowance_with_room_gives_the_place(store, rows):
    store.issue(ACME, NOON + MINUTE, NOON + MINUTE + HOUR / 2)  # ends first, but is the younger
    store.issue(ACME, NOON, NOON + HOUR)
    younger, older = (row["allowance_id"] for row in rows.allowances)

    assert let_in(store, loads(5), NOON + 2 * MINUTE) == [True] * 4 + [False]
    assert rows.places == {older: set(loads(2)), younger: set(loads(4)[2:])}


def test_place_is_kept_in_a_later_allowance_when_the_first_is_full(store):
    store.issue(ACME, NOON, NOON + HOUR)
    store.issue(ACME, NOON + MINUTE, NOON + HOUR)
    let_in(store, loads(4))

    assert let_in(store, loads(5)) == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("at", "is_let_in"),
    [
        (NOON - 5 * MINUTE - timedelta(milliseconds=1), True),
        (NOON - 5 * MINUTE, False),
        (NOON + HOUR + 5 * MINUTE, False),
        (NOON + HOUR + 5 * MINUTE + timedelta(milliseconds=1), True),
    ],
)
def test_object_of_a_time_without_credentials_is_the_admins_and_comes_in(store, at, is_let_in):
    store.issue(ACME, NOON, NOON + HOUR)
    let_in(store, loads(2))

    assert let_in(store, [uuid.UUID(int=9)], at) == [is_let_in]


def test_allowance_is_its_customers_alone(store):
    store.issue(ACME, NOON, NOON + HOUR)

    assert let_in(store, loads(4), customer="globex") == [True] * 4
    assert let_in(store, loads(3)) == [True, True, False]


def test_places_never_run_over_when_loads_race(store, rows):
    store.issue(ACME, NOON, NOON + HOUR)
    rows.rivals = [uuid.UUID(int=100)]

    assert let_in(store, loads(2)) == [True, False]
    assert list(rows.taken.values()) == [2]


def test_place_whose_confirmation_was_lost_is_found_again(store, rows):
    store.issue(ACME, NOON, NOON + HOUR)
    [mine] = loads(1)
    rows.rivals = [mine]  # the first try was applied after all

    assert let_in(store, [mine]) == [True]
    assert list(rows.taken.values()) == [1]


def test_everything_is_kept_as_long_as_an_object_can_be_loaded_or_replayed(store, rows):
    store.issue(ACME, NOON, NOON + HOUR)
    let_in(store, loads(1))

    assert rows.ttls == [3600 + 30 * 86_400 + 7 * 86_400] * 3


def test_only_what_has_begun_and_not_ended_is_alive(store):
    store.issue(ACME, NOON, NOON + HOUR)

    moments = (NOON - MINUTE, NOON, NOON + HOUR, NOON + HOUR + MINUTE)
    assert [len(store.alive("acme", moment)) for moment in moments] == [0, 1, 1, 0]
