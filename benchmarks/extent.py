"""How much of everything a run does."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Extent:
    """What the command's options say."""

    rounds: int
    rows: int
    warm_up: int
    folder: Path | None
    """Of an instance that runs already."""
