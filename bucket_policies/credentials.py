"""Temporary credentials for S3 tools: MinIO narrows them to one customer, an allowance counts what they put.

The allowance is stored before the credentials leave, so none are ever without one. Who the customer is was
found out before; what an object beyond the allowance becomes is the manager's.
"""

from datetime import UTC, datetime
from typing import Protocol

from bucket_policies.allowances import AllowanceStore
from bucket_policies.api import CredentialsAnswer
from bucket_policies.customers import Customer
from bucket_policies.errors import TooManyAttemptsError
from bucket_policies.policy_documents import session_policy
from bucket_policies.settings import AuthSettings
from bucket_policies.store import TemporaryKeys

MOST_AT_ONCE = 1000  # alive per customer; each object that comes is judged by all of them


class Store(Protocol):
    """Lends keys."""

    def lend_keys(self, name: str, policy: str, lifetime_seconds: int) -> TemporaryKeys:
        """Make temporary keys that can do what the policy says."""
        ...


class Lender:
    """Lends temporary credentials to customers."""

    def __init__(self, store: Store, allowances: AllowanceStore, settings: AuthSettings) -> None:
        self._store = store
        self._allowances = allowances
        self._settings = settings

    def lend(self, customer: Customer) -> CredentialsAnswer:
        """Give a customer credentials for its own bucket and endings.

        Raises:
            DocumentError: the customer's document has too many endings for them.
            TooManyAttemptsError: too many are valid already.
        """
        policy = session_policy(customer)
        issued_at = datetime.now(UTC)
        alive = self._allowances.alive(customer.id, issued_at)
        if len(alive) >= MOST_AT_ONCE:
            first_end = min(allowance.expires_at for allowance in alive)
            wait = int((first_end - issued_at).total_seconds()) + 1
            raise TooManyAttemptsError(wait, f"{len(alive)} temporary credentials are valid at once")
        keys = self._store.lend_keys(customer.id, policy, self._settings.credentials_lifetime_seconds)
        self._allowances.issue(customer, issued_at, keys.expires_at)
        return CredentialsAnswer(
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
            expires_at=keys.expires_at,
            endpoint_url=self._settings.s3_public_url,
            region=self._settings.s3_region,
            bucket=customer.staging_bucket,
            formats=customer.constraints.formats,
            number_files=customer.constraints.number_files,
        )
