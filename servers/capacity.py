"""Whether the machine has room for the servers: memory and disk."""

import shutil
from pathlib import Path

from servers.errors import ServersError

MIB = 1024 * 1024

# What the servers take once they run, MiB.
MINIO_MIB = 500
RABBITMQ_MIB = 300
CASSANDRA_BESIDE_HEAP_MIB = 1000
HEAP_MIB = 2048
SERVERS_MIB = MINIO_MIB + RABBITMQ_MIB + CASSANDRA_BESIDE_HEAP_MIB + HEAP_MIB
DATA_MIB = 2048  # what they may write before anybody looks at the disk again


def available_memory_mib() -> int:
    """Return how much memory processes could still take without swapping."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))


def require_memory(needed_mib: int, available_mib: int) -> None:
    """Check the memory.

    Raises:
        ServersError: there is too little.
    """
    if available_mib < needed_mib:
        raise ServersError(f"too little memory: {needed_mib:,} MiB needed, {available_mib:,} MiB available")


def require_disk(folder: Path, needed_mib: int) -> None:
    """Check the disk under a folder, which need not exist yet.

    Raises:
        ServersError: there is too little room.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_mib = shutil.disk_usage(existing).free // MIB
    if free_mib < needed_mib:
        raise ServersError(
            f"too little disk under {existing}: {needed_mib:,} MiB needed, {free_mib:,} MiB free"
        )
