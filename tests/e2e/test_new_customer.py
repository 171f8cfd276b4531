"""A customer is taken up by the running services: a document, an app folder, a password, no restart."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.services import configure, start_auth_service, start_status_service
from support.testbed import BIN, Platform, csv_of, eventually

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

PASSWORD = "a-word-nobody-guesses"


def run(platform: Platform, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=platform.folder,
        env=platform.environment | {"PATH": os.environ["PATH"]},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_customer_added_to_the_running_services_uploads_and_sees_its_rows(platform: Platform) -> None:
    configure(platform)
    platform.apply()
    platform.start_manager()
    platform.start(BIN / "bucket-policies", "watch")
    start_auth_service(platform)
    start_status_service(platform)
    folder = platform.folder / "customer"
    folder.mkdir()
    (folder / "people.csv").write_bytes(csv_of([(1, "Ann", "n"), (2, "Bob", "n")]))

    customer = platform.add_customer()
    assert run(platform, "bucket-policies", "passwd", customer, text=f"{PASSWORD}\n").returncode == 0
    push = ("fetchdata", "-u", customer, "-p", PASSWORD, "-d", folder, "--wait", "--json")
    pushed = eventually(lambda: done(run(platform, *push)), within=60, what="an upload that is loaded")

    [file] = json.loads(pushed.stdout)["files"]
    assert (file["status"], file["rows_written"]) == ("loaded", 2)
    assert sorted(row["id"] for row in platform.rows(customer)) == [1, 2]
    platform.verify(customer)


def done(ended: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str] | None:
    return None if ended.returncode else ended
