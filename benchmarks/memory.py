"""What a load costs in memory: a small object beside a big one, each by a worker of its own.

The command `python -m benchmarks.memory` sends 1 GiB of `.csv.gz` with fetchdata instead; it ends with 1
when a worker goes over 350 MB or fetchdata over 100 MB.
"""

import gzip
import os
import random
import secrets
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.findings import Findings
from benchmarks.measure import Measure
from benchmarks.pipeline import CUSTOMER, Pipeline, running_pipeline
from bucket_policies.users import set_password
from servers.capacity import HEAP_MIB
from servers.installation import install_missing
from servers.instance import Instance
from servers.process import Process
from servers.service import BIN, WebService
from servers.temporary import temporary_instance

GIB = 2**30
WORKER_MB, FETCHDATA_MB = 350, 100
TEXTS_APP = """
[files]
keys = ["texts-*.csv.gz"]
format = "csv"
[table]
name = "texts"
partition_key = ["id"]
[columns]
id = "int"
body = "text"
"""
PLAIN_APP = TEXTS_APP.replace("csv.gz", "csv")
OBJECTS: Mapping[str, int] = {"5 MB": 5_000_000, "5 GB": 5_000_000_000}
TEXT_CHARACTERS, REPEATED = 5_000, 100
_PATIENCE_SECONDS = 3_600

console = Console()


def comparing_objects(instance: Instance, findings: Findings) -> list[Measure]:
    """Measure the peak memory of a worker that has loaded one object and nothing else, for each size."""
    document = {"formats": [".csv"], "number_files": 10, "data_sizes": 3 * max(OBJECTS.values()) // 1024}
    settings = {"INGEST_MANAGER_WORKERS": "1"}
    found = []
    with running_pipeline(instance, document, {"texts": PLAIN_APP}, settings) as pipeline:
        for name, least_bytes in OBJECTS.items():
            with pipeline.stopped():
                pass  # the next worker has seen no object
            path = instance.folder / f"texts-{least_bytes}.csv"
            peak = _load_plain(pipeline, path, least_bytes, findings)
            found.append(Measure(f"peak memory of a worker, {name} object", "MB", (peak,), most=WORKER_MB))
    return found


def _load_plain(pipeline: Pipeline, path: Path, least_bytes: int, findings: Findings) -> float:
    rows = write_plain_file(path, least_bytes)
    size, event = path.stat().st_size, pipeline.upload(path.name, path)
    path.unlink()
    row = pipeline.loaded(event, 0.5, patience_seconds=_PATIENCE_SECONDS)
    (worker,) = pipeline.worker_pids()
    peak = peak_mb(worker)
    (times,) = pipeline.accounts([event])
    seconds = (times["ended_at"] - times["started_at"]).total_seconds()
    console.print(f"{size:,} bytes, {rows:,} rows: {seconds:,.1f} s, {peak:.0f} MB")
    if row["rows_written"] != rows:
        findings.fail(f"memory, {size:,} bytes: {row['rows_written']:,} rows instead of {rows:,}")
    return peak


def write_plain_file(path: Path, least_bytes: int) -> int:
    """Write a CSV file of at least so many bytes, of rows of 5 kB; return its rows.

    A text repeats itself, so that Cassandra and its disk can follow; the loader sees every character of it.
    """
    rng = random.Random(3)
    rows = 0
    with path.open("wb") as file:
        file.write(b"id,body\n")
        while file.tell() < least_bytes:
            text = b64encode(rng.randbytes(REPEATED * 3 // 4)) * (TEXT_CHARACTERS // REPEATED)
            file.write(b"%d,%b\n" % (rows, text))
            rows += 1
    return rows


def write_file(path: Path) -> int:
    """Write a file of just over 1 GiB that hardly shrinks; return its rows."""
    rows = 0
    with path.open("wb") as stored, gzip.open(stored, "wb", compresslevel=1) as file:
        file.write(b"id,body\n")
        while stored.tell() < GIB:
            texts = b64encode(secrets.token_bytes(750 * 1000)).decode()
            lines = (
                f"{rows + number},{texts[number * 1000 : (number + 1) * 1000]}\n" for number in range(1000)
            )
            file.write("".join(lines).encode())
            rows += 1000
    return rows


def peak_mb(pid: int) -> float:
    """Return the peak resident memory of a running process, in millions of bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6  # its kB are KiB
    raise ValueError(f"process {pid} has no peak")


def push(folder: Path, environment: Mapping[str, str], password: str) -> tuple[int, float]:
    """Run fetchdata; return its exit code and its peak memory."""
    command = [str(BIN / "fetchdata"), "-u", CUSTOMER, "-d", str(folder), "--wait", "--wait-timeout", "3000"]
    process = subprocess.Popen(command, env={**os.environ, **environment, "FETCHDATA_PASSWORD": password})
    peak = 0.0
    while process.poll() is None:  # wait4's maxrss would be this process's own: the fork inherits it
        with suppress(OSError, ValueError):
            peak = peak_mb(process.pid)
        time.sleep(0.1)
    return process.returncode, peak


def measure(instance: Instance) -> bool:
    """Load the file; return whether every process kept its limit."""
    folder = instance.folder / "push"
    folder.mkdir()
    with console.status("writing 1 GiB"):
        rows = write_file(folder / "texts-1.csv.gz")
    password = secrets.token_hex(8)
    document = {"formats": [".csv", ".csv.gz"], "number_files": 10, "data_sizes": 2 * GIB // 1024}
    with running_pipeline(instance, document, {"texts": TEXTS_APP}) as pipeline:
        environment = pipeline.environment
        set_password(Path(environment["BUCKET_POLICIES_DIR"]) / "users.json", CUSTOMER, password)
        services = [
            WebService(Process(f"memory-{name}", instance.folder), command, environment, url=environment[url])
            for name, command, url in (
                ("status", ("ingest-manager", "status-service"), "BUCKET_POLICIES_STATUS_URL"),
                ("auth", ("bucket-policies", "auth-service"), "FETCHDATA_SERVER"),
            )
        ]
        for service in services:
            service.start()
            service.wait()
        try:
            code, fetchdata_mb = push(folder, environment, password)
            workers_mb = [peak_mb(pid) for pid in pipeline.worker_pids()]
        finally:
            for service in services:
                service.stop()
    table = Table("process", "peak MB", "limit MB")
    table.add_row("fetchdata", f"{fetchdata_mb:.0f}", str(FETCHDATA_MB))
    for number, worker_mb in enumerate(workers_mb):
        table.add_row(f"worker {number}", f"{worker_mb:.0f}", str(WORKER_MB))
    console.print(table, f"{rows:,} rows; fetchdata ended with {code}")
    return code == 0 and fetchdata_mb <= FETCHDATA_MB and max(workers_mb) <= WORKER_MB


if __name__ == "__main__":
    install_missing(console)
    with temporary_instance(Path(__file__).parent.parent / ".local" / "benchmark", heap_mib=HEAP_MIB) as made:
        sys.exit(0 if measure(made) else 1)
