"""Which customers a command is about, and what is said where not all are known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from bucket_policies.errors import SettingsError
from ingest_manager.commands import status
from ingest_manager.commands.options import customers_of, documents_of, end_of
from ingest_manager.settings import Settings

DOCUMENT = '{"formats":[".csv"],"number_files":10,"data_sizes":4096}'


def settings_of(folder: Path, **values: str) -> Settings:
    known = {
        "s3_url": "http://127.0.0.1:9000", "s3_access_key": "manager", "s3_secret_key": "secret",
        "amqp_url": "amqp://127.0.0.1", "cassandra_hosts": "127.0.0.1", "cassandra_user": "manager",
        "cassandra_password": "secret", "token_key": "0123456789abcdef",
    }  # fmt: skip
    return Settings(bucket_policies_dir=folder, **(known | values))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "customers").mkdir()
    for customer in ("acme", "globex"):
        (tmp_path / "customers" / f"{customer}.json").write_text(DOCUMENT)
    return settings_of(tmp_path)


def test_all_customers_or_the_one_that_is_named(settings: Settings) -> None:
    assert [customer.id for customer in customers_of(settings)] == ["acme", "globex"]
    assert [customer.id for customer in customers_of(settings, "globex")] == ["globex"]


def test_unknown_customer_is_told_with_those_that_are_known(settings: Settings) -> None:
    with pytest.raises(typer.BadParameter, match="'initech' is no customer; the customers are acme, globex"):
        customers_of(settings, "initech")


def test_all_customers_cannot_be_had_where_one_document_is_refused(settings: Settings) -> None:
    (settings.bucket_policies_dir / "customers" / "globex.json").write_text("{")
    with pytest.raises(
        SettingsError, match=r"^not every customer is known, name one with --customer: globex\.json: "
    ):
        customers_of(settings)
    assert [customer.id for customer in customers_of(settings, "acme")] == ["acme"]


def test_a_folder_of_documents_that_is_not_there_is_not_one_without_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path / "nowhere")
    missing = tmp_path / "nowhere" / "customers"
    wanted = f"^BUCKET_POLICIES_DIR: {missing} cannot be read: No such file or directory; set it to"
    for asked in (None, "acme"):
        with pytest.raises(SettingsError, match=wanted):
            customers_of(settings, asked)
    with pytest.raises(SettingsError, match=wanted):
        documents_of(settings)
    monkeypatch.setattr(status, "Settings", lambda: settings)
    with pytest.raises(SettingsError, match=wanted):
        status.status()


def test_address_that_is_none_is_refused_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3_url"):
        settings_of(tmp_path, s3_url="nonsense")


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="nothing lies between --since 1h and --until 2h"):
        end_of("2h", "1h")
    assert end_of("2026-01-02", "2026-01-01") == datetime(2026, 1, 2, tzinfo=UTC)
    assert end_of(None, "1h") is None
