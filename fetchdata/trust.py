"""Which certificate authorities are believed, for every server that a customer talks to."""

import os
import ssl
from pathlib import Path

import httpx

from fetchdata.errors import UsageError

# unable to get issuer certificate, self-signed (alone, in the chain), unable to get local issuer or verify it
_UNKNOWN_ISSUER = {2, 18, 19, 20, 21}


def trust_in(ca: Path | None) -> ssl.SSLContext:
    """Believe the authorities of a PEM file, or of `SSL_CERT_FILE`, or else those of public servers.

    Raises:
        UsageError: the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca) if ca else httpx.create_ssl_context()
    except ssl.SSLError as error:
        raise UsageError(f"{_source(ca)} holds no certificate in PEM form") from error
    except OSError as error:
        raise UsageError(f"cannot read {_source(ca)}: {error.strerror}") from error


def distrust(error: BaseException | None) -> str | None:
    """Tell why a server's certificate was refused, and what to do, if that is what went wrong."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    if error is None:
        return None
    if error.verify_code in _UNKNOWN_ISSUER:
        return "is not trusted: give its CA with --ca or in FETCHDATA_CA"
    return f"is not trusted: {error.verify_message}"


def _source(ca: Path | None) -> str:
    return f"the CA file '{ca}'" if ca else f"SSL_CERT_FILE '{os.environ.get('SSL_CERT_FILE', '')}'"
