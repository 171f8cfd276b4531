"""cqlsh's COPY FROM, with its defaults: worker processes in Python, prepared statements, batches."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import Access, ContestantError, Turn, figure_in, run_program, write_private
from benchmarks.datasets import Dataset
from servers.service import BIN

_ROWS = r"([\d,]+) rows imported from"
_OPTIONS = "HEADER = TRUE AND DATETIMEFORMAT = '%Y-%m-%dT%H:%M:%S%z'"
"""Without the format it takes 2026-01-01T10:00:00Z for midnight, and says nothing."""

_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def parse_rate(output: str) -> float:
    """Return the rows per second of `… rows imported from 1 files in … minute, and … seconds`."""
    seconds = sum(factor * figure_in(rf"([\d.]+) {unit}", output) for unit, factor in _UNITS.items())
    return figure_in(_ROWS, output) / seconds


@dataclass(frozen=True, slots=True)
class CqlshCopy:
    """cqlsh as the development dependencies have it."""

    access: Access
    folder: Path
    name: str = "cqlsh COPY FROM"

    def load(self, dataset: Dataset, path: Path) -> Turn:
        """Load a file."""
        access = self.access
        login = f"[PlainTextAuthProvider]\nusername = {access.user}\npassword = {access.password}\n"
        credentials = write_private(self.folder / "cqlsh-credentials", login)
        settings = self.folder / "cqlshrc"
        settings.write_text("[auth_provider]\nmodule = cassandra.auth\nclassname = PlainTextAuthProvider\n")
        null = f" AND NULL = '{dataset.null_word}'" if dataset.null_word else ""
        table = f"{access.keyspace}.{dataset.table()} ({', '.join(dataset.columns)})"
        command: list[str | Path] = [
            *(BIN / "cqlsh", "--cqlshrc", settings, "--credentials", credentials),
            *("-e", f"COPY {table} FROM '{path}' WITH {_OPTIONS}{null}", access.host, str(access.port)),
        ]
        output, cpu_seconds = run_program(command, self.folder)
        if "Failed to" in output:  # it ends with 0 all the same
            raise ContestantError(output.strip()[-500:])
        return Turn(parse_rate(output), cpu_seconds)
