"""The command `python -m benchmarks.memory`: 1 GiB of `.csv.gz` from fetchdata to Cassandra, and its memory.

Ends with 1 when a worker goes over 350 MB or fetchdata over 100 MB.
"""

import gzip
import os
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

from benchmarks.pipeline import CUSTOMER, running_pipeline
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

console = Console()


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
    """Return the peak resident memory of a running process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
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
