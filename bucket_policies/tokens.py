"""Status tokens: the auth service gives them, the status service takes them.

A token names a customer and an end in the open and seals both with HMAC-SHA256 under a key that only the two
services know. It says who asks, nothing else: what may be seen is the status service's to decide.
"""

import hashlib
import hmac
from datetime import UTC, datetime

from bucket_policies.errors import TokenError


def issue(customer: str, expires_at: datetime, key: bytes) -> str:
    """Seal a customer's id and an end (aware, whole seconds) into a token."""
    claim = f"{customer}.{int(expires_at.timestamp())}"
    return f"{claim}.{_seal(claim, key)}"


def verify(token: str, key: bytes, now: datetime) -> str:
    """Give the customer of a valid token.

    Raises:
        TokenError: it was not issued under this key, or its time is over.
    """
    claim, _, seal = token.rpartition(".")
    if not hmac.compare_digest(seal.encode(errors="replace"), _seal(claim, key).encode()):
        raise TokenError("the token was not issued here")
    customer, _, end = claim.rpartition(".")
    if now >= datetime.fromtimestamp(int(end), UTC):
        raise TokenError("the token has expired")
    return customer


def _seal(claim: str, key: bytes) -> str:
    return hmac.new(key, claim.encode(errors="replace"), hashlib.sha256).hexdigest()
