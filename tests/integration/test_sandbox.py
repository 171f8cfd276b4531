"""Customers' code in processes of its own, with bubblewrap and without: what it may, and how it ends."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.app_documents import app_toml
from support.hostile_apps import HONEST, HOSTILE, hostile_app, python_app, write_program
from support.testbed import BIN, eventually
from typer.testing import CliRunner

import customer_ingestapps
from bucket_policies.errors import SettingsError
from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.registry import IngestApp
from ingest_manager.cli import cli
from ingest_manager.errors import GivenBack, TransientError
from ingest_manager.sandbox.confinement import choose_confinement
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import FolderSettings, SandboxMode
from servers import programs

ROWS = b"id,name\n1,Ann\n2,Bob\n"
LIMITS = {"seconds_per_batch": 20, "memory_mib": 128, "answer_mib": 1}
EXITED = "the app ended with code 1 instead of answering"
MODES: tuple[SandboxMode, ...] = ("bubblewrap", "process")


@pytest.fixture(params=MODES)
def sandboxes(request: pytest.FixtureRequest) -> Iterator[Sandboxes]:
    with closing(Sandboxes(FolderSettings(sandbox=request.param))) as running:
        yield running


@pytest.fixture
def confined() -> Iterator[Sandboxes]:
    with closing(Sandboxes(FolderSettings(sandbox="bubblewrap"))) as running:
        yield running


def load(sandboxes: Sandboxes, app: IngestApp, data: bytes = ROWS) -> list[Chunk]:
    return list(read_chunks(app, "f", [data], expanded_limit=None, transform=sandboxes.transform_of(app)))


def ids(chunks: list[Chunk]) -> list[int]:
    return [number for chunk in chunks for number in chunk.frame["id"]]


def failure(sandboxes: Sandboxes, app: IngestApp) -> tuple[str, str]:
    with pytest.raises((TransientError, FileRejected)) as caught:
        load(sandboxes, app)
    error = caught.value
    assert isinstance(error, TransientError | FileRejected)
    return str(error.reason), str(error)


def said(sandboxes: Sandboxes, app: IngestApp) -> str:
    """Return the text that the app put into the first row's name."""
    name: str = load(sandboxes, app)[0].frame["name"][0]
    return name


