"""The running system of one customer: documents and apps in a folder, a manager, PUTs and their outcomes."""

import json
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
from botocore.config import Config
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from benchmarks.cpu import group_cpu_seconds
from benchmarks.datasets import DATASETS, WIDE
from benchmarks.flights import DECLARATION
from benchmarks.marks import MARKS_APP
from bucket_policies.customers import STAGING_PREFIX
from ingest_manager.cassandra import cassandra_session
from ingest_manager.cassandra.cassandra_session import CassandraSession, Row
from ingest_manager.ledger.pauses import Pause, PauseStore
from ingest_manager.queues import broker, topology
from ingest_manager.queues.events import ObjectEvent
from ingest_manager.settings import Settings
from servers.allotment import LOOPBACK
from servers.instance import Instance
from servers.process import Process
from servers.service import QuietManager, set_up

CUSTOMER = "benchmark"
DOCUMENT = {"formats": [".csv", ".jsonl", ".parquet"], "number_files": 10_000, "data_sizes": 512 * 1024}
SMALL = replace(WIDE, name="small")
"""The table of the many small files."""

_FLIGHTS = DECLARATION.read_text()
_PASSED = _FLIGHTS.replace('"flights*', '"passed*').replace('name = "flights"', 'name = "passed"')
APPS_OF_CUSTOMER = {
    "flights": _FLIGHTS,
    "passed": f'{_PASSED}\n[transform]\nkind = "python"\n',
    "marks": MARKS_APP,
    **{dataset.table(): dataset.app() for dataset in (*DATASETS, SMALL)},
    **{WIDE.table(form): WIDE.app(form) for form in ("jsonl", "parquet")},
}
_CODE = {"passed": "def transform(frame):\n    return frame\n"}
PATIENCE_SECONDS = 600

_OUTCOME = "SELECT status, reason, rows_written, ended_at, placed_at FROM ingest.loads WHERE load_id = ?"
_ACCOUNTS = (
    "SELECT status, attempts, worker, rows_read, rows_written, rows_rejected, rows_dropped, "
    "started_at, ended_at, placed_at FROM ingest.loads WHERE load_id = ?"
)

T = TypeVar("T")


class Pipeline:
    """Puts objects and watches them become rows."""

    def __init__(
        self,
        session: CassandraSession,
        s3: Any,
        environment: Mapping[str, str],
        manager: QuietManager,
        *,
        metrics_url: str,
    ) -> None:
        self.session = session
        self.environment = environment
        self.metrics_url = metrics_url
        self._s3 = s3
        self._manager = manager

    def manager_pid(self) -> int:
        """Return the manager's pid, 0 if it does not run."""
        return self._manager.pid or 0

    def worker_pids(self) -> list[int]:
        """Return the pids of the manager's workers."""
        pid = self.manager_pid()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    def metrics(self) -> str:
        """Return the manager's metrics, as Prometheus would get them."""
        return httpx.get(f"{self.metrics_url}/metrics", timeout=30).text

    def cpu_seconds(self) -> float:
        """Return what the manager and its workers have used, with what they started."""
        return group_cpu_seconds(self._manager.pid) if self._manager.pid else 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the manager, and stop it at the end."""
        self._manager.start()
        try:
            self._manager.wait()
            yield
        finally:
            self._manager.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the manager for a while; it takes deliveries again at the end."""
        self._manager.stop()
        yield
        self._manager.start()
        self._manager.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the customer's queue wait for a while; the manager and its workers go on running."""
        pauses = PauseStore(self.session)
        pauses.pause(Pause(CUSTOMER, datetime.now(UTC), "benchmark"))
        eventually(lambda: self._count_consumers() == 0)
        yield
        pauses.resume(CUSTOMER)

    def _count_consumers(self) -> int:
        with broker.open_channel(self.environment["INGEST_MANAGER_AMQP_URL"]) as channel:
            queue = channel.queue_declare(topology.queue_of(CUSTOMER), passive=True)
            return int(queue.method.consumer_count)

    def put(self, key: str, body: bytes, customer: str = CUSTOMER) -> ObjectEvent:
        """Put an object into a customer's staging bucket; return what identifies its load."""
        bucket = STAGING_PREFIX + customer
        answer = self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        return ObjectEvent(bucket, key, answer["VersionId"], written_us=0)

    def upload(self, key: str, path: Path) -> ObjectEvent:
        """Put a file of any size, in parts where it is large."""
        bucket = STAGING_PREFIX + CUSTOMER
        self._s3.upload_file(str(path), bucket, key)
        version = self._s3.head_object(Bucket=bucket, Key=key)["VersionId"]
        return ObjectEvent(bucket, key, version, written_us=0)

    def loaded(
        self, event: ObjectEvent, pause_seconds: float = 0.05, patience_seconds: float = PATIENCE_SECONDS
    ) -> Row:
        """Wait until a load has its outcome and everything is tidied up; return its ledger row.

        Raises:
            RuntimeError: it did not end as loaded.
        """
        row = eventually(lambda: self._placed(event), pause_seconds, patience_seconds)
        if row["status"] != "loaded":
            raise RuntimeError(f"{event.key} ended as {row['status']}: {row['reason']}")
        return row

    def accounts(self, events: Iterable[ObjectEvent]) -> Iterator[Row]:
        """Yield the ledger's accounts and times of loads."""
        return self.session.stream_each(_ACCOUNTS, ((event.load_id,) for event in events))

    def _placed(self, event: ObjectEvent) -> Row:
        rows = self.session.execute(_OUTCOME, (event.load_id,))
        return rows[0] if rows and rows[0]["placed_at"] else {}


