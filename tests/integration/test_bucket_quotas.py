"""What the manager's own login of MinIO may do with quotas."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException
from support.settings import settings_of
from support.testbed import Platform

from ingest_manager.errors import ServerDown
from ingest_manager.objects import bucket_quotas

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@pytest.fixture
def platform(tmp_path: Path, environment: dict[str, str]) -> Iterator[Platform]:
    made = Platform(tmp_path, environment)
    yield made
    made.close()


def test_manager_reads_what_is_enforced_and_changes_nothing(platform: Platform) -> None:
    customer = platform.add_customer(quota_kib=7)
    platform.command("bucket-policies", "apply")
    assert (
        platform.command("bucket-policies", "plan") != ""
    )  # exit 0: MinIO keeps the policy as it was written
    settings = settings_of(platform.environment)
    quotas = bucket_quotas.connect(settings)
    assert quotas.quota_bytes(f"staging-{customer}") == 7 * 1024
    assert quotas.quota_bytes(f"archive-{customer}") == 0
    assert quotas.quota_bytes("staging-of-nobody") is None
    login = StaticProvider(settings.s3_access_key, settings.s3_secret_key.get_secret_value())
    admin = MinioAdmin(endpoint=urlsplit(settings.s3_url).netloc, credentials=login, secure=False)
    with pytest.raises(MinioAdminException, match="AccessDenied"):
        admin.bucket_quota_set(bucket=f"staging-{customer}", size=0)
    with pytest.raises(MinioAdminException, match="AccessDenied"):
        admin.user_list()


def test_store_that_is_away_is_told_and_not_taken_for_no_quota(platform: Platform) -> None:
    quotas = bucket_quotas.connect(settings_of(platform.environment, s3_url="http://127.0.0.1:9"))
    with pytest.raises(ServerDown, match="the store cannot be reached"):
        quotas.quota_bytes("staging-acme")


def test_login_that_may_not_ask_is_told_nothing(platform: Platform) -> None:
    granter = {
        "s3_access_key": platform.environment["BUCKET_POLICIES_GRANTER_ACCESS_KEY"],
        "s3_secret_key": platform.environment["BUCKET_POLICIES_GRANTER_SECRET_KEY"],
    }
    customer = platform.add_customer()
    platform.command("bucket-policies", "apply")
    assert (
        bucket_quotas.connect(settings_of(platform.environment, **granter)).quota_bytes(f"staging-{customer}")
        is None
    )