TRANSIENT = {
    "sleeps": ("app_timeout", "the app did not answer within 1 s", {"seconds_per_batch": 1}),
    "spins": ("app_timeout", "the app used more than 0.5 s of the processor", {"cpu_seconds_per_batch": 0.5}),
    "shouts": ("app_timeout", "the app did not answer within 1 s: x", {"seconds_per_batch": 1}),
    "allocates": ("app_memory", "the app took more than 128 MiB of memory", {}),
    "exits": ("app_exited", "the app ended with code 3 instead of answering: I leave", {}),
    "forks": ("app_processes", "the app runs more than 32 processes", {"memory_mib": 1024}),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_may_be_a_passing_fault_ends_the_attempt_and_the_next_one_starts_afresh(
    sandboxes: Sandboxes, tmp_path: Path, name: str
) -> None:
    reason, message, limits = TRANSIENT[name]
    app = hostile_app(tmp_path / "app", HOSTILE[name], **LIMITS | limits)
    found, told = failure(sandboxes, app)
    assert (found, told[: len(message)]) == (reason, message)
    hostile_app(tmp_path / "app", HONEST)  # the same app, mended
    assert ids(load(sandboxes, app)) == [1, 2]


WRONG = {
    "garbage": "its line 1 is no JSON object: 'no JSON at all'",
    "too few": "1 of 2 rows are missing in it (line 2 of the file)",
    "too many": "_row = 1000000 is no row of the batch, which has 2",
    "behind": "something follows its end",
    "before": "it came before the whole batch was read",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_the_apps_and_is_told_at_once(
    sandboxes: Sandboxes, tmp_path: Path, name: str
) -> None:
    app = hostile_app(tmp_path / "app", HOSTILE[name], **LIMITS)
    many = b"id,name\n" + b"".join(b"%d,%s\n" % (row, b"x" * 300) for row in range(10_000))
    rows = many if name == "before" else ROWS
    with pytest.raises(FileRejected) as caught:
        load(sandboxes, app, rows)
    assert (caught.value.reason, caught.value.message) == (
        "app_answer", f"the app's answer does not fit: {WRONG[name]}",
    )  # fmt: skip


def test_a_flood_is_cut_off(sandboxes: Sandboxes, tmp_path: Path) -> None:
    app = hostile_app(tmp_path / "app", HOSTILE["floods"], **LIMITS)
    assert failure(sandboxes, app) == ("app_answer", "the app's answer is larger than 1 MiB")


def test_one_customers_app_that_hangs_does_not_touch_anothers(sandboxes: Sandboxes, tmp_path: Path) -> None:
    honest = hostile_app(tmp_path / "globex", HONEST, "globex")
    assert ids(load(sandboxes, honest)) == [1, 2]
    hostile = hostile_app(tmp_path / "acme", HOSTILE["forks"])
    assert failure(sandboxes, hostile)[0] == "app_processes"
    assert ids(load(sandboxes, honest)) == [1, 2]


def test_a_process_is_started_once_and_serves_one_app_of_one_customer(
    sandboxes: Sandboxes, tmp_path: Path
) -> None:
    body = "while True:\n    answer(*(line.replace('Ann', str(os.getpid())) for line in batch()))\n"
    app = hostile_app(tmp_path / "acme", body, command=["python3", "app.py"])
    first = said(sandboxes, app)
    assert said(sandboxes, app) == first
    other = hostile_app(tmp_path / "globex", body, "globex")
    said(sandboxes, other)
    assert len(sandboxes.running) == 2
    for number in range(5):
        load(sandboxes, hostile_app(tmp_path / str(number), HONEST, f"customer-{number}"))
    assert len(sandboxes.running) == 4


def test_a_transform_in_python_that_raises_says_where(sandboxes: Sandboxes, tmp_path: Path) -> None:
    app = python_app(tmp_path / "app", "def transform(frame):\n    return frame.drop('colour')\n")
    with capture_logs() as logs:
        reason, message = failure(sandboxes, app)
    assert reason == "app_exited"
    assert message.startswith(f"{EXITED}: transform.py line 2: ColumnNotFoundError:")
    assert {"event": "the app says", "text": "Traceback (most recent call last):"}.items() <= logs[0].items()


def test_a_transform_in_python_may_print_and_must_return_a_frame(
    sandboxes: Sandboxes, tmp_path: Path
) -> None:
    code = "def transform(frame):\n    print('one \\x1b[31m batch')\n    return frame\n"
    with capture_logs() as logs:
        assert ids(load(sandboxes, python_app(tmp_path / "one", code))) == [1, 2]
    assert [entry["text"] for entry in logs] == ["one \\x1b[31m batch"]
    code = "def transform(frame):\n    return None\n"
    assert failure(sandboxes, python_app(tmp_path / "two", code, "globex")) == (
        "app_exited",
        f"{EXITED}: TypeError: transform() must return a polars.DataFrame, not NoneType",
    )


def test_a_python_transform_that_runs_out_of_memory_says_so(sandboxes: Sandboxes, tmp_path: Path) -> None:
    code = "def transform(frame):\n    return bytearray(2 ** 36)\n"
    assert failure(sandboxes, python_app(tmp_path / "app", code)) == (
        "app_memory", "the app took more than 512 MiB of memory",
    )  # fmt: skip


def test_what_an_app_says_is_bounded(sandboxes: Sandboxes, tmp_path: Path) -> None:
    body = (
        "while True:\n    rows = batch()\n    print('x\\n' * 10 ** 6, file=sys.stderr)\n    answer(*rows)\n"
    )
    with capture_logs() as logs:
        assert ids(load(sandboxes, hostile_app(tmp_path / "app", body))) == [1, 2]
    assert len(logs) == 21
    assert logs[-1]["event"] == "the app says more"


def test_an_app_finds_no_environment_and_no_file_of_the_manager_open(
    sandboxes: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_MANAGER_S3_SECRET_KEY", "secret-1")
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        body = (
            "while True:\n    rows = batch()\n"
            "    found = ' '.join([*sorted(os.environ), *map(os.readlink, ())])\n"
            "    files = [os.readlink(f'/proc/self/fd/{fd}') for fd in range(3, 100)\n"
            "        if os.path.exists(f'/proc/self/fd/{fd}')]\n"
            "    answer(*(line.replace('Ann', f'{found} {files}') for line in rows))\n"
        )
        names = said(sandboxes, hostile_app(tmp_path / "app", body))
    environment, _, files = names.partition(" [")
    assert set(environment.split()) - {"PWD"} == {
        "ARROW_DEFAULT_MEMORY_POOL", "HOME", "LANG", "PATH", "POLARS_MAX_THREADS", "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH", "TZ",
    }  # fmt: skip
    assert files == "]"


def test_an_app_that_ends_after_its_answer_is_started_again_for_the_next_load(
    sandboxes: Sandboxes, tmp_path: Path
) -> None:
    app = hostile_app(tmp_path / "app", "answer(*batch())\n")
    assert ids(load(sandboxes, app)) == [1, 2]
    [ended] = sandboxes.running.values()
    eventually(lambda: not ended.is_usable)
    assert ids(load(sandboxes, app)) == [1, 2]


def test_a_shutdown_does_not_wait_for_an_app(tmp_path: Path) -> None:
    with closing(Sandboxes(FolderSettings(), lambda: True)) as stopping:
        app = hostile_app(tmp_path / "app", HOSTILE["sleeps"], **LIMITS)
        with pytest.raises(GivenBack):
            load(stopping, app)


def test_a_load_that_breaks_off_leaves_no_answer_to_the_next(sandboxes: Sandboxes, tmp_path: Path) -> None:
    body = "while True:\n    rows = batch()\n    time.sleep(0.2)\n    answer(*rows)\n"
    app = hostile_app(tmp_path / "app", body)
    data = b"id,name\n" + b"".join(b"%d,x\n" % row for row in range(25_000))
    chunks = read_chunks(app, "f", [data], expanded_limit=None, transform=sandboxes.transform_of(app))
    next(chunks)  # the second batch is being answered
    chunks.close()  # type: ignore[attr-defined]  # a generator
    assert ids(load(sandboxes, app)) == [1, 2]


def test_all_that_an_app_has_started_ends_with_it(confined: Sandboxes, tmp_path: Path) -> None:
    body = (
        "batch()\nfor _ in range(3):\n"
        "    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            os.execvp('sleep', ['sleep', '98765.4'])\n        os._exit(0)\ntime.sleep(10 ** 6)\n"
    )
    app = hostile_app(tmp_path / "app", body, **LIMITS | {"seconds_per_batch": 2})
    assert failure(confined, app)[0] == "app_timeout"
    assert "98765.4" not in subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=True).stdout


class TestBubblewrap:
    """What a sandbox keeps from an app; without one these are only promises of the app."""

    def told(self, confined: Sandboxes, folder: Path, expression: str) -> str:
        body = (
            "while True:\n    rows = batch()\n    try:\n"
            f"        told = str({expression})\n"
            "    except OSError as error:\n        told = error.strerror\n"
            "    answer(*(line.replace('Ann', told) for line in rows))\n"
        )
        return said(confined, hostile_app(folder, body))

    def test_an_app_reaches_no_network(self, confined: Sandboxes, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            told = self.told(confined, tmp_path / "a", f"socket.create_connection({address}, 1)")
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.accept()
        assert told in {"Network is unreachable", "Connection refused"}

    def test_an_app_sees_no_process_but_its_own(self, confined: Sandboxes, tmp_path: Path) -> None:
        told = self.told(confined, tmp_path / "a", "sum(name.isdigit() for name in os.listdir('/proc'))")
        assert int(told) <= 3  # bubblewrap's, and the app's

    def test_an_app_reads_no_file_of_another_customer_or_of_the_platform(
        self, confined: Sandboxes, tmp_path: Path
    ) -> None:
        secret = tmp_path / "globex" / "app.toml"
        secret.parent.mkdir()
        secret.write_text("# a secret of globex")
        for path in (secret, Path(choose_confinement.__code__.co_filename), Path("/etc/passwd")):
            assert path.exists()
            told = self.told(confined, tmp_path / path.stem, f"open({str(path)!r}).read()")
            assert told == "No such file or directory"

    def test_an_app_writes_nowhere_but_to_a_small_folder_of_its_own(
        self, confined: Sandboxes, tmp_path: Path
    ) -> None:
        for path in (
            "/app/x",
            "/x",
            "/usr/x",
            "/dev/shm/x",
            "/proc/sys/kernel/hostname",
            "/proc/self/oom_score_adj",
        ):
            told = self.told(confined, tmp_path / path.replace("/", "-"), f"open({path!r}, 'w')")
            assert told == "Read-only file system", path
        fill = "open('/tmp/x', 'wb', 0).write(bytes(10 ** 8)) < 10 ** 8"
        assert self.told(confined, tmp_path / "tmp", fill) in {"True", "No space left on device"}

    def test_an_app_may_have_few_files_open(self, confined: Sandboxes, tmp_path: Path) -> None:
        assert (
            self.told(confined, tmp_path / "a", "[os.pipe() for _ in range(1000)]") == "Too many open files"
        )


def test_without_bubblewrap_auto_says_so_and_bubblewrap_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    chosen = choose_confinement("auto")
    assert (chosen.bubblewrap, chosen.weakness) == (None, "bubblewrap (bwrap) is not installed")
    with pytest.raises(SettingsError, match="INGEST_MANAGER_SANDBOX = 'bubblewrap': bubblewrap"):
        choose_confinement("bubblewrap")


def test_a_manager_that_is_to_confine_apps_and_cannot_refuses_to_start() -> None:
    secret = {"S3_SECRET_KEY": "x", "CASSANDRA_PASSWORD": "x", "TOKEN_KEY": "x", "AMQP_URL": "amqp://x"}
    plain = {"S3_URL": "http://127.0.0.1:1", "S3_ACCESS_KEY": "x", "CASSANDRA_HOSTS": "127.0.0.1"}
    settings = {**secret, **plain, "CASSANDRA_USER": "x", "SANDBOX": "bubblewrap"}
    done = subprocess.run(
        [BIN / "ingest-manager", "run"],
        env={"PATH": "/nowhere", **{f"INGEST_MANAGER_{name}": value for name, value in settings.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "ingest-manager: INGEST_MANAGER_SANDBOX = 'bubblewrap': bubblewrap (bwrap) is not installed\n",
    )


def test_a_bubblewrap_that_may_not_do_its_work_is_found_out_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bwrap").write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_confinement("auto").weakness == (
        "bubblewrap cannot be used here: bwrap: No permissions to create new namespace"
    )


class TestPrograms:
    """Programs, on both wires."""

    FLIGHTS = b"id,name,year,month,day\n1,JFK,2013,1,31\n2,LGA,2013,12,1\n"

    def test_a_program_in_go_answers_in_ndjson(self, sandboxes: Sandboxes, tmp_path: Path) -> None:
        go, source = programs.go(), Path(__file__).parent.parent / "support" / "apps" / "flights.go"
        assert go
        build = [go, "build", "-o", tmp_path / "app" / "flights", source]
        subprocess.run(build, check=True, env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"})
        app = hostile_app(tmp_path / "app", HONEST, command=["./flights"])
        document = app.contract.model_dump() | {"columns": {"id": "int", "departure_date": "date"}}
        document["files"] = document["files"] | {"extra_columns": "ignore"}
        app = replace(app, contract=AppContract.model_validate(document))
        [chunk] = load(sandboxes, app, self.FLIGHTS)
        days = [day.isoformat() for day in chunk.frame["departure_date"]]
        assert (chunk.frame["id"].to_list(), days) == ([1, 2], ["2013-01-31", "2013-12-01"])

    def test_a_program_answers_in_arrow_with_types_of_its_own(
        self, sandboxes: Sandboxes, tmp_path: Path
    ) -> None:
        code = (
            "import sys, pyarrow as pa\n"
            "while sys.stdin.buffer.peek(1):\n"
            "    table = pa.ipc.open_stream(sys.stdin.buffer).read_all()\n"
            "    assert str(table.schema.field('name').type) == 'string'\n"
            "    answer = pa.table({'_row': table['_row'], 'id': table['id'].cast(pa.int16()),\n"
            "        '_reject': pa.array([None, 'no Bobs'])})\n"
            "    with pa.ipc.new_stream(sys.stdout.buffer, answer.schema) as stream:\n"
            "        stream.write_table(answer)\n"
            "    sys.stdout.buffer.flush()\n"
        )
        app = hostile_app(tmp_path / "app", HONEST, wire="arrow")
        (tmp_path / "app" / "app.py").write_text(code)
        [chunk] = load(sandboxes, app)
        assert (chunk.frame["id"].to_list(), chunk.rejects[0].message) == ([1], "no Bobs")

    def test_no_arrow_is_a_wrong_answer(self, sandboxes: Sandboxes, tmp_path: Path) -> None:
        app = hostile_app(tmp_path / "app", "answer('no Arrow')\ntime.sleep(10 ** 6)\n", wire="arrow")
        assert failure(sandboxes, app) == (
            "app_answer",
            "the app's answer does not fit: it is no Arrow stream: it begins with b'no A'",
        )

    def test_a_program_that_is_not_there_is_told(self, sandboxes: Sandboxes, tmp_path: Path) -> None:
        app = hostile_app(tmp_path / "app", HONEST, command=["./missing"])
        assert failure(sandboxes, app) == (
            "app_exited",
            f"{EXITED}: ./missing: No such file or directory",
        )


def test_the_examples_of_the_contracts_page_do_what_they_say(confined: Sandboxes, tmp_path: Path) -> None:
    page = (Path(customer_ingestapps.__file__).parent / "README.md").read_text()
    examples = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    in_python, ndjson, arrow = examples
    rows = b'id,price,state\n1,"0,5",ok\n2,-1,ok\n3,7,cancelled\n'
    app = priced(python_app(tmp_path / "python", in_python))
    [chunk] = load(confined, app, rows)
    assert chunk.frame.rows() == [(1, 0.5)]
    assert [(reject.line, reject.message) for reject in chunk.rejects] == [(3, "a price below zero")]
    assert chunk.drops == {"cancelled": 1}
    for wire, code in (("ndjson", ndjson), ("arrow", arrow)):
        app = priced(hostile_app(tmp_path / wire, HONEST, wire=wire))
        (tmp_path / wire / "app.py").write_text(code)
        [chunk] = load(confined, app, rows.replace(b'"0,5"', b'"0,5"' if wire == "ndjson" else b"0.5"))
        assert chunk.frame.rows() == [(1, 0.5), (2, -1.0), (3, 7.0)]


def priced(app: IngestApp) -> IngestApp:
    """Return the app with a table of prices."""
    document = app.contract.model_dump() | {"columns": {"id": "int", "price": "double"}}
    document["files"] = document["files"] | {"extra_columns": "ignore"}
    return replace(app, contract=AppContract.model_validate(document))


def test_a_check_runs_an_apps_code_in_the_sandbox_and_tells_its_faults(tmp_path: Path) -> None:
    (tmp_path / "policies" / "customers").mkdir(parents=True)
    document = {"formats": [".csv"], "number_files": 1, "data_sizes": 1}
    (tmp_path / "policies" / "customers" / "acme.json").write_text(json.dumps(document))
    app = tmp_path / "apps" / "acme"
    write_program(app, HONEST)
    (app / "app.toml").write_text(
        app_toml(
            files={"keys": ["*.csv"], "format": "csv"},
            transform={"kind": "program", "command": ["python3", "app.py"], "missing_rows": "drop"},
            table={"name": "t", "partition_key": ["id"]},
            columns={"id": "int", "name": "text"},
        )
    )
    (tmp_path / "f.csv").write_bytes(ROWS)
    environment = {
        "BUCKET_POLICIES_DIR": str(tmp_path / "policies"),
        "CUSTOMER_INGESTAPPS_DIR": str(tmp_path / "apps"),
    }

    def check() -> tuple[int, list[str]]:
        arguments = ["check", str(tmp_path / "f.csv"), "--customer", "acme"]
        done = CliRunner().invoke(cli, arguments, env=environment)
        return done.exit_code, done.stdout.splitlines()

    assert check() == (
        0,
        ["f.csv: would be loaded by app acme", "rows: 2 read, 2 would be written, 0 rejected"],
    )
    write_program(app, HOSTILE["too few"])
    assert check()[1][1] == "rows: 2 read, 1 would be written, 0 rejected, 1 dropped"
    write_program(app, HOSTILE["exits"])
    assert check()[0] == 1
    assert "app_exited: the app ended with code 3 instead of answering: I leave" in " ".join(check()[1])
