"""Which loads' objects can still be opened: asked for one by one where they are few, listed where many."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby, islice
from uuid import UUID

from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.archive import OBJECTS, Archive, archive_of, object_key

Name = tuple[str, str]  # key and version id

_AT_ONCE = 16  # questions under way together
_FEW = 200  # objects that are asked for one by one
_PAGE = 1_000  # names that the store lists at once
_WORTH_A_PAGE = 50  # objects that take about as long to ask for as a page takes to list


def present_loads(archive: Archive, loads: Iterable[Load]) -> set[UUID]:
    """Return the ids of those loads whose object is in the archive or in staging."""
    present: set[UUID] = set()
    by_bucket = sorted(loads, key=lambda load: load.bucket)
    for _, group in groupby(by_bucket, key=lambda load: load.bucket):
        of_bucket = list(group)
        present.update(load.load_id for load in of_bucket)
        present.difference_update(_absent(archive, of_bucket))
    return present


def _absent(archive: Archive, loads: list[Load]) -> Iterator[UUID]:
    """Yield the ids of those of one bucket's loads whose object is in neither place."""
    for names, name_of in _places(archive, loads[0]):
        listed = _listed(names, {name_of(load) for load in loads}) if len(loads) > _FEW else None
        if listed is None:
            yield from _asked_for(archive, loads)
            return
        loads = [load for load in loads if name_of(load) not in listed]
    yield from (load.load_id for load in loads)


def _places(archive: Archive, load: Load) -> Iterator[tuple[Iterator[Name], Callable[[Load], Name]]]:
    """Yield the list of the archive and that of staging, with how a load's object is named in it."""
    archived = ((key, "") for key in archive.store.keys(archive_of(load), OBJECTS))
    yield archived, lambda load: (object_key(load), "")
    staged = ((version.key, version.version_id) for version in archive.store.versions(load.bucket))
    yield staged, lambda load: (load.key, load.version_id)


def _listed(names: Iterator[Name], wanted: set[Name]) -> set[Name] | None:
    """Read a list, or give it up after a page where few of its names are wanted."""
    listed = set[Name]()
    with suppress(ObjectGone):  # no such bucket
        listed.update(islice(names, _PAGE))
        if len(listed) == _PAGE and len(listed & wanted) < _WORTH_A_PAGE:
            return None
        listed.update(names)
    return listed


def _asked_for(archive: Archive, loads: list[Load]) -> Iterator[UUID]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for load, is_present in zip(loads, pool.map(archive.has, loads), strict=True):
            if not is_present:
                yield load.load_id
