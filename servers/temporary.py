"""Instances and clusters for one run of tests or benchmarks: ports and data of their own, gone at the end.

One whose owner was killed is stopped and removed by the next run.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from servers.cache import exclusive
from servers.cluster import Cluster, stop_abandoned
from servers.instance import Instance

HEAP_MIB = 1024


@contextmanager
def temporary_instance(parent: Path, *, heap_mib: int = HEAP_MIB) -> Iterator[Instance]:
    """Start servers in a new folder under `parent`; stop them and remove the folder at the end.

    Raises:
        ServersError: they cannot be started; their logs stay until the next run.
    """
    with _temporary_folder(parent, lambda folder: Instance(folder).stop()) as folder:
        instance = Instance(folder, heap_mib=heap_mib)
        instance.start()
        with _removed(folder, instance.stop):
            yield instance


@contextmanager
def temporary_cluster(parent: Path) -> Iterator[Cluster]:
    """Start three Cassandra nodes in a new folder under `parent`, as `temporary_instance` does its servers.

    Raises:
        ServersError: they cannot be started; their logs stay until the next run.
    """
    with _temporary_folder(parent, stop_abandoned) as folder:
        cluster = Cluster(folder)
        cluster.start()
        with _removed(folder, cluster.stop):
            yield cluster


@contextmanager
def _temporary_folder(parent: Path, stop_abandoned: Callable[[Path], None]) -> Iterator[Path]:
    """Make and own a folder; those under `parent` whose owner is gone are stopped and removed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with exclusive(folder / "owner"):
        for lock in parent.glob("*/owner"):  # its lock went with an owner
            with suppress(BlockingIOError), exclusive(lock, on_wait=_raise_in_use):
                stop_abandoned(lock.parent)
                shutil.rmtree(lock.parent)
        yield folder


@contextmanager
def _removed(folder: Path, stop: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    finally:
        stop()
        shutil.rmtree(folder)


def _raise_in_use() -> None:
    raise BlockingIOError
