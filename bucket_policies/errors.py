"""What can go wrong on the policy side.

PolicyError
├── DocumentError      a document breaks the rules; says key, value and what is allowed
├── UnfinishedError    a customer has objects without outcome
├── SettingsError      a setting is missing or unusable
│   └── NotGivenError  a whole system's settings are not given on this machine
├── TokenError         a status token is malformed, forged or expired
├── LoginError         a login is wrong, or its password a published one
├── TooManyAttemptsError   too many bad logins within a minute, or credentials at once
├── StoreError         MinIO answered and refused
├── MirrorError        another system answered and refused
├── GrantError         Cassandra answered and refused, or a customer's grants stayed contended
└── UnreachableError   a server does not answer; trying later may help
"""

from collections.abc import Sequence


class PolicyError(Exception):
    """Root of this package's errors; never raised itself."""


class DocumentError(PolicyError):
    """A document of the admin is refused."""


class UnfinishedError(PolicyError):
    """A customer cannot be removed yet: it has objects without outcome."""


class SettingsError(PolicyError):
    """A setting is missing or unusable."""


class NotGivenError(SettingsError):
    """Settings that only some machines have are missing on this one; `missing` names them."""

    def __init__(self, message: str, missing: Sequence[str]) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class TokenError(PolicyError):
    """A status token is malformed, forged or expired."""


class LoginError(PolicyError):
    """A login is wrong, or its password a published one."""


class TooManyAttemptsError(PolicyError):
    """Too many bad logins came within a minute, or a customer has too many credentials."""

    def __init__(self, retry_after_seconds: int, what: str = "too many logins have failed") -> None:
        super().__init__(f"{what}, try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class StoreError(PolicyError):
    """MinIO refused a call; `code` is MinIO's own word for why."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class MirrorError(PolicyError):
    """A system beside MinIO refused a call."""


class GrantError(PolicyError):
    """A grant could not be kept: Cassandra refused, or too many calls came at once."""


class UnreachableError(PolicyError):
    """A server does not answer."""

    def __init__(self, server: str, detail: str) -> None:
        super().__init__(f"{server} does not answer: {detail}")
        self.server = server


def see_that_it_runs(detail: str, setting: str) -> str:
    """Return what a client said of a server's address, on one line, and what to do."""
    return f"{' '.join(detail.split())}; see that it runs there and that {setting} is right"
