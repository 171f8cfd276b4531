"""Where an object belongs after its outcome, and how it gets there.

Every step can be repeated: what a crash left half done is finished by the next delivery.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bucket_policies.customers import ARCHIVE_PREFIX, Customer, customer_of_bucket
from customer_ingestapps.rejects_file import RejectsFile
from ingest_manager.errors import ObjectGone
from ingest_manager.ledger.loads import Load, LoadStatus, Place
from ingest_manager.objects.object_store import ObjectStore, OpenObject
from ingest_manager.objects.versions import ObjectVersion

OBJECTS = "objects/"
REJECTS = "rejects/"
_AFTER_LOAD: Mapping[str, Place] = {"archive": "archive", "keep": "staging", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class Archive:
    """Staging and archive buckets of all customers."""

    store: ObjectStore
    on_effect: Callable[[str], None] = lambda _: None

    def open(self, load: Load) -> OpenObject:
        """Open a load's object: the version in staging, else its copy in the archive.

        Raises:
            ObjectGone: it is in neither.
        """
        try:
            return self.store.open(staged(load))
        except ObjectGone:
            return self.store.open(archived(load))

    def has(self, load: Load) -> bool:
        """Tell whether a load's object can be opened."""
        return self.store.has(archived(load)) or self.store.has(staged(load))

    def keep_rejects(self, load: Load, rejects: RejectsFile) -> None:
        """Store the rejects file of a load."""
        body, media_type = rejects.rewound(), rejects.media_type
        self.store.put(archive_of(load), rejects_key(load), body, media_type=media_type)

    def place(self, load: Load, customer: Customer) -> Place:
        """Move a load's object to where its outcome wants it; return where it is then.

        Raises:
            TransientError, ServerDown: the store could not do it now.
        """
        place = destination_of(load, customer)
        if place == "archive":
            self._copy(load)
            self.on_effect("copy")
        if place != "staging":
            self.store.delete(staged(load))
            self.on_effect("delete")
        elif load.replays and not self.store.has(staged(load)):
            place = "archive"  # where the replay has read it and leaves it
        if load.replays or load.attempts > 1 or load.status is LoadStatus.FAILED:
            self._clear(load, place)
        return place

    def _clear(self, load: Load, place: Place) -> None:
        """Take away what an earlier outcome or attempt left in the archive and this one has no use for."""
        if place == "deleted":
            self.store.delete(archived(load))
        if not load.rows_rejected:
            self.store.delete(ObjectVersion(archive_of(load), rejects_key(load), ""))

    def _copy(self, load: Load) -> None:
        metadata = {"customer": load.customer, "key": load.key, "version-id": load.version_id}
        try:
            self.store.copy(staged(load), archive_of(load), object_key(load), metadata)
        except ObjectGone:  # an earlier try has moved it, or somebody has taken it away: `verify` tells
            return


def destination_of(load: Load, customer: Customer) -> Place:
    """Tell where a load's object belongs, by the customer's document as it is now."""
    if load.status in (LoadStatus.LOADED, LoadStatus.PARTLY_LOADED):
        return _AFTER_LOAD[customer.constraints.after_load]
    return "archive" if load.status in (LoadStatus.REJECTED, LoadStatus.FAILED) else "deleted"


def staged(load: Load) -> ObjectVersion:
    """Return a load's object version in its staging bucket."""
    return ObjectVersion(load.bucket, load.key, load.version_id, load.size)


def archived(load: Load) -> ObjectVersion:
    """Return the copy of a load's object in the archive, which has no versions."""
    return ObjectVersion(archive_of(load), object_key(load), "")


def archive_of(load: Load) -> str:
    """Return the archive bucket of a load."""
    return ARCHIVE_PREFIX + (customer_of_bucket(load.bucket) or load.customer)


def object_key(load: Load) -> str:
    """Return the key of a load's object in the archive."""
    return f"{OBJECTS}{load.load_id}"


def rejects_key(load: Load) -> str:
    """Return the key of a load's rejects file in the archive; its format is in its media type only."""
    return f"{REJECTS}{load.load_id}.csv"
