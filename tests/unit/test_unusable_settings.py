"""Settings that cannot be used are one line and a code, and never shown where they are secret."""

import os
import sys

import pytest

from ingest_manager import cli

SETTINGS = {
    "S3_URL": "http://minio:9000",
    "S3_ACCESS_KEY": "manager",
    "S3_SECRET_KEY": "manager-word",
    "AMQP_URL": "amqp://manager:broker-word@rabbitmq:5672",
    "CASSANDRA_HOSTS": "nobody.invalid",
    "CASSANDRA_USER": "manager",
    "CASSANDRA_PASSWORD": "database-word",
    "TOKEN_KEY": "0123456789abcdef",
}


@pytest.mark.parametrize(
    ("setting", "value", "code", "told"),
    [
        ("AMQP_URL", "broker-word", 2, "INGEST_MANAGER_AMQP_URL: an address begins with amqp:// or amqps://"),
        ("RETRY_PAUSES_SECONDS", "x", 2, 'error parsing value for field "retry_pauses_seconds"'),
        ("CASSANDRA_HOSTS", "nobody.invalid", 4, "Cassandra cannot be reached: UnresolvableContactPoints"),
    ],
)
def test_setting_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: os.PathLike[str],
    setting: str,
    value: str,
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, given in (SETTINGS | {setting: value}).items():
        monkeypatch.setenv(f"INGEST_MANAGER_{name}", given)
    monkeypatch.setattr(sys, "argv", ["ingest-manager", "history"])
    with pytest.raises(SystemExit) as ending:
        cli.main()
    [line] = capsys.readouterr().err.splitlines()
    assert ending.value.code == code
    assert line.startswith(f"ingest-manager: {told}")
    assert "-word" not in line
