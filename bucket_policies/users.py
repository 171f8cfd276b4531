"""Customers' passwords: the users document, and checking a password against it in constant time.

The document maps a customer's id to a hash: PBKDF2 as the platform's first users have it, argon2id for every
password set since. Who may try how often is left to `logins`.
"""

import hashlib
import hmac
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from bucket_policies.errors import DocumentError
from bucket_policies.json_keys import refuse_repeated_keys

PUBLISHED_PASSWORDS = frozenset({"password-1", "password-2"})  # the demo's: everybody knows them
SHORTEST_PASSWORD = 8

_PBKDF2 = re.compile(r"(?P<salt>[0-9a-f]{64})(?P<digest>[0-9a-f]{128})")  # the salt is its ASCII text
_PBKDF2_ROUNDS = 100_000
_HASHER = argon2.PasswordHasher()


def read_users(document: Path) -> dict[str, str]:
    """Read the users document: hash by customer id.

    Raises:
        DocumentError: naming the customer whose hash is of no known form, never the hash.
    """
    try:
        text = document.read_bytes()
        refuse_repeated_keys(text)
        users = json.loads(text)
    except DocumentError as error:
        raise DocumentError(f"{document.name}: {error}") from error
    except OSError as error:
        raise DocumentError(f"{document.name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DocumentError(f"{document.name}: is not JSON") from error
    if not isinstance(users, dict):
        raise DocumentError(f"{document.name}: must be an object of customer ids and hashes")
    for customer, stored in users.items():
        if not (isinstance(stored, str) and _is_hash(stored)):
            raise DocumentError(f"{document.name}: {customer!r} has neither a PBKDF2 nor an argon2id hash")
    return users


def is_password(password: str, stored: str) -> bool:
    """Check a password against a stored hash, in a time that does not depend on the answer."""
    if pbkdf2 := _PBKDF2.fullmatch(stored):
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), pbkdf2["salt"].encode(), _PBKDF2_ROUNDS)
        return hmac.compare_digest(digest.hex(), pbkdf2["digest"])
    try:
        return _HASHER.verify(stored, password)
    except VerificationError:
        return False


def decoy(user: str, users: Mapping[str, str]) -> str | None:
    """Pick the hash that an unknown user's password is checked against: of a known one, the same every time.

    So unknown users answer as late as known ones, whatever mixture of hashes the document holds.
    """
    hashes = sorted(users.values())
    number = int.from_bytes(hashlib.sha256(user.encode()).digest())
    return hashes[number % len(hashes)] if hashes else None


def set_password(document: Path, customer: str, password: str) -> None:
    """Store a new password, hashed with argon2id; the document is replaced as a whole.

    Raises:
        DocumentError: the password is too short or published, or the document cannot be read or written.
    """
    check_password(password)
    users = read_users(document) if document.exists() else {}
    users[customer] = _HASHER.hash(password)
    _replace(document, users)


def check_password(password: str) -> None:
    """Make sure that a password may be set.

    Raises:
        DocumentError: it is too short or published.
    """
    if len(password) < SHORTEST_PASSWORD or password in PUBLISHED_PASSWORDS:
        raise DocumentError(
            f"a password has {SHORTEST_PASSWORD} characters or more and is none of the demo's"
        )


def remove_password(document: Path, customer: str) -> bool:
    """Take a customer's password away; return whether there was one.

    Raises:
        DocumentError: the document cannot be read or written.
    """
    users = read_users(document) if document.exists() else {}
    if customer not in users:
        return False
    del users[customer]
    _replace(document, users)
    return True


def _replace(document: Path, users: Mapping[str, str]) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=document.parent, prefix=".users-", delete=False) as new:
            new.write(json.dumps(users, indent=4) + "\n")
        if document.exists():
            Path(new.name).chmod(document.stat().st_mode)
        Path(new.name).replace(document)
    except OSError as error:
        raise DocumentError(f"{document}: cannot be written: {error.strerror}") from error


def _is_hash(stored: str) -> bool:
    try:
        return bool(_PBKDF2.fullmatch(stored)) or argon2.extract_parameters(stored).type is argon2.Type.ID
    except InvalidHashError:
        return False
