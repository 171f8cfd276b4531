"""Our web services as processes of a test, and a customer who calls them."""

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from support.testbed import BIN, Platform, eventually

PASSWORD = "a-word-nobody-guesses"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(url: str, ca: Path | None = None) -> bool:
    """Tell whether a service calls itself healthy."""
    verify = ssl.create_default_context(cafile=ca) if ca else True
    try:
        return httpx.get(f"{url}/healthz", verify=verify).is_success
    except httpx.TransportError:
        return False


def serve(platform: Platform, *command: str, url: str, ca: Path | None = None) -> None:
    """Start a service and wait until it is healthy."""
    platform.start(BIN / command[0], *command[1:])
    eventually(lambda: answers(url, ca), what=" ".join(command))


def push(
    customer: str, folder: Path, server: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `fetchdata` as a customer would, with nothing of ours in its environment."""
    done = subprocess.run(
        [BIN / "fetchdata", "-u", customer, "-p", PASSWORD, "--server", server, "-d", folder, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def outcomes(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    """Return (name, status) of each file of a `push --wait --json`."""
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return [(file["name"], file["status"]) for file in document["files"]]
