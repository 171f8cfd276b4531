"""DSBulk, DataStax's bulk loader: installed once per machine from Maven, with defaults and at its best."""

import shutil
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import Access, Turn, figure_in, run_program, write_private
from benchmarks.datasets import Dataset
from servers import programs, versions
from servers.cache import build_entry, cache_folder, exclusive

VERSION = "1.10.0"
BEST = ("--batch.mode", "REPLICA_SET", "--batch.maxBatchStatements", "100")
"""What its manual advises for loads of many partitions; with 200 Cassandra warns of the flights' batches."""

_MAIN = "com.datastax.oss.dsbulk.runner.DataStaxBulkLoader"
_POM = Path(__file__).parent / "dsbulk-pom.xml"
_RATE = r"(?m)^\s*[\d,]+ \|\s+[\d,]+ \|\s+([\d,]+) \|"
_LOGIN = """
datastax-java-driver.basic.contact-points = ["{host}:{port}"]
datastax-java-driver.advanced.auth-provider {{
  class = PlainTextAuthProvider
  username = "{user}"
  password = "{password}"
}}
"""


def install() -> Path:
    """Return the folder of its jars, fetched from Maven at the first time.

    Raises:
        ContestantError: Maven did not fetch them.
    """
    entry = cache_folder() / f"dsbulk-{VERSION}"
    with exclusive(cache_folder() / "dsbulk.lock"):
        if not entry.exists():
            build_entry(entry, _fetch)
    return entry


def _fetch(folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(string.Template(_POM.read_text()).substitute(version=VERSION))
    goal = f"{versions.MAVEN_DEPENDENCY_PLUGIN}:copy-dependencies"
    run_program(["mvn", "--batch-mode", "--file", pom, goal, f"-DoutputDirectory={folder}"], folder)


def parse_rate(output: str) -> float:
    """Return the rows per second in the last line of figures, after total and failed."""
    return figure_in(_RATE, output)


@dataclass(frozen=True, slots=True)
class Dsbulk:
    """One way to call it."""

    name: str
    access: Access
    jars: Path
    folder: Path
    options: Sequence[str] = ()

    def load(self, dataset: Dataset, path: Path) -> Turn:
        """Load a file."""
        logs = self.folder / "dsbulk-logs"
        shutil.rmtree(logs, ignore_errors=True)
        output, cpu_seconds = run_program(self._command(dataset, path, logs), self.folder)
        return Turn(parse_rate(output), cpu_seconds)

    def _command(self, dataset: Dataset, path: Path, logs: Path) -> Sequence[str | Path]:
        access = self.access
        login = _LOGIN.format(host=access.host, port=access.port, user=access.user, password=access.password)
        where = write_private(self.folder / "dsbulk.conf", login)
        words = ["--codec.nullStrings", dataset.null_word] if dataset.null_word else []
        return [
            programs.java() or "java",
            "-Xmx2G",
            *("-cp", f"{self.jars}/*", _MAIN, "load"),
            *("-f", where, "-k", access.keyspace, "-t", dataset.table(), "-url", path),
            *("-header", "true", "-logDir", logs),
            *words,
            *self.options,
        ]
