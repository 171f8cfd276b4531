"""What a run found beside its figures: turns that do not count, and what the server warned of."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console

console = Console()


@dataclass
class Findings:
    """Filled while a run goes on."""

    faults: list[str] = field(default_factory=list)
    batch_warnings: Counter[str] = field(default_factory=Counter)
    """By contestant, those with none included. Anybody's count: the bench is to be free of them."""

    def fail(self, message: str) -> None:
        """Keep a fault, and say it at once."""
        self.faults.append(message)
        console.print(f"FAILED: {message}", markup=False)

    def warned(self, name: str, count: int) -> None:
        """Add a turn's batch warnings."""
        self.batch_warnings[name] += count
