"""What no grant vouches for must fit into the quota: in which order, beside which grants."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support import fakes
from support.fakes import WRITTEN_AT, FakeGrants, FakeStore

from ingest_manager.errors import ObjectGone
from ingest_manager.loading.staging_quota import StagingQuota
from ingest_manager.objects.versions import ObjectVersion

KIB = 1024
ACME = fakes.customer(quota_kib=10)


class Bucket(FakeStore):
    """A staging bucket whose versions came one minute after the other; counts its listings."""

    def __init__(self, *sizes):
        super().__init__()
        self.staged = [
            ObjectVersion("staging-acme", f"{number}.csv", "v1", size, WRITTEN_AT + timedelta(minutes=number))
            for number, size in enumerate(sizes)
        ]
        self.listings = 0

    def versions(self, bucket):
        assert bucket == "staging-acme"
        self.listings += 1
        self._fail("versions")
        return iter(reversed(self.staged))


def load(number, **values):
    return fakes.load(fakes.LoadStatus.LOADING, key=f"{number}.csv", **values)


def refused(quota, *numbers, customer=ACME):
    return [bool(quota.violations(load(number), customer)) for number in numbers]


@pytest.fixture
def grants():
    return FakeGrants()


def test_of_objects_that_came_together_the_earlier_ones_fit(grants):
    quota = StagingQuota(Bucket(4 * KIB, 6 * KIB, 1, 4 * KIB), grants)

    assert refused(quota, 3, 2, 1, 0) == [True, True, False, False]


def test_objects_of_one_moment_have_one_order_whoever_asks(grants):
    bucket = Bucket(6 * KIB, 6 * KIB)
    bucket.staged = [replace(version, modified_at=WRITTEN_AT) for version in bucket.staged]

    assert refused(StagingQuota(bucket, grants), 0, 1) == [False, True]


def test_refusal_says_what_is_used_and_what_is_allowed(grants):
    grants.promised = [("granted.csv", 3 * KIB)]

    [violation] = StagingQuota(Bucket(8 * KIB), grants).violations(load(0), ACME)

    assert (violation.rule, violation.value, violation.limit) == ("over_quota", 11 * KIB, 10 * KIB)
    assert violation.message == (
        "staging holds 8192 bytes up to this object and 3072 are promised, your quota is 10240: "
        "put it again when what waits is loaded"
    )


def test_grant_whose_object_has_come_is_not_counted_twice(grants):
    grants.promised = [("0.csv", 6 * KIB)]  # not ended yet: its event is still to be handled

    assert refused(StagingQuota(Bucket(6 * KIB, 4 * KIB), grants), 1) == [False]


def test_what_came_later_takes_no_room_and_what_has_left_neither(grants):
    bucket = Bucket(9 * KIB, 9 * KIB)
    quota = StagingQuota(bucket, grants)
    assert refused(quota, 0, 1) == [False, True]

    del bucket.staged[0]

    assert refused(quota, 1) == [False]


def test_one_listing_serves_all_objects_that_fit(grants):
    bucket = Bucket(*[KIB] * 9)

    assert refused(StagingQuota(bucket, grants), *range(9)) == [False] * 9
    assert bucket.listings == 1


def test_a_look_ahead_leaves_nothing_to_list(grants):
    bucket = Bucket(*[KIB] * 9)
    quota = StagingQuota(bucket, grants)
    quota.look(load(0), ACME)
    quota.look(load(8), ACME)
    assert (refused(quota, 8), bucket.listings) == ([False], 1)

    quota.look(load(9), ACME)  # it came after the listing
    assert bucket.listings == 2


def test_nothing_is_refused_by_old_grants(grants):
    bucket = Bucket(8 * KIB)
    grants.promised = [("other.csv", 3 * KIB)]
    quota = StagingQuota(bucket, grants)
    assert refused(quota, 0) == [True]

    grants.promised = []

    assert (refused(quota, 0), bucket.listings) == ([False], 2)


def test_nothing_is_refused_by_an_old_listing(grants):
    bucket = Bucket(8 * KIB, 2 * KIB, 2 * KIB)
    quota = StagingQuota(bucket, grants)
    assert refused(quota, 2) == [True]

    del bucket.staged[0]

    assert (refused(quota, 2), bucket.listings) == ([False], 2)


def test_raised_quota_holds_at_once(grants):
    quota = StagingQuota(Bucket(11 * KIB), grants)

    assert refused(quota, 0) == [True]
    assert refused(quota, 0, customer=fakes.customer(quota_kib=11)) == [False]


def test_replay_is_not_judged(grants):
    bucket = Bucket(11 * KIB)

    assert StagingQuota(bucket, grants).violations(load(0, replays=1), ACME) == []
    assert bucket.listings == 0


@pytest.mark.parametrize("is_bucket_gone", [False, True])
def test_object_that_has_left_staging_meanwhile_is_let_in(grants, is_bucket_gone):
    bucket = Bucket(11 * KIB)
    if is_bucket_gone:
        bucket.faults["versions"] = [ObjectGone("no bucket")]

    assert refused(StagingQuota(bucket, grants), 7) == [False]
