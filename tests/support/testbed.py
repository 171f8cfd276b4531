"""A platform of its own for a test: documents and apps in a folder, our commands as subprocesses.

The servers are shared by the whole run; customers, buckets, queues and keyspaces are the test's own.
"""

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from cassandra import OperationTimedOut
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import dict_factory
from pika.exceptions import AMQPError

from bucket_policies.customers import CustomerDirectory
from bucket_policies.tokens import seal_grant
from customer_ingestapps.registry import Registry
from ingest_manager.cassandra import cassandra_session
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.pauses import PauseStore
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.readback import ReadBack
from ingest_manager.operations.verify import Difference, Verification
from ingest_manager.sandbox.sandbox import Sandboxes
from support.prepared import BIN, run_command
from support.settings import settings_of

T = TypeVar("T")

PEOPLE_APP = """
[files]
keys = ["**.csv", "**.csv.gz"]
format = "csv"
[table]
name = "people"
partition_key = ["id"]
[columns]
id = "int"
name = "text"
note = "text"
"""


def eventually(check: Callable[[], T], *, within: float = 120, what: str = "it") -> T:
    """Return the first true answer of a check; fail when none comes in time.

    A server that is away, as some tests want it, has no answer yet.
    """
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(NoHostAvailable, OperationTimedOut, AMQPError):
            if answer := check():
                return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {within} s")


