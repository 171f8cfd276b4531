"""A worker's memory: a file made to exhaust it fails an allocation instead of the machine.

Linux counts what a process may write to, used or not; elsewhere there is no limit.
"""

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")
_DATA = 5  # its field, in pages


def limit_memory(more_mib: int) -> None:
    """Let this process take so much more memory than it has now; each allocation beyond it fails."""
    if not _STATM.exists():
        return
    data_bytes = int(_STATM.read_text().split()[_DATA]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data_bytes + (more_mib << 20)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
