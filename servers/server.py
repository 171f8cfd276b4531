"""What all servers have in common: data and configuration in a folder.

Their environment is clean: nothing of the caller's shell reaches them.
"""

import os
import string
from pathlib import Path
from typing import ClassVar

from servers.allotment import Passwords, Ports, write_private
from servers.daemon import Daemon
from servers.process import Process

TEMPLATES = Path(__file__).parent / "config"


class LocalServer(Daemon):
    """One server, which has everything in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(Process(name, folder))
        self.data = folder / name
        self._config = folder / "config"

    def write(self, name: str, text: str) -> Path:
        """Write a configuration file and return where it is."""
        target = self._config / name
        write_private(target, text)
        return target

    def environment(self, **values: object) -> dict[str, str]:
        """Build the process's environment: the machine's paths and nothing else of the caller's."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return kept | {"HOME": str(self.data)} | {name: str(value) for name, value in values.items()}


class Server(LocalServer):
    """One of an instance's three servers."""

    program: ClassVar[str]
    memory_mib: int

    def __init__(self, folder: Path, ports: Ports, passwords: Passwords) -> None:
        super().__init__(self.program, folder)
        self.allotted = ports
        self.passwords = passwords


def filled(template: str, **values: object) -> str:
    """Fill a configuration template in; both ways to run the servers do."""
    return string.Template((TEMPLATES / template).read_text()).substitute(values)
