"""The stored rejects of a load, for the status service and for ops; or why there are none to be had."""

from collections.abc import Iterator
from uuid import UUID

from ingest_manager.archive import archive_of, rejects_key
from ingest_manager.errors import ObjectGone
from ingest_manager.loads import Load
from ingest_manager.object_store import ObjectStore


def rejects_of(load_id: UUID, load: Load | None, store: ObjectStore) -> Iterator[bytes]:
    """Open the rejects file of a load, as the ledger knows it.

    Raises:
        ObjectGone: there is no such load, it has no rejects, or they are no longer kept.
    """
    if load is None:
        raise ObjectGone(f"there is no load {load_id}")
    if not load.status.is_outcome:
        raise ObjectGone(f"load {load_id} is not over, its status is {load.status}: ask again later")
    if not load.rows_rejected:
        raise ObjectGone(f"load {load_id} is {load.status} and has no rejected rows")
    return _opened(store.get(archive_of(load), rejects_key(load)), load_id)


def _opened(body: Iterator[bytes], load_id: UUID) -> Iterator[bytes]:
    """Fetch the first bytes now, so that a missing object is known before anything is sent."""
    try:
        first = next(body, b"")
    except ObjectGone as error:
        raise ObjectGone(f"the rejects of load {load_id} have expired: they are no longer kept") from error

    def rest() -> Iterator[bytes]:
        yield first
        yield from body

    return rest()
