"""The platform of one end-to-end test, and the proof after it."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from support.testbed import Platform

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def platform(
    tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Platform]:
    """Documents, apps and processes of this test alone, on the run's servers.

    After a test that has passed, `verify` finds no difference: nothing was lost on the way, whatever the test
    was about. A test that breaks something by hand says so, and then verify must find it.
    """
    made = Platform(tmp_path, environment)
    try:
        yield made
        made.end()
        if request.node.stash.get(_PASSED, False):
            differences = made.prove(deep=bool(request.node.get_closest_marker("deep")))
            wanted = request.node.get_closest_marker("leaves_differences")
            assert bool(differences) == bool(wanted), differences
    finally:
        made.close()
