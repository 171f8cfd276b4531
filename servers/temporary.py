"""Instances for one run of tests or benchmarks: ports and data of their own, gone at the end.

An instance whose owner was killed is stopped and removed by the next run.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from servers.cache import exclusive
from servers.instance import Instance

HEAP_MIB = 1024


@contextmanager
def temporary_instance(parent: Path, *, heap_mib: int = HEAP_MIB) -> Iterator[Instance]:
    """Start servers in a new folder under `parent`; stop them and remove the folder at the end.

    Raises:
        ServersError: they cannot be started; their logs stay until the next run.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with exclusive(folder / "owner"):
        remove_abandoned(parent)
        instance = Instance(folder, heap_mib=heap_mib)
        instance.start()
        try:
            yield instance
        finally:
            _remove(instance)


def remove_abandoned(parent: Path) -> None:
    """Stop and remove the instances under `parent` whose owner is gone: its lock went with it."""
    for lock in parent.glob("*/owner"):
        with suppress(BlockingIOError), exclusive(lock, on_wait=_raise_in_use):
            _remove(Instance(lock.parent))


def _raise_in_use() -> None:
    raise BlockingIOError


def _remove(instance: Instance) -> None:
    instance.stop()
    shutil.rmtree(instance.folder)
