"""What Cassandra wrote into its log of batches that it found too large or too wide."""

import re
from dataclasses import dataclass
from pathlib import Path

_WARNING = re.compile(r"Batch for .* is of size|Batch of prepared statements for|Unlogged batch covering")


@dataclass(frozen=True, slots=True)
class ServerLog:
    """A log that grows."""

    path: Path

    def size(self) -> int:
        """Return where it ends now."""
        return self.path.stat().st_size

    def batch_warnings(self, start: int = 0) -> int:
        """Count the warnings from a place on."""
        with self.path.open("rb") as log:
            log.seek(start)
            return count_warnings(log.read().decode(errors="replace"))


def count_warnings(text: str) -> int:
    """Count the warnings of batches in a log's text."""
    return sum(1 for line in text.splitlines() if _WARNING.search(line))
