"""Both customers' `fetchdata` at once, as commands of their own, and what they report."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

PASSWORDS = {"customer-1": "password-1", "customer-2": "password-2"}
FETCHDATA = Path(sys.executable).with_name("fetchdata")


@dataclass(frozen=True)
class Pushed:
    """How one customer's run ended: its exit code and the files of its JSON document."""

    customer: str
    exit_code: int
    files: tuple[Mapping[str, Any], ...]


def push_all(data: Path, server: str, console: Console) -> list[Pushed]:
    """Run every customer's push and wait for its rows; the reports are kept beside the folders."""

    def push(customer: str) -> Pushed:
        exit_code = _run(customer, data, server, console)
        return Pushed(customer, exit_code, pushed_files(data, customer))

    with ThreadPoolExecutor() as pool:
        return list(pool.map(push, PASSWORDS))


def has_pushed(data: Path) -> bool:
    """Ask whether every customer's last push has a report."""
    return all(pushed_files(data, customer) for customer in PASSWORDS)


def pushed_files(data: Path, customer: str) -> tuple[Mapping[str, Any], ...]:
    """Read what the customer's last push reported; nothing when it reported nothing."""
    report = data / f"{customer}.json"
    document = report.read_text() if report.exists() else ""
    return tuple(json.loads(document)["files"]) if document else ()


def _run(customer: str, data: Path, server: str, console: Console) -> int:
    command: list[str | Path] = [FETCHDATA, "-u", customer, "-d", data / customer, "--wait", "--json"]
    environment = os.environ | {"FETCHDATA_SERVER": server, "FETCHDATA_PASSWORD": PASSWORDS[customer]}
    unfinished = data / f".{customer}.json"
    with (
        unfinished.open("wb") as report,
        subprocess.Popen(
            command, env=environment, stdout=report, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        for line in process.stderr or ():
            console.print(Text(f"{customer}: {line.rstrip()}"), soft_wrap=True)
    unfinished.replace(data / f"{customer}.json")  # an interrupted run leaves the report before it
    return process.returncode
