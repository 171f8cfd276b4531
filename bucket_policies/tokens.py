"""What the auth service seals with HMAC-SHA256, under a key that only our services know.

A status token names a customer and an end in the open; the status service takes it for who asks, nothing
else. A grant's seal travels as metadata of the object; the manager knows by it an upload id that is genuine
from one that any S3 tool could have written.
"""

import hashlib
import hmac
import json
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


def seal_grant(upload_id: str, bucket: str, key: str, *, secret: bytes) -> str:
    """Seal a grant: this upload may put an object under this key of this bucket."""
    # A status token's claim never begins like this, so neither seal can stand for the other.
    return _seal(json.dumps(["grant", bucket, key, upload_id]), secret)


def is_grant(seal: str, upload_id: str, bucket: str, key: str, *, secret: bytes) -> bool:
    """Ask whether a seal is that of a grant, in a time that does not depend on the answer."""
    wanted = seal_grant(upload_id, bucket, key, secret=secret)
    return hmac.compare_digest(seal.encode(errors="replace"), wanted.encode())


def _seal(claim: str, key: bytes) -> str:
    return hmac.new(key, claim.encode(errors="replace"), hashlib.sha256).hexdigest()
