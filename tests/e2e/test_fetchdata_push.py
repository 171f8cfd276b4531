"""The installed `fetchdata` against the real auth service, MinIO, manager and status service."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.services import configure, free_port, start_auth_service, start_status_service
from support.testbed import BIN, Platform, csv_of

from bucket_policies.users import set_password
from fetchdata import __version__
from release.__main__ import build

PASSWORD = "a-word-nobody-guesses"
BASE_PYTHON = Path(sys.base_prefix) / "bin" / "python3"  # the one below this environment


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Customer:
    """A customer at work: its command line, its folder."""

    id: str
    folder: Path
    environment: dict[str, str]

    def fetchdata(self, *arguments: str | Path, password: str = PASSWORD) -> Ended:
        return fetchdata("-u", self.id, "-p", password, *arguments, cwd=self.folder, env=self.environment)

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / "client-input-dir" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def fetchdata(*arguments: str | Path, cwd: Path, env: dict[str, str]) -> Ended:
    done = subprocess.run(
        [BIN / "fetchdata", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ended]:
    """The one file for customers, run by a Python that has no packages, from a home that has no files."""
    folder = tmp_path_factory.mktemp("bare")
    build(folder / "fetchdata.pyz")

    def run(*arguments: str, cwd: Path = folder, **environment: str) -> Ended:
        command = [BASE_PYTHON, "-I", "-S", folder / "fetchdata.pyz", *arguments]
        environment |= {"PATH": os.environ["PATH"], "HOME": str(folder)}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def customer(platform: Platform, tmp_path: Path) -> Customer:
    """A customer whose files are taken by the auth service; nothing loads them yet."""
    configure(platform)
    customer_id = platform.add_customer(formats=[".csv"], number_files=4, data_sizes=512 * 1024)
    set_password(platform.policies / "users.json", customer_id, PASSWORD)
    platform.apply()
    start_auth_service(platform)
    folder = tmp_path / "customer"
    folder.mkdir()
    (folder / "client-input-dir").mkdir()
    environment = {"PATH": os.environ["PATH"], "FETCHDATA_SERVER": platform.environment["FETCHDATA_SERVER"]}
    return Customer(customer_id, folder, environment)


def start_loading(platform: Platform) -> None:
    platform.start_manager()
    start_status_service(platform)


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_each_wrong_start_is_one_line_and_its_exit_code(customer: Customer) -> None:
    server = customer.environment["FETCHDATA_SERVER"]
    refused = f"fetchdata: {server} refuses the login: wrong user or password\n"

    wrong_password = customer.fetchdata(password="another-word")
    unknown_user = fetchdata("-u", "nobody", "-p", PASSWORD, cwd=customer.folder, env=customer.environment)
    missing_folder = customer.fetchdata("-d", "nowhere")
    unreachable = customer.fetchdata("--server", f"http://127.0.0.1:{(port := free_port())}")

    assert (wrong_password.code, wrong_password.err) == (3, refused)
    assert (unknown_user.code, unknown_user.err) == (3, refused)
    assert (missing_folder.code, missing_folder.err) == (
        2,
        "fetchdata: cannot read the folder 'nowhere': No such file or directory\n",
    )
    assert unreachable.code == 4
    assert unreachable.err.startswith(f"fetchdata: cannot reach http://127.0.0.1:{port}: ")
    assert unreachable.err.count("\n") == 1


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_good_files_among_bad_ones_are_loaded_and_each_told(platform: Platform, customer: Customer) -> None:
    start_loading(platform)
    customer.put("a.csv", csv_of([(1, "a", "x"), (2, "b", "y")]))
    customer.put("b.csv", csv_of([(3, "c", "z"), ("four", "d", "z")]))
    customer.put("c.pdf", b"%PDF")
    customer.put(".hidden.csv", b"")
    customer.put("\u00e9 [red] +%20.csv", csv_of([(5, "e", "z")]))
    customer.put("undecodable.csv", b"id,name,note\n6,\xff,x\n")
    customer.put("z.csv", csv_of([(7, "g", "z")]))

    ended = customer.fetchdata("--wait", "--json")

    assert ended.code == 1
    document = json.loads(ended.out)
    keys = ("name", "accepted", "status", "rows_read", "rows_written", "rows_rejected")
    assert [tuple(file[key] for key in keys) for file in document["files"]] == [
        ("a.csv", True, "loaded", 2, 2, 0),
        ("b.csv", True, "partly_loaded", 2, 1, 1),
        ("c.pdf", False, None, None, None, None),
        ("undecodable.csv", True, "rejected", 0, 0, 0),
        ("z.csv", True, "loaded", 1, 1, 0),
        ("\u00e9 [red] +%20.csv", False, None, None, None, None),
    ]
    rules = [[violation["rule"] for violation in file["violations"]] for file in document["files"]]
    assert rules == [[], [], ["format"], [], [], ["too_many_files"]]
    assert sorted(row["id"] for row in platform.rows(customer.id)) == [1, 2, 3, 7]

    status = customer_command(customer, "status", document["upload_id"])
    history = customer_command(customer, "history", "--status", "rejected", "--json")

    assert status.code == 1
    assert "partly_loaded" in status.out
    assert [load["key"] for load in json.loads(history.out)["loads"]] == ["undecodable.csv"]


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_a_folder_that_is_loaded_whole_is_exit_0_with_a_table(platform: Platform, customer: Customer) -> None:
    start_loading(platform)
    customer.put("a.csv", csv_of([(1, "a", "x")]))
    customer.put("\u00e9 [red] +%20.csv", csv_of([(5, "e", "z")]))

    ended = customer.fetchdata("--wait")

    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[0] == ["file", "size", "status", "rows", "read", "written", "rejected", "remark"]
    assert lines[2] == ["a.csv", "19", "loaded", "1", "1", "0"]
    assert lines[3] == ["\u00e9", "[red]", "+%20.csv", "19", "loaded", "1", "1", "0"]
    assert sorted(row["id"] for row in platform.rows(customer.id)) == [1, 5]


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_the_one_file_sends_and_shows_without_any_package(
    platform: Platform, customer: Customer, bare: Callable[..., Ended]
) -> None:
    start_loading(platform)
    customer.put("a.csv", csv_of([(1, "a", "x")]))
    access = ["-u", customer.id, "--server", customer.environment["FETCHDATA_SERVER"]]

    wrong = bare(*access, "-p", "another-word", cwd=customer.folder)
    pushed = bare(
        *access, "-d", "client-input-dir", "--wait", cwd=customer.folder, FETCHDATA_PASSWORD=PASSWORD
    )
    history = bare("history", *access, "-p", PASSWORD, "--json")

    assert (wrong.code, "refuses the login" in wrong.err) == (3, True)
    assert (pushed.code, "a.csv" in pushed.out) == (0, True), pushed
    assert [(load["key"], load["status"]) for load in json.loads(history.out)["loads"]] == [
        ("a.csv", "loaded")
    ]
    assert [row["id"] for row in platform.rows(customer.id)] == [1]


def test_the_one_file_starts_with_nothing_but_python(bare: Callable[..., Ended]) -> None:
    assert bare("--version") == Ended(0, f"fetchdata {__version__}\n", "")
    assert bare("--help").out.startswith("Usage: fetchdata [OPTIONS] COMMAND")
    assert bare().code == 2
    untrusting = bare("-u", "acme", "-p", "word", "--server", "https://127.0.0.1:9", "-d", ".")
    assert untrusting.code == 4  # the certificates of public authorities are in it


def test_the_one_file_is_the_same_whoever_makes_it_and_holds_nothing_of_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path / "first.pyz")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    build(tmp_path / "second.pyz")

    first = (tmp_path / "first.pyz").read_bytes()
    assert first == (tmp_path / "second.pyz").read_bytes()
    assert first.startswith(b"#!/usr/bin/env python3\n")
    with ZipFile(tmp_path / "first.pyz") as archive:
        names = archive.namelist()
    assert {name for name in names if name.startswith("bucket_policies/")} == {
        "bucket_policies/__init__.py",
        "bucket_policies/api.py",
        "bucket_policies/rules.py",
    }
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc"))] == []
    assert "certifi/cacert.pem" in names


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_waiting_for_a_manager_that_does_not_run_ends_with_5(customer: Customer) -> None:
    customer.put("a.csv", csv_of([(1, "a", "x")]))

    ended = customer.fetchdata("--wait", "--wait-timeout", "0", "--json")

    assert ended.code == 5
    assert json.loads(ended.out)["files"][0]["accepted"] is True


@pytest.mark.server("minio", "rabbitmq", "cassandra")
def test_a_large_file_is_sent_in_constant_memory(platform: Platform, customer: Customer) -> None:
    large = customer.folder / "client-input-dir" / "large.csv"
    with large.open("wb") as file:
        file.truncate(256 * 2**20)

    command = [BIN / "fetchdata", "-u", customer.id]
    environment = customer.environment | {"FETCHDATA_PASSWORD": PASSWORD}
    peak_kib = 0
    with subprocess.Popen(command, cwd=customer.folder, env=environment) as process:
        while process.poll() is None:
            peak_kib = max(peak_kib, high_water_kib(process.pid))

    assert process.returncode == 0
    assert 20_000 < peak_kib < 100_000
    assert [key for key, _ in platform.staged(customer.id)] == ["large.csv"]


def high_water_kib(pid: int) -> int:
    """Read the most memory that a process has had; unlike rusage's, without its parent's before exec."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def test_ctrl_c_ends_with_130_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "client-input-dir").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [BIN / "fetchdata", "-u", "acme", "--server", f"http://127.0.0.1:{silent.getsockname()[1]}"]
        environment = {"PATH": os.environ["PATH"], "FETCHDATA_PASSWORD": PASSWORD}
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            silent.settimeout(60)
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                _, err = process.communicate()

    assert (process.returncode, err) == (130, "")


def customer_command(customer: Customer, command: str, *arguments: str) -> Ended:
    return fetchdata(
        command,
        "-u",
        customer.id,
        "-p",
        PASSWORD,
        *arguments,
        cwd=customer.folder,
        env=customer.environment,
    )
