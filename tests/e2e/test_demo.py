"""`python -m demo` as a newcomer runs it, on the run's servers: every row, and every difference told."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.testbed import keyspace

from ingest_manager.cassandra.cassandra_session import connect
from ingest_manager.settings import Settings
from servers.instance import Instance

CHECKOUT = Path(__file__).parent.parent.parent
EQUAL = {"weather": "26,115", "airports": "1,458", "planes": "3,322", "flights": "336,776"}


@pytest.fixture
def folder(servers: Instance) -> Iterator[Path]:
    """The instance's folder; afterwards the services that the demo started are stopped again."""
    before = servers.pids()
    yield servers.folder
    for service in reversed(servers.services):
        if service.name not in before:
            service.stop()
    shutil.rmtree(servers.folder / "demo", ignore_errors=True)


def demo(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--folder", folder, *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def verdicts(out: str) -> dict[str, list[str]]:
    """Read the last table: by Cassandra table, lines in the files, rows, verdict."""
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    return {cells[0].split(": ")[1]: cells[1:] for cells in lines if len(cells) == 4 and ": " in cells[0]}


def loads(folder: Path) -> dict[str, list[object]]:
    """Read what the last push reported: by load id, the object and its rows."""
    reports = [json.loads((folder / "demo" / f"customer-{number}.json").read_text()) for number in (1, 2)]
    keys = ("name", "status", "rows_read", "rows_written", "rows_rejected")
    return {file["load_id"]: [file[key] for key in keys] for report in reports for file in report["files"]}


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_the_demo_ends_well_and_tells_whatever_is_changed_by_hand(folder: Path) -> None:
    code, out = demo(folder)

    first = loads(folder)
    assert (code, verdicts(out)) == (0, {table: [rows, rows, "equal"] for table, rows in EQUAL.items()})
    assert len(first) == 56
    assert ["weather.csv", "loaded", 26115, 26115, 0] in first.values()
    assert all(name in out for name, *_ in first.values())

    with connect(Settings(_env_file=folder / "env")) as session:
        session.execute(f"DELETE FROM {keyspace('customer-1')}.planes WHERE tailnum = 'N10156'")
    code, out = demo(folder, "--check")

    assert (code, verdicts(out)["planes"]) == (1, ["3,322", "3,321", "differs by 1"])

    code, out = demo(folder)

    assert code == 1
    assert "Changed since the last push:" in out
    assert first.keys() & loads(folder).keys() == set()
    assert demo(folder, "--check")[0] == 0

    weather = folder / "demo" / "customer-1" / "weather.csv"
    weather.write_bytes(weather.read_bytes()[:-1])
    code, out = demo(folder, "--check")

    assert (code, verdicts(out)["weather"]) == (1, ["26,115", "26,115", "not what was pushed: weather.csv"])
