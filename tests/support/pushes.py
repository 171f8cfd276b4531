"""A customer's `fetchdata` as a process, with nothing of ours in its environment."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.testbed import BIN

PASSWORD = "a-word-nobody-guesses"


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
