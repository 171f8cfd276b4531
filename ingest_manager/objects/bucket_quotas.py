"""The quotas that MinIO itself enforces: an admin call, which S3 and so `object_store` do not know.

Only importer of minio in this package. The manager's user may read quotas and set none.
"""

import json
import re
from urllib.parse import urlsplit

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from bucket_policies.customers import quota_by_minio
from ingest_manager.errors import ServerDown, host_and_port, server_down
from ingest_manager.settings import Settings

_TIMEOUT = urllib3.Timeout(connect=5, read=10)


class BucketQuotas:
    """Asks MinIO, with the manager's login."""

    def __init__(self, admin: MinioAdmin, address: str) -> None:
        self._admin = admin
        self._address = address

    def quota_bytes(self, bucket: str) -> int | None:
        """Return how much a bucket may hold, 0 for no quota; None where there is no bucket or we may not ask.

        Raises:
            ServerDown: MinIO cannot be reached.
        """
        try:
            return quota_by_minio(int(json.loads(self._admin.bucket_quota_get(bucket)).get("quota", 0)))
        except MinioAdminException as error:
            if re.search(r"Status: 5\d\d", str(error)):
                raise ServerDown(f"the store cannot tell its quotas: {error}", server="minio") from error
            return None
        except urllib3.exceptions.HTTPError as error:
            raise server_down("minio", "the store cannot be reached", self._address) from error


def connect(settings: Settings) -> BucketQuotas:
    """Return the quotas of the store at an address; nothing is sent yet."""
    url = urlsplit(settings.s3_url)
    admin = MinioAdmin(
        endpoint=url.netloc,
        credentials=StaticProvider(settings.s3_access_key, settings.s3_secret_key.get_secret_value()),
        region="us-east-1",
        secure=url.scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=_TIMEOUT, retries=False, ca_certs=str(settings.s3_ca) if settings.s3_ca else None
        ),
    )
    return BucketQuotas(admin, host_and_port(settings.s3_url))
