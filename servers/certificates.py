"""A folder with the TLS files of one system: its certificate and key, and the authority behind them.

The certificate must name every host under which the system's servers are called.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Certificates:
    """The files, named as MinIO wants them."""

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Return what is in an instance's folder `certs`; without it the instance speaks no TLS."""
        found = cls(folder / "certs")
        return found if found.certificate.exists() else None

    @property
    def certificate(self) -> Path:
        """The certificate, with its chain."""
        return self.folder / "public.crt"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.folder / "private.key"

    @property
    def ca(self) -> Path:
        """The certificate of the authority."""
        return self.folder / "ca.crt"


def trust(ca: Path | str | None) -> ssl.SSLContext | bool:
    """Return what httpx checks a server's certificate with."""
    return ssl.create_default_context(cafile=ca) if ca else True
