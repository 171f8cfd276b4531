"""A process is found again by its record, and nobody else is ever signalled."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.process import Process, stat_of

SLEEP = ["sleep", "60"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleeper", tmp_path)
    yield process
    process.kill()


def test_a_later_command_finds_and_stops_the_process(process: Process, tmp_path: Path) -> None:
    process.start(SLEEP, os.environ)
    later = Process("sleeper", tmp_path)

    assert later.pid == process.pid is not None
    later.stop()

    assert process.pid is None
    assert later.pid is None


def test_another_process_with_the_recorded_pid_is_left_alone(process: Process, tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as stranger:
        stat = stat_of(stranger.pid)
        assert stat is not None
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "sleeper.json").write_text(
            json.dumps({"pid": stranger.pid, "start_time": stat.start_time - 1})
        )

        assert process.pid is None
        process.stop()
        process.kill()

        assert stranger.poll() is None
        stranger.kill()


def test_one_that_ignores_the_request_is_ended_by_force_with_its_children(process: Process) -> None:
    process.start(["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait"], os.environ)
    while not process.log.read_text():
        os.sched_yield()
    child = int(process.log.read_text())

    process.stop(patience_seconds=0.2)

    assert process.pid is None
    assert stat_of(child) is None


def test_children_that_outlived_their_killed_parent_are_ended(process: Process, tmp_path: Path) -> None:
    process.start(["sh", "-c", "sleep 60 & echo $!; wait"], os.environ)
    while not process.log.read_text():
        os.sched_yield()
    child = int(process.log.read_text())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.pid is not None:
        os.sched_yield()
    assert stat_of(child) is not None

    Process("sleeper", tmp_path).stop()

    assert stat_of(child) is None


def test_a_process_that_ended_by_itself_does_not_run(process: Process) -> None:
    process.start(["sh", "-c", "echo last words; echo '  at line 3'; echo"], os.environ)
    while process.pid is not None:
        os.sched_yield()

    assert process.last_line() == "last words"


def test_a_ctrl_c_on_our_terminal_does_not_reach_the_process(process: Process) -> None:
    process.start(SLEEP, os.environ)

    assert process.pid is not None
    assert os.getpgid(process.pid) != os.getpgid(0)


def test_a_pid_that_nobody_has_runs_not() -> None:
    assert stat_of(2**22 + 1) is None


def test_one_whose_first_thread_has_ended_runs_as_long_as_another_does(process: Process) -> None:
    """A killed server can look like this for a moment, and still holds its ports."""
    code = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=[60]).start(); "
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    process.start([sys.executable, "-c", code], os.environ)
    pid = process.pid
    while not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
        os.sched_yield()

    assert process.pid == pid
    process.kill()

    assert process.pid is None