def eventually(
    look: Callable[[], T], pause_seconds: float = 0.05, patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """Return the first true answer.

    Raises:
        RetryError: none came in time; the manager's log tells why.
    """
    again = Retrying(
        retry=retry_if_result(lambda answer: not answer),
        wait=wait_fixed(pause_seconds),
        stop=stop_after_delay(patience_seconds),
    )
    return again(look)


@contextmanager
def running_pipeline(
    instance: Instance,
    document: Mapping[str, object] = DOCUMENT,
    apps: Mapping[str, str] = APPS_OF_CUSTOMER,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Pipeline]:
    """Run a manager for the benchmark's customer on an instance's servers, with settings of its own."""
    with prepared_pipeline(instance, document, apps, settings=settings) as pipeline, pipeline.running():
        yield pipeline


@contextmanager
def prepared_pipeline(
    instance: Instance,
    document: Mapping[str, object] = DOCUMENT,
    apps: Mapping[str, str] = APPS_OF_CUSTOMER,
    *,
    customers: Sequence[str] = (CUSTOMER,),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Pipeline]:
    """Set everything up on an instance's servers for customers that are alike; no manager runs yet."""
    folder = instance.folder / "benchmark"
    environment = instance.environment() | _lay_out(folder, document, apps, customers)
    set_up(environment)
    of_instance = Settings(_env_file=instance.folder / "env")
    metrics = f"{LOOPBACK}:{_free_port()}"  # not the instance's own: its manager may run, too
    manager = QuietManager(
        Process("benchmark-manager", folder),
        ("ingest-manager", "run"),
        environment | {"INGEST_MANAGER_METRICS_LISTEN": metrics} | dict(settings or {}),
    )
    with cassandra_session.connect(of_instance) as session:
        yield Pipeline(session, _s3(environment), environment, manager, metrics_url=f"http://{metrics}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        port: int = found.getsockname()[1]
        return port


def _lay_out(
    folder: Path, document: Mapping[str, object], apps: Mapping[str, str], customers: Sequence[str]
) -> dict[str, str]:
    """Write the customers' documents and apps; return where the packages find them."""
    shutil.rmtree(folder, ignore_errors=True)
    policies, apps_folder = folder / "bucket_policies", folder / "customer_ingestapps"
    (policies / "customers").mkdir(parents=True)
    (policies / "users.json").write_text("{}")
    for customer in customers:
        (policies / "customers" / f"{customer}.json").write_text(json.dumps(document))
        for name, contract in apps.items():
            (apps_folder / customer / name).mkdir(parents=True)
            (apps_folder / customer / name / "app.toml").write_text(contract)
            if name in _CODE:
                (apps_folder / customer / name / "transform.py").write_text(_CODE[name])
    return {"BUCKET_POLICIES_DIR": str(policies), "CUSTOMER_INGESTAPPS_DIR": str(apps_folder)}


def _s3(environment: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environment["BUCKET_POLICIES_S3_URL"],
        aws_access_key_id=environment["BUCKET_POLICIES_ADMIN_ACCESS_KEY"],
        aws_secret_access_key=environment["BUCKET_POLICIES_ADMIN_SECRET_KEY"],
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
