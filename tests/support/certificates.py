"""Certificates of TLS, made for a test."""

from pathlib import Path

import trustme

from servers.certificates import Certificates


def make_certificates(folder: Path) -> Certificates:
    """Make an authority, a certificate of it for this machine, and another authority."""
    made = Certificates(folder / "certs")
    made.folder.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(made.ca)
    issued.cert_chain_pems[0].write_to_path(made.certificate)
    issued.private_key_pem.write_to_path(made.key)
    trustme.CA().cert_pem.write_to_path(made.folder / "other.crt")
    return made
