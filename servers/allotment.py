"""What an instance keeps between its starts: its own ports and its own passwords.

Both are made at the first start and read ever after. Ports come from below the range that the kernel
gives to outgoing connections, so that a stopped instance finds its ports free again.
"""

import json
import random
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from servers.errors import ServersError

PORT_RANGE = range(20_000, 32_000)
LOOPBACK = "127.0.0.1"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Ports:
    """Every port of one instance, all on 127.0.0.1."""

    s3: int
    s3_console: int
    amqp: int
    amqp_management: int
    amqp_distribution: int
    epmd: int
    cql: int
    cassandra_storage: int
    auth_service: int
    status_service: int
    manager_metrics: int

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the instance's ports, allotting free ones at the first call."""
        return cls(**kept(folder / "ports.json", _names(cls), choose_ports))


@dataclass(frozen=True)
class Passwords:
    """Every password of one instance; none is ever a default one."""

    s3_root: str
    s3_granter: str
    s3_manager: str
    amqp_admin: str
    amqp_minio: str
    amqp_manager: str
    cassandra_admin: str
    cassandra_manager: str
    cassandra_granter: str
    token_key: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the instance's passwords, making them up at the first call."""
        return cls(**kept(folder / "passwords.json", _names(cls), _new_passwords))

    def __repr__(self) -> str:
        return "Passwords(…)"


def is_port_free(port: int, address: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def choose_ports(count: int, is_free: Callable[[int], bool] = is_port_free) -> list[int]:
    """Choose different ports that are free now."""
    shuffled = random.sample(PORT_RANGE, k=len(PORT_RANGE))
    return list(islice(filter(is_free, shuffled), count))


def require_free(ports: Mapping[int, str]) -> None:
    """Check that nobody listens on these ports.

    Raises:
        ServersError: one is taken.
    """
    for port, name in ports.items():
        if not is_port_free(port):
            raise ServersError(f"port {port} ({name}) is in use by another process: stop that one first")


def kept(path: Path, names: Sequence[str], make: Callable[[int], list[Value]]) -> dict[str, Value]:
    """Return the values kept in a file under these names, making and keeping those that it lacks."""
    values: dict[str, Value] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in names if name not in values]
    if missing:
        values |= dict(zip(missing, make(len(missing)), strict=True))
        write_private(path, json.dumps(values, indent=2))
    return {name: values[name] for name in names}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_text(text)
    scratch.rename(path)


def _names(kind: type[Ports] | type[Passwords]) -> list[str]:
    return [field.name for field in fields(kind)]


def _new_passwords(count: int) -> list[str]:
    return [secrets.token_hex(16) for _ in range(count)]
