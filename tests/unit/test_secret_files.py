"""Settings out of secret files: who wins, and one line for whatever cannot be used."""

import os
from pathlib import Path

import pytest

from bucket_policies.errors import SettingsError
from bucket_policies.settings import AuthSettings, MirrorSettings, read_settings
from ingest_manager.settings import Settings

OPEN = {
    "BUCKET_POLICIES_S3_URL": "http://minio:9000",
    "BUCKET_POLICIES_GRANTER_ACCESS_KEY": "granter",
    "BUCKET_POLICIES_ADMIN_ACCESS_KEY": "admin",
    "BUCKET_POLICIES_MANAGER_ACCESS_KEY": "ingest-manager",
    "INGEST_MANAGER_S3_URL": "http://minio:9000",
    "INGEST_MANAGER_S3_ACCESS_KEY": "ingest-manager",
    "INGEST_MANAGER_CASSANDRA_HOSTS": "cassandra",
    "INGEST_MANAGER_CASSANDRA_USER": "ingest_manager",
}
SECRET = {
    "bucket_policies_granter_secret_key": "granter-word\n",
    "bucket_policies_admin_secret_key": "admin-word",
    "bucket_policies_manager_secret_key": "manager-word",
    "ingest_manager_s3_secret_key": "manager-word",
    "ingest_manager_amqp_url": "amqp://ingest_manager:broker-word@rabbitmq:5672/%2F\n",
    "INGEST_MANAGER_CASSANDRA_PASSWORD": "database-word",
    "ingest_manager_token_key": "0123456789abcdef",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secret files that both packages read; the environment holds everything else."""
    for name in os.environ:
        if name.startswith(("BUCKET_POLICIES_", "INGEST_MANAGER_")):
            monkeypatch.delenv(name)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, word in SECRET.items():
        (secrets / name).write_text(word)
    for name, value in OPEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BUCKET_POLICIES_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("INGEST_MANAGER_SECRETS_DIR", str(secrets))
    monkeypatch.chdir(tmp_path)
    return secrets


def test_each_package_reads_its_secrets_from_files(folder: Path) -> None:
    mirror, manager = read_settings(MirrorSettings), Settings()

    assert mirror.granter_secret_key.get_secret_value() == "granter-word"
    assert mirror.admin_secret_key.get_secret_value() == "admin-word"
    assert manager.amqp_url.get_secret_value() == "amqp://ingest_manager:broker-word@rabbitmq:5672/%2F"
    assert manager.cassandra_password.get_secret_value() == "database-word"
    assert "-word" not in f"{mirror!r} {manager!r}"


def test_the_environment_and_its_file_win_over_a_secret_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / ".local").mkdir()
    (folder.parent / ".local" / "env").write_text(
        "INGEST_MANAGER_TOKEN_KEY=from-local-env-file\nINGEST_MANAGER_S3_SECRET_KEY=from-local-env-file\n"
    )
    monkeypatch.setenv("INGEST_MANAGER_S3_SECRET_KEY", "from-environment")

    manager = Settings()

    assert manager.s3_secret_key.get_secret_value() == "from-environment"
    assert manager.token_key.get_secret_value() == "from-local-env-file"


def test_missing_files_are_named_as_the_variables_that_they_stand_for(folder: Path) -> None:
    (folder / "bucket_policies_admin_secret_key").unlink()

    with pytest.raises(SettingsError, match=r"^BUCKET_POLICIES_ADMIN_SECRET_KEY: Field required$"):
        read_settings(MirrorSettings)


@pytest.mark.parametrize("name", ["ADMIN_SECRET_KEY", "GRANTER_ACCESS_KEY"])
def test_an_empty_login_is_told_by_its_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"BUCKET_POLICIES_{name}", "")

    with pytest.raises(SettingsError, match=f"^BUCKET_POLICIES_{name}: it is empty$"):
        read_settings(MirrorSettings)


def test_a_folder_that_is_not_there_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_MANAGER_SECRETS_DIR", "/nowhere")

    with pytest.raises(SettingsError, match=r"^INGEST_MANAGER_SECRETS_DIR: /nowhere is no folder$"):
        Settings()


def test_a_file_that_cannot_be_used_is_told_without_its_content(folder: Path) -> None:
    secret = folder / "ingest_manager_token_key"
    faults = []
    for spoil in (
        lambda: secret.write_text(" \n"),
        lambda: secret.write_bytes(b"secret-\xff"),
        lambda: (secret.unlink(), secret.mkdir()),
        lambda: (secret.rmdir(), secret.symlink_to("/etc/hostname")),
    ):
        spoil()
        with pytest.raises(SettingsError) as caught:
            Settings()
        faults.append(str(caught.value))

    assert faults == [
        f"{folder}: the file of token_key is empty",
        f"{folder}: the file of token_key is no text",
        f'attempted to load secret file "{secret}" but found a directory instead.',
        f'attempted to load secret file "{secret}" but it resolves outside of "{folder}".',
    ]


def test_a_file_that_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: str) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything

    with pytest.raises(SettingsError, match=r"secrets/.+: cannot be read: Permission denied$"):
        Settings()


def test_a_service_needs_no_secret_of_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bucket_policies_admin_secret_key").unlink()
    (folder / "bucket_policies_token_key").write_text("0123456789abcdef")
    (folder / "bucket_policies_cassandra_password").write_text("word")
    for name, value in {
        "S3_PUBLIC_URL": "http://localhost:9000",
        "CASSANDRA_HOSTS": "cassandra",
        "CASSANDRA_USER": "granter",
        "STATUS_URL": "http://localhost:8081",
    }.items():
        monkeypatch.setenv(f"BUCKET_POLICIES_{name}", value)

    assert read_settings(AuthSettings).token_key.get_secret_value() == "0123456789abcdef"
