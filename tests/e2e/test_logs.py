"""No line of any process holds a row, a password, a key, a token or a signature, whatever the level."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.pushes import PASSWORD, push
from support.rabbit import publish
from support.services import configure, start_auth_service, start_status_service
from support.testbed import BIN, Platform, eventually, stop

from bucket_policies.users import set_password

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

ROW = "Zacharias-Quellwasser"
HOSTILE = f'id,name,note\n1,{ROW},"\x1b[31m{ROW}"\nnot-{ROW},{ROW},{ROW}\n2,{ROW},\n'
TOO_LONG = f"id,name,note\n1,{ROW},{'n' * 300_000}\n"
PARTS_OF_SECRETS = ("X-Amz-Signature", "X-Amz-Credential", "Authorization", "Basic ", "Bearer ", "amqp://")


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return every line of every process; each is one JSON object."""
    return [json.loads(line) for log in folder.glob("*.log") for line in log.read_text().splitlines()]


def secrets_of(platform: Platform) -> set[str]:
    named = ("PASSWORD", "SECRET", "TOKEN", "AMQP_URL")
    return {value for name, value in platform.environment.items() if any(word in name for word in named)}


@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_log_holds_rows_or_secrets(platform: Platform, tmp_path: Path, level: str) -> None:
    configure(platform)
    platform.environment |= {
        "INGEST_MANAGER_LOG_LEVEL": level,
        "INGEST_MANAGER_LOG_FORMAT": "json",
        "BUCKET_POLICIES_LOG_LEVEL": level,
        "BUCKET_POLICIES_LOG_FORMAT": "json",
    }
    customer = platform.add_customer()
    set_password(platform.policies / "users.json", customer, PASSWORD)
    platform.apply()
    files = tmp_path / "files"
    files.mkdir()
    for name, text in {"hostile.csv": HOSTILE, "long.csv": TOO_LONG, f"{ROW}.pdf": ROW}.items():
        (files / name).write_text(text)
    start_auth_service(platform)
    start_status_service(platform)
    platform.start(BIN / "bucket-policies", "watch")
    server = platform.environment["FETCHDATA_SERVER"]
    with platform.manager():
        publish(platform, customer, f'{{"Records": "{ROW}"}}'.encode())
        push(customer, files, server, "--wait")
        push("nobody", files, server)
        platform.put(customer, "broken.csv", HOSTILE.encode("utf-16"))
        platform.settled(customer, 3)
        eventually(lambda: "a message is no event" in str(lines_of(tmp_path)))
    lines = lines_of(tmp_path)

    assert {line["action"] for line in lines} >= {"call", "load", "start", "take_up", "watch"}
    ended = [line for line in lines if line["event"] == "a load ended"]
    assert {line["customer"] for line in ended} == {customer}
    assert {line["load_id"] for line in ended} == {str(row["load_id"]) for row in platform.ledger(customer)}
    for line in lines:
        told = json.dumps({name: value for name, value in line.items() if name not in ("key", "path")})
        assert ROW not in told, line
        assert PASSWORD not in told
        assert not any(part in told for part in PARTS_OF_SECRETS), line
        assert not any(secret in told for secret in secrets_of(platform)), line


def test_manager_writes_readable_lines_where_it_is_told_to(platform: Platform) -> None:
    process = platform.start_manager(INGEST_MANAGER_LOG_FORMAT="console")
    log = platform.folder / "ingest-manager-0.log"
    eventually(lambda: "the manager runs" in log.read_text(), what="a line")
    assert stop(process) == 0
    assert all(line.startswith("\x1b[2m20") for line in log.read_text().splitlines())
