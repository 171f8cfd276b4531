"""What names a version of an object."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of one object."""

    bucket: str
    key: str
    version_id: str
    size: int | None = None
    modified_at: datetime | None = None