class Platform:
    """Customers and processes of one test."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.policies = folder / "policies"
        self.apps = folder / "apps"
        (self.policies / "customers").mkdir(parents=True)
        (self.policies / "users.json").write_text("{}")
        self.apps.mkdir()
        self.environment = {
            **environment,
            "BUCKET_POLICIES_DIR": str(self.policies),
            "CUSTOMER_INGESTAPPS_DIR": str(self.apps),
            "INGEST_MANAGER_WORKERS": "2",
            "INGEST_MANAGER_LEASE_SECONDS": "5",
            "INGEST_MANAGER_LEASE_RENEW_SECONDS": "1",
            "INGEST_MANAGER_RECONCILE_SECONDS": "600",
            "INGEST_MANAGER_DOCUMENTS_SECONDS": "1",
        }
        self._running: list[subprocess.Popen[bytes]] = []
        self.session = self._connect()
        self.s3 = boto3.client(
            "s3",
            endpoint_url=environment["BUCKET_POLICIES_S3_URL"],
            aws_access_key_id=environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
            aws_secret_access_key=environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
            region_name="us-east-1",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def _connect(self) -> Session:
        profile = ExecutionProfile(RoundRobinPolicy(), row_factory=dict_factory, request_timeout=30)
        self._cluster = Cluster(
            self.environment["INGEST_MANAGER_CASSANDRA_HOSTS"].split(","),
            port=int(self.environment["INGEST_MANAGER_CASSANDRA_PORT"]),
            auth_provider=PlainTextAuthProvider(
                self.environment["CASSANDRA_ADMIN_USER"], self.environment["CASSANDRA_ADMIN_PASSWORD"]
            ),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
        )
        return self._cluster.connect()

    def end(self) -> None:
        """End every process of the test."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()

    def close(self) -> None:
        """End what is the test's own: processes and the connection."""
        self.end()
        self._cluster.shutdown()

    # customers

    def add_customer(
        self, *, apps: Mapping[str, str] | None = None, prefix: str = "acme", **constraints: Any
    ) -> str:
        """Write a customer's document and apps; return the new id."""
        customer = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.write_constraints(customer, **constraints)
        for name, contract in ({"people": PEOPLE_APP} if apps is None else apps).items():
            folder = self.apps / customer / name
            folder.mkdir(parents=True)
            (folder / "app.toml").write_text(contract)
        return customer

    def write_constraints(self, customer: str, **constraints: Any) -> None:
        """Write a customer's constraints document."""
        document = {"formats": [".csv", ".csv.gz"], "number_files": 500, "data_sizes": 102_400} | constraints
        (self.policies / "customers" / f"{customer}.json").write_text(json.dumps(document))

    def apply(self) -> None:
        """Run `bucket-policies apply` and `ingest-manager setup`."""
        self.command("bucket-policies", "apply")
        self.command("ingest-manager", "setup")

    def make_buckets(self) -> None:
        """Run `bucket-policies apply` where nothing but MinIO is known."""
        amqp_url = self.environment.pop("INGEST_MANAGER_AMQP_URL")
        self.command("bucket-policies", "apply")
        self.environment["INGEST_MANAGER_AMQP_URL"] = amqp_url

    def put(self, customer: str, key: str, body: bytes, **arguments: Any) -> str:
        """Put an object as root, past all policies; return its version id."""
        answer = self.s3.put_object(Bucket=f"staging-{customer}", Key=key, Body=body, **arguments)
        return str(answer["VersionId"])

    def granted(self, customer: str, key: str, upload_id: str) -> dict[str, str]:
        """Return the metadata of an object that the auth service has granted."""
        secret = self.environment["INGEST_MANAGER_TOKEN_KEY"].encode()
        seal = seal_grant(upload_id, f"staging-{customer}", key, secret=secret)
        return {"upload-id": upload_id, "grant": seal}

    # processes

    def command(self, *arguments: str, code: int = 0) -> str:
        """Run one of our commands to its end; return its standard output."""
        done = self.run(*arguments)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end, however it ends."""
        return run_command(arguments, environment=self.environment, folder=self.folder)

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a long-running command; its log goes to the test's folder."""
        name = f"{Path(arguments[0]).name}-{len(self._running)}.log"
        with (self.folder / name).open("wb") as log:
            process = subprocess.Popen(
                arguments,
                env=self.environment | environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def start_manager(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start `ingest-manager run`."""
        return self.start(BIN / "ingest-manager", "run", **environment)

    @contextmanager
    def manager(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a manager for the length of the context; it must stop cleanly at the end."""
        process = self.start_manager(**environment)
        yield process
        eventually(lambda: catches(process.pid, signal.SIGTERM), what="a manager that knows how to stop")
        assert stop(process) == 0

    def has_logged(self, text: str) -> bool:
        """Tell whether a long-running command of the test has logged a text."""
        return any(text in log.read_text() for log in self.folder.glob("*.log"))

    # what became of it

    def history(self, customer: str) -> list[dict[str, Any]]:
        """Return the customer's loads as `ingest-manager history --json` shows them, oldest first."""
        lines = self.command(
            "ingest-manager", "history", "--customer", customer, "--limit", "10000", "--json"
        )
        return [json.loads(line) for line in lines.splitlines()][::-1]

    def ledger(self, customer: str) -> list[dict[str, Any]]:
        """Return the customer's ledger rows themselves."""
        rows = self.session.execute("SELECT * FROM ingest.loads")
        return sorted((row for row in rows if row["customer"] == customer), key=lambda row: row["write_base"])

    def settled(self, customer: str, count: int, *, within: float = 120) -> list[dict[str, Any]]:
        """Wait until so many loads have ended and are placed; return the ledger's rows."""

        def placed() -> list[dict[str, Any]]:
            rows = self.ledger(customer) if self._has_ledger() else []
            return rows if len(rows) >= count and all(row["placed_at"] for row in rows) else []

        return eventually(placed, within=within, what=f"{count} loads of {customer}")

    def rows(self, customer: str, columns: str = "*", table: str = "people") -> list[dict[str, Any]]:
        """Return a table's rows."""
        return list(self.session.execute(f'SELECT {columns} FROM "{keyspace(customer)}".{table}'))

    def first_row(self, customer: str) -> None:
        """Wait until a load has begun to write; to look at all its rows would take as long as the load."""
        one = f'SELECT * FROM "{keyspace(customer)}".people LIMIT 1'
        eventually(lambda: self.session.execute(one).one(), what="a first row")

    def staged(self, customer: str) -> list[tuple[str, str]]:
        """Return (key, version id) of everything in the staging bucket, delete markers too."""
        answer = self.s3.list_object_versions(Bucket=f"staging-{customer}")
        entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        return [(entry["Key"], entry["VersionId"]) for entry in entries]

    def archived(self, customer: str) -> list[str]:
        """Return the keys in the archive."""
        answer = self.s3.list_objects_v2(Bucket=f"archive-{customer}")
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def verify(self, customer: str, *options: str) -> dict[str, Any]:
        """Assert that `ingest-manager verify` finds no difference; return its report."""
        command = ("ingest-manager", "verify", "--customer", customer, "--json", *options)
        report: dict[str, Any] = json.loads(self.command(*command))
        assert report["differences"] == []
        return report

    def prove(self, *, deep: bool) -> list[Difference]:
        """Return what `ingest-manager verify` would find for every customer of the test that has buckets."""
        buckets = {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}
        documented = CustomerDirectory(self.policies / "customers").current().values()
        customers = [customer for customer in documented if customer.staging_bucket in buckets]
        if not customers or not self._has_ledger():
            return []
        settings = settings_of(self.environment)
        store = connect_store(settings)
        with cassandra_session.connect(settings) as session, closing(Sandboxes(settings)) as sandboxes:
            ledger, paused = connect_ledger(settings, session), PauseStore(session).current()
            proof = Verification(store, ledger, timedelta(minutes=2), paused=paused)
            registry, report = Registry(self.apps), proof.report
            read_back = ReadBack(Archive(store), registry, session, report, sandboxes.transform_of)
            for customer in customers:
                written = proof.verify(customer)
                if deep:
                    read_back.compare(customer, written.loads, written.cleared_us)
        return proof.report.differences

    def _has_ledger(self) -> bool:
        cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'ingest'"
        return any(row["table_name"] == "loads" for row in self.session.execute(cql))


def keyspace(customer: str) -> str:
    """Return a customer's keyspace."""
    return customer.replace("-", "_")


def stop(process: subprocess.Popen[bytes], *, within: float = 60) -> int:
    """Send SIGTERM and return the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(within)


def catches(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal; one that has just begun has none."""
    [caught] = [
        line.split()[1]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("SigCgt:")
    ]
    return bool(int(caught, 16) >> (number - 1) & 1)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a manager; its workers die with it."""
    process.kill()
    process.wait()


def children_of(pid: int) -> Sequence[int]:
    """Return the pids of a process's children, oldest first."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_worker(pid: int) -> bool:
    """Tell whether a child is a worker and not multiprocessing's resource tracker."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in command


def csv_of(rows: Sequence[Sequence[object]], header: str = "id,name,note") -> bytes:
    """Return a CSV file."""
    return "".join([header + "\n", *(",".join(map(str, row)) + "\n" for row in rows)]).encode()


def pid_exists(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
