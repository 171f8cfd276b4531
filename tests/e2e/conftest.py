"""The platform of one end-to-end test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.testbed import Platform


@pytest.fixture
def platform(tmp_path: Path, environment: dict[str, str]) -> Iterator[Platform]:
    """Documents, apps and processes of this test alone, on the run's servers."""
    made = Platform(tmp_path, environment)
    yield made
    made.close()
