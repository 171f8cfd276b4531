"""Instances and clusters for one run of tests or benchmarks: ports and data of their own, gone at the end.

One whose owner was killed is stopped and removed by the next run.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from servers.cache import exclusive
from servers.cluster import Cluster, stop_nodes
from servers.instance import Instance

HEAP_MIB = 1024


@contextmanager
def temporary_instance(parent: Path, *, heap_mib: int = HEAP_MIB) -> Iterator[Instance]:
    """Start servers in a new folder under `parent`; stop them and remove the folder at the end.

    Raises:
        ServersError: they cannot be started; their logs stay until the next run.
    """
    with _temporary_folder(parent, _stop_instance) as folder:
        instance = Instance(folder, heap_mib=heap_mib)
        instance.start()
        with _removed(folder, _stop_instance):
            yield instance


@contextmanager
def temporary_cluster(parent: Path) -> Iterator[Cluster]:
    """Start three Cassandra nodes in a new folder under `parent`, as `temporary_instance` does its servers.

    Raises:
        ServersError: they cannot be started; their logs stay until the next run.
    """
    with _temporary_folder(parent, stop_nodes) as folder:
        cluster = Cluster(folder)
        cluster.start()
        with _removed(folder, stop_nodes):
            yield cluster


Stop = Callable[[Path], None]


@contextmanager
def _temporary_folder(parent: Path, stop: Stop) -> Iterator[Path]:
    """Make and own a folder; whatever else is under `parent` and has no owner is stopped and removed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with exclusive(folder / "owner"):
        _remove_abandoned(parent, stop)
        yield folder


@contextmanager
def _removed(folder: Path, stop: Stop) -> Iterator[None]:
    try:
        yield
    finally:
        stop(folder)
        shutil.rmtree(folder)


def _remove_abandoned(parent: Path, stop: Stop) -> None:
    """An owner's lock went with it."""
    for lock in parent.glob("*/owner"):
        with suppress(BlockingIOError), exclusive(lock, on_wait=_raise_in_use), _removed(lock.parent, stop):
            pass


def _raise_in_use() -> None:
    raise BlockingIOError


def _stop_instance(folder: Path) -> None:
    Instance(folder).stop()
