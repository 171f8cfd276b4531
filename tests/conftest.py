"""Fixtures for every test that wants real servers, or the environment in which our commands find them.

Servers start when the first test asks for them, once per run, with ports and data of their own.
"""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers.errors import ServersError
from servers.instance import Instance
from servers.temporary import temporary_instance

CHECKOUT = Path(__file__).parent.parent
IN_CI = bool(os.environ.get("CI"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--instance",
        type=Path,
        metavar="FOLDER",
        help="use the servers of this instance, which run already (.local after `make up`)",
    )


def pytest_configure() -> None:
    # A run that is told to end stops its servers as one that is interrupted does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"CI skips no test: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """MinIO, RabbitMQ and Cassandra, ready to be used. Whoever stops one starts it again."""
    folder = request.config.getoption("--instance")
    if folder:
        yield Instance(folder)
        return
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(temporary_instance(CHECKOUT / ".local" / "test"))
        except ServersError as error:
            pytest.skip(f"servers: {error}")
        yield instance


@pytest.fixture
def environment(servers: Instance) -> dict[str, str]:
    """The environment for our commands as subprocesses: this one plus where the servers are."""
    return os.environ | servers.environment()
