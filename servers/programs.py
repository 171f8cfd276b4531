"""Where the programs are that the servers run on: on this machine, or in the cache once installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from servers import versions
from servers.cache import cache_folder

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on PATH insists on the user rabbitmq

_VERSION = re.compile(r'(?:\bgo|version ")(\d+)(?:\.(\d+))?(?:\.(\d+))?')


def minio() -> Path:
    """Tell where the built MinIO is, or will be."""
    return cache_folder() / f"minio-{versions.MINIO}" / "minio"


def mc() -> Path:
    """Tell where the built mc is, or will be."""
    return cache_folder() / f"mc-{versions.MC}" / "mc"


def cassandra_jars() -> Path:
    """Tell where the folder of Cassandra's jars is, or will be."""
    return cache_folder() / f"cassandra-{versions.CASSANDRA}"


def go_wheel() -> Path:
    """Tell where Go from PyPI is, or will be."""
    return cache_folder() / versions.GO_WHEEL.replace("==", "-")


def go() -> Path | None:
    """Return a Go that can build MinIO, or None."""
    candidates = ("go", "/usr/local/go/bin/go", f"{go_wheel()}/go/bin/go")
    programs = [program for name in candidates if (program := find(name))]
    return next((go for go in programs if version_of(go, "version") >= versions.GO_AT_LEAST), None)


def java() -> Path | None:
    """Return a Java that can run Cassandra, or None."""
    homes = [os.environ.get("JAVA_HOME", "/"), *Path("/usr/lib/jvm").glob("*")]
    programs = [
        program for name in ("java", *(f"{home}/bin/java" for home in homes)) if (program := find(name))
    ]
    return next((java for java in programs if version_of(java, "-version")[0] == versions.JAVA), None)


def find(name: str) -> Path | None:
    """Return the program of that name or path, or None."""
    path = shutil.which(name)
    return Path(path) if path else None


def version_of(program: Path, argument: str) -> tuple[int, int, int]:
    """Ask a Go or a Java for its version; (0, 0, 0) when it does not say."""
    answer = subprocess.run([program, argument], capture_output=True, text=True, check=False)
    return parse_version(answer.stdout + answer.stderr)


def parse_version(text: str) -> tuple[int, int, int]:
    """Find the version in what `go version` or `java -version` print."""
    match = _VERSION.search(text)
    major, minor, patch = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    return major, minor, patch
