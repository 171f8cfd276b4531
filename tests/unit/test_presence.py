"""Whose objects are there, and how the store is asked."""

from collections.abc import Iterator

import pytest
from support import fakes
from support.fakes import FakeStore

from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.versions import ObjectVersion
from ingest_manager.operations.presence import present_loads


class CountingStore(FakeStore):
    """A store that counts what it was asked."""

    questions = 0
    names = 0

    def has(self, version: ObjectVersion) -> bool:
        self.questions += 1
        return super().has(version)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        for key in super().keys(bucket, prefix):
            self.names += 1
            yield key


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def loads(count: int) -> list[Load]:
    return [fakes.load(key=f"{number}.csv") for number in range(count)]


def archive(store: FakeStore, *archived: Load) -> None:
    for load in archived:
        store.put_version(b"", f"objects/{load.load_id}", "", f"archive-{load.customer}")


def stage(store: FakeStore, *staged: Load) -> None:
    for load in staged:
        store.put_version(b"", load.key, load.version_id, load.bucket)


def present(store: FakeStore, asked: list[Load]) -> list[Load]:
    found = present_loads(Archive(store), asked)  # type: ignore[arg-type]  # a fake
    return [load for load in asked if load.load_id in found]


@pytest.mark.parametrize("count", [9, 900, 3_000])
def test_objects_in_the_archive_and_in_staging_are_present(store: CountingStore, count: int) -> None:
    asked = loads(count)
    archive(store, *asked[::3])
    stage(store, *asked[1::3])
    assert present(store, asked) == sorted([*asked[::3], *asked[1::3]], key=asked.index)


def test_another_version_of_a_key_is_no_object_of_a_load(store: CountingStore) -> None:
    asked = loads(900)
    stage(store, *(fakes.load(key=load.key, version="v2") for load in asked))
    assert present(store, asked) == []


def test_few_objects_are_asked_for_without_a_list(store: CountingStore) -> None:
    asked = loads(200)
    archive(store, *asked)
    assert present(store, asked) == asked
    assert (store.questions, store.names) == (200, 0)


def test_many_objects_are_listed_and_not_asked_for(store: CountingStore) -> None:
    asked = loads(2_500)
    archive(store, *asked)
    assert present(store, asked) == asked
    assert (store.questions, store.names) == (0, 2_500)


def test_many_objects_that_are_in_no_list_are_not_asked_for_either(store: CountingStore) -> None:
    asked = loads(900)
    stage(store, *asked[:3])
    assert present(store, asked) == asked[:3]
    assert store.questions == 0


def test_list_of_mostly_other_objects_is_given_up_after_a_page(store: CountingStore) -> None:
    asked = loads(300)
    archive(store, *(fakes.load(key=f"other-{number}.csv") for number in range(5_000)), *asked)
    assert present(store, asked) == asked
    assert (store.questions, store.names) == (300, 1_000)


def test_customers_are_looked_for_in_buckets_of_their_own(store: CountingStore) -> None:
    asked = loads(300)
    named = {"customer": "zenith", "bucket": "staging-zenith"}
    others = [fakes.load(key=f"zenith-{number}.csv", **named) for number in range(300)]
    archive(store, *asked)
    stage(store, *others[:250])
    assert present(store, [*asked, *others]) == [*asked, *others[:250]]


def test_objects_of_a_bucket_that_is_gone_are_not_present(store: CountingStore) -> None:
    store.faults = {call: [ObjectGone("no bucket")] for call in ("keys", "versions")}
    assert present(store, loads(300)) == []
