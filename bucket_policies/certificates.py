"""The files of TLS that settings name: a service's certificate with its key, an own CA.

Checked when the settings are read, so that a wrong file is one line at the start and no broken service.
"""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def usable_ca(path: Path) -> Path:
    """Return the file if certificates can be checked against it.

    Raises:
        ValueError: it cannot be read or holds no certificate.
    """
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise ValueError(f"{path} holds no certificate in PEM form") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    return path


CaFile = Annotated[Path, AfterValidator(usable_ca)]


def client_context(ca: Path | None) -> ssl.SSLContext | None:
    """Return how a client speaks TLS with servers of this authority; not at all without one."""
    return ssl.create_default_context(cafile=ca) if ca else None


def check_pair(certificate: Path | None, key: Path | None) -> None:
    """Check that a service can show the certificate; neither of the two is fine.

    Raises:
        ValueError: one without the other, a file that cannot be read, or a key of another certificate.
    """
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise ValueError("certificate and key go together: one of the two is not set")
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=_refuse_password
        )
    except ssl.SSLError as error:
        raise ValueError(
            f"{certificate} and {key} are no certificate and its key in PEM form ({error.reason})"
        ) from error


def _refuse_password() -> str:
    raise ValueError("the key is encrypted: a service has nobody who types its password")
