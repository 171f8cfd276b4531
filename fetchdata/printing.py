"""Standard output: a table for people or one JSON document for programs, and nothing else."""

import json
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

WIDE = 10_000  # columns, where no terminal limits a line


def print_document(document: Mapping[str, object]) -> None:
    """Print one JSON document."""
    print(json.dumps(document, indent=2))


def print_table(table: Table) -> None:
    """Print a table; in a file no line is broken."""
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
