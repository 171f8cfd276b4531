"""What the auth service is asked and what it answers, for both ends of the wire.

`fetchdata` reads these models without the server's packages, and ignores unknown keys of a newer service.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bucket_policies.constraints import Constraints, Violation


class OfferedFile(BaseModel):
    """A file that the customer would like to put, as it lies on the customer's disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=4096)
    size: int = Field(strict=True, ge=0, lt=2**63)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class UploadRequest(BaseModel):
    """`POST /uploads`: the manifest of one upload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[OfferedFile, ...] = Field(min_length=1)


class GrantedFile(BaseModel):
    """Permission to PUT one file to `url` with exactly these `headers`, until `expires_at`."""

    name: str
    key: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class RefusedFile(BaseModel):
    """A file that may not be put, with everything that is wrong with it."""

    name: str
    violations: tuple[Violation, ...]


class UploadAnswer(BaseModel):
    """What became of a manifest, file by file in its order."""

    upload_id: str
    status_token: str
    files: tuple[GrantedFile | RefusedFile, ...]


class CurrentConstraints(Constraints):
    """`GET /constraints`: the customer's document, what is used of the quota, and where to ask for loads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    used_bytes: int
    """Bytes in staging and granted, of `quota_kib`."""

    status_url: str
    status_token: str


class ErrorAnswer(BaseModel):
    """Any answer that is not a success."""

    error: str
    message: str


class CredentialsRequest(BaseModel):
    """`POST /credentials`: nothing can be chosen, so the body may be empty as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CredentialsAnswer(BaseModel):
    """Temporary credentials for any S3 tool, and what can be done with them until `expires_at`."""

    access_key_id: str
    secret_access_key: str = Field(repr=False)
    session_token: str = Field(repr=False)
    expires_at: datetime
    endpoint_url: str
    """MinIO's address as customers see it."""

    region: str
    bucket: str
    formats: tuple[str, ...]
    """Endings that an object may have, in lower or upper case."""

    number_files: int
    """How many objects may be put with these credentials."""
