"""Files of TLS are checked when settings are read: one line says which one is wrong and how."""

from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from bucket_policies.certificates import check_pair, usable_ca
from ingest_manager.settings import Settings

REQUIRED = {
    "s3_url": "https://minio:9000",
    "s3_access_key": "ingest-manager",
    "s3_secret_key": "word",
    "amqp_url": "amqp://rabbitmq",
    "cassandra_hosts": "cassandra",
    "cassandra_user": "ingest_manager",
    "cassandra_password": "word",
    "token_key": "0123456789abcdef",
}


class Files(NamedTuple):
    ca: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An authority, and a certificate of it with its key."""
    folder = tmp_path_factory.mktemp("certs")
    authority = trustme.CA()
    issued = authority.issue_cert("minio")
    made = Files(folder / "ca.crt", folder / "public.crt", folder / "private.key")
    authority.cert_pem.write_to_path(made.ca)
    issued.cert_chain_pems[0].write_to_path(made.certificate)
    issued.private_key_pem.write_to_path(made.key)
    return made


def test_good_files_are_taken(files: Files) -> None:
    check_pair(files.certificate, files.key)
    check_pair(None, None)
    assert usable_ca(files.ca) == files.ca


def test_one_of_the_pair_alone_is_refused(files: Files) -> None:
    for certificate, key in ((files.certificate, None), (None, files.key)):
        with pytest.raises(ValueError, match="certificate and key go together: one of the two is not set"):
            check_pair(certificate, key)


def test_a_file_that_is_not_there_is_named(files: Files) -> None:
    with pytest.raises(ValueError, match=r"^/nowhere cannot be read: No such file or directory$"):
        check_pair(files.certificate, Path("/nowhere"))
    with pytest.raises(ValueError, match=r"^/nowhere cannot be read: No such file or directory$"):
        usable_ca(Path("/nowhere"))


def test_a_key_of_another_certificate_is_refused(files: Files, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    trustme.CA().issue_cert("minio").private_key_pem.write_to_path(other)

    with pytest.raises(
        ValueError, match=r"are no certificate and its key in PEM form \(KEY_VALUES_MISMATCH\)"
    ):
        check_pair(files.certificate, other)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    files: Files, tmp_path: Path
) -> None:
    plain = serialization.load_pem_private_key(files.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )

    with pytest.raises(ValueError, match="the key is encrypted"):
        check_pair(files.certificate, encrypted)


def test_an_authority_without_a_certificate_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "ca.crt"
    empty.write_text("no certificate")

    with pytest.raises(ValueError, match="holds no certificate in PEM form"):
        usable_ca(empty)


def test_settings_name_the_variable_at_fault(files: Files) -> None:
    given = REQUIRED | {"status_tls_certificate": files.certificate}

    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, **given)  # type: ignore[arg-type]  # pydantic turns text into what it needs

    assert [error["loc"] for error in caught.value.errors()] == [("status_tls_key",)]
