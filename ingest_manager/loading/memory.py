"""A worker's memory: given back once it is free, and bounded.

A file made to exhaust it fails an allocation instead of the machine. Linux counts what a process may write
to, used or not; elsewhere there is no limit.
"""

import ctypes
import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")
_DATA = 5  # its field, in pages

_MMAP_THRESHOLD = -3  # mallopt(3)
_LARGE_BYTES = 1 << 20


def give_back_large_blocks() -> None:
    """Let what is large go back to the system once it is free, instead of leaving gaps between what is small.

    Without a fixed threshold glibc raises its own to the largest block that was ever freed.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc's alone
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)


def limit_memory(more_mib: int) -> None:
    """Let this process take so much more memory than it has now; each allocation beyond it fails."""
    if not _STATM.exists():
        return
    data_bytes = int(_STATM.read_text().split()[_DATA]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data_bytes + (more_mib << 20)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
