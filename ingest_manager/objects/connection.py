"""The object store by the manager's settings."""

from ingest_manager.objects import object_store
from ingest_manager.settings import Settings


def connect_store(settings: Settings) -> object_store.ObjectStore:
    """Return the manager's object store."""
    return object_store.connect(
        settings.s3_url,
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        range_bytes=settings.range_bytes,
        ca=settings.s3_ca,
    )
