"""Bodies of calls as the auth service lets them in: checked strictly, as anybody may send anything.

What a file may be called and how large it may be is judged later, by the customer's rules.
"""

from pydantic import BaseModel, ConfigDict, Field

from bucket_policies.api import OfferedFile


class ManifestEntry(BaseModel):
    """One offered file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=4096)
    size: int = Field(strict=True, ge=0, lt=2**63)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """`POST /uploads`: what `api.UploadRequest` must look like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[ManifestEntry, ...] = Field(min_length=1)

    def offered(self) -> tuple[OfferedFile, ...]:
        """Give the files, now known to be well-formed."""
        return tuple(OfferedFile(name=file.name, size=file.size, sha256=file.sha256) for file in self.files)


class NoChoice(BaseModel):
    """`POST /credentials`: nothing can be chosen, so the body may be empty as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")
