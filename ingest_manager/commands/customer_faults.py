"""Faults of single customers in a command over all: the others have their turn, and the end names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer

from bucket_policies.customers import Customer, open_directory
from customer_ingestapps.errors import IngestAppError
from ingest_manager.commands.display import one_line
from ingest_manager.commands.options import customers_of
from ingest_manager.errors import IngestError, ServerDown
from ingest_manager.settings import FolderSettings


@dataclass(frozen=True, slots=True)
class CustomerFaults:
    """Whose turn failed, and why."""

    undone: str
    """What the command could not do for them: "verified", say."""

    by_customer: dict[str, str] = field(default_factory=dict)

    def customers_of(self, settings: FolderSettings, only: str | None) -> list[Customer]:
        """Return the customers that a command is about; note those whose document is refused.

        Raises:
            SettingsError: the folder of documents cannot be read.
        """
        if only is not None:
            return customers_of(settings, only)
        directory = open_directory(settings.bucket_policies_dir / "customers")
        customers = list(directory.current().values())
        for document, problem in directory.problems.items():
            self.by_customer[document.removesuffix(".json")] = f"its document is refused: {problem}"
        return customers

    @contextmanager
    def turn_of(self, customer: str) -> Iterator[None]:
        """Note a fault of a customer and go on.

        Raises:
            ServerDown: a server is away, for all customers alike.
        """
        try:
            yield
        except ServerDown:
            raise
        except (IngestError, IngestAppError) as error:
            self.by_customer[customer] = str(error)

    def tell(self) -> None:
        """Print a line for each, beside the result."""
        for customer, fault in self.by_customer.items():
            told = f"ingest-manager: {customer} could not be {self.undone}: {fault}"
            typer.echo(one_line(told).plain, err=True)
