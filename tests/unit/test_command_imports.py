"""A command loads what it needs, and no more: seen in a process of its own."""

import subprocess
import sys

import pytest

HEAVY = {"boto3", "cassandra", "fastapi", "minio", "numpy", "pika", "polars", "pyarrow", "uvicorn"}
HELP_OF = """
import sys
from bucket_policies import command_line
from {package} import cli
sys.argv[1:] = {words!r}
assert command_line.run(cli.{app}, "it") == 0
print(*sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""
LISTING = """
import sys
import {package}.cli
print(*sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""
WORKER = """
import sys
import ingest_manager.loading.worker
print(*sorted({{"fastapi", "minio", "pika", "typer", "uvicorn"}} & set(sys.modules)), file=sys.stderr)
"""
OBSERVING = {"boto3", "cassandra", "minio", "numpy", "pika"}  # numpy: Cassandra's driver takes it
SERVING = {"fastapi", "uvicorn"}


def loaded(code: str, **parts: object) -> set[str]:
    """The heavy packages that are there when this has run."""
    code = code.format(heavy=HEAVY, **parts)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("package", ["ingest_manager", "bucket_policies"])
def test_what_lists_the_commands_loads_none(package: str) -> None:
    assert loaded(LISTING, package=package) == set()


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("pause", OBSERVING),
        ("resume", OBSERVING),
        ("drain", OBSERVING),
        ("status", OBSERVING),
        ("history", {"cassandra", "numpy"}),
        ("setup", {"cassandra", "numpy", "pika"}),
        ("status-service", {"boto3", "cassandra", "numpy"} | SERVING),
    ],
)
def test_a_command_of_ops_loads_what_it_needs(command: str, needed: set[str]) -> None:
    words = [command, "--help"]

    assert loaded(HELP_OF, package="ingest_manager", app="cli", words=words) == needed


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("passwd", set()),
        ("plan", {"boto3", "minio"}),
        ("apply", {"boto3", "minio"}),
        ("auth-service", {"boto3", "cassandra", "minio", "numpy"} | SERVING),
    ],
)
def test_a_command_of_the_admin_loads_what_it_needs(command: str, needed: set[str]) -> None:
    words = [command, "--help"]

    assert loaded(HELP_OF, package="bucket_policies", app="app", words=words) == needed


def test_a_worker_loads_nothing_that_serves_or_that_only_the_manager_asks() -> None:
    assert loaded(WORKER) == set()
