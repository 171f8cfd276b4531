"""What the auth service is asked and what it answers, for both ends of the wire.

Plain dataclasses: the service checks and writes them with pydantic, `fetchdata` reads them on machines that
have nothing but Python, and ignores unknown keys of a newer service.
"""

from dataclasses import dataclass, field
from datetime import datetime

from bucket_policies.rules import FileRules, Violation


@dataclass(frozen=True, kw_only=True)
class OfferedFile:
    """A file that the customer would like to put, as it lies on the customer's disk."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class UploadRequest:
    """`POST /uploads`: the manifest of one upload; the service reads it as `manifest.Manifest`."""

    files: tuple[OfferedFile, ...]


@dataclass(frozen=True, kw_only=True)
class GrantedFile:
    """Permission to PUT one file to `url` with exactly these `headers`, until `expires_at`."""

    name: str
    key: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class RefusedFile:
    """A file that may not be put, with everything that is wrong with it."""

    name: str
    violations: tuple[Violation, ...]


@dataclass(frozen=True, kw_only=True)
class UploadAnswer:
    """What became of a manifest, file by file in its order."""

    upload_id: str
    status_token: str
    files: tuple[GrantedFile | RefusedFile, ...]


@dataclass(frozen=True, kw_only=True)
class CurrentConstraints(FileRules):
    """`GET /constraints`: the customer's document, what is used of the quota, and where to ask for loads."""

    quota_kib: int | None = None
    expanded_kib: int | None = None
    replay_days: int | None = None
    after_load: str | None = None

    used_bytes: int
    """Bytes in staging and granted, of `quota_kib`."""

    status_url: str
    status_token: str


@dataclass(frozen=True, kw_only=True)
class CredentialsAnswer:
    """`POST /credentials`: temporary S3 credentials for the customer's own bucket."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    endpoint_url: str
    region: str
    bucket: str
    formats: tuple[str, ...]
    """Endings that a key may have, in lower or upper case."""

    number_files: int
    """How many objects may be put with them."""


@dataclass(frozen=True, kw_only=True)
class AppDeclaration:
    """One ingest app as its `app.toml` declares it."""

    name: str
    toml: str
    has_transform: bool
    """Whether code of its own, which stays with the service, changes the rows before they are stored."""


@dataclass(frozen=True, kw_only=True)
class AppsAnswer:
    """`GET /app`: the customer's own apps."""

    apps: tuple[AppDeclaration, ...]


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer:
    """Any answer that is not a success."""

    error: str
    message: str
