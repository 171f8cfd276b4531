"""Settings that cannot be used are one line and a code, and never shown where they are secret."""

import subprocess
import sys
from pathlib import Path

import pytest

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
        (
            "CASSANDRA_HOSTS",
            "nobody.invalid",
            4,
            "Cassandra cannot be reached: nobody.invalid:9042, UnresolvableContactPoints",
        ),
    ],
)
def test_setting_that_cannot_be_used_is_one_line(
    tmp_path: Path, setting: str, value: str, code: int, told: str
) -> None:
    given = {f"INGEST_MANAGER_{name}": word for name, word in (SETTINGS | {setting: value}).items()}
    command = [Path(sys.executable).parent / "ingest-manager", "history"]
    done = subprocess.run(command, env=given, cwd=tmp_path, check=False, capture_output=True, text=True)
    [line] = done.stderr.splitlines()
    assert done.returncode == code
    assert line.startswith(f"ingest-manager: {told}")
    assert "-word" not in line
