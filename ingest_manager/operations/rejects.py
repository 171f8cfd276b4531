"""The stored rejects of a load, for the status service and for ops; or why there are none to be had."""

from uuid import UUID

from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load
from ingest_manager.loading.archive import archive_of, rejects_key
from ingest_manager.objects.object_store import ObjectStore, StoredFile


def rejects_of(load_id: UUID, load: Load | None, store: ObjectStore) -> StoredFile:
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
    try:
        return store.get(archive_of(load), rejects_key(load))
    except ObjectGone as error:
        raise ObjectGone(f"the rejects of load {load_id} have expired: they are no longer kept") from error
