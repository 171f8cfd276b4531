"""README and docs as a newcomer types them: a fresh clone, every command and what it prints."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents import Typist, commands

CHECKOUT = Path(__file__).parent.parent.parent
DOCS = CHECKOUT / "docs"
HOW_TOS = sorted(f"howto/{page.name}" for page in (DOCS / "howto").glob("*.md"))
PAGES = ("ops.md", "admin.md", "servers.md", *HOW_TOS)  # of customer.md, test_customer_page types every line
OURS = ("FETCHDATA_", "BUCKET_POLICIES_", "INGEST_MANAGER_", "CUSTOMER_INGESTAPPS_", "VIRTUAL_ENV")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed, in a folder of its own."""
    folder = tmp_path_factory.mktemp("newcomer") / "ingestion-platform"
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def typist(clone: Path) -> Iterator[Typist]:
    """A shell that has typed the README's tour; the system that it started stays up for the other pages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment["CASSANDRA_HEAP_MIB"] = "1024"
    environment["PIP_NO_COMPILE"] = "0"  # pip takes it for `compile`; two clones install everything anew
    try:
        with Typist(clone, environment) as typist:
            assert typist.type_page(clone / "README.md") > 10
            yield typist
    finally:
        for system in clone.parent.glob("*/.local"):  # a page that moves it may have ended half-way
            subprocess.run(["make", "down"], cwd=system.parent, env=environment, check=True)


@pytest.mark.server("minio", "rabbitmq", "cassandra")
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_does_what_the_page_says(typist: Typist, clone: Path, page: str) -> None:
    assert typist.type_page(clone / "docs" / page) > 0


def test_every_page_with_commands_is_typed() -> None:
    with_commands = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if list(commands(page))}
    assert with_commands == set(PAGES)
