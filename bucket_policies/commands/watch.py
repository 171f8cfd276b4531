"""The command `bucket-policies watch`."""

import logging
import signal
import threading
from collections.abc import Iterable, Sequence

from bucket_policies import logs, minio_parts, mirror, watch
from bucket_policies.customers import Customer
from bucket_policies.mirror import Difference
from bucket_policies.settings import MirrorSettings, read_settings
from bucket_policies.store import open_administration


def watch_documents() -> None:
    """Apply the documents to MinIO now and whenever one appears or changes, until interrupted.

    \b
    Examples:
      1. bucket-policies watch
      2. BUCKET_POLICIES_DIR=/etc/ingestion bucket-policies watch
    """
    settings = read_settings(MirrorSettings)
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
    minio = open_administration(settings)

    def apply_documents(customers: Iterable[Customer]) -> Sequence[Difference]:
        return mirror.apply(minio, minio_parts.wanted_parts(minio, customers, settings))

    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    watch.run(settings.customers_folder, apply_documents, over)
