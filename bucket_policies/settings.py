"""What the commands need to know: from the environment, else `.local/env` of a checkout, else secret files.

One frozen object per process, built in `cli` and handed down. Each command reads only what it needs, so the
auth service never sees MinIO's administrator.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bucket_policies.certificates import CaFile, check_pair
from bucket_policies.errors import NotGivenError, SettingsError
from bucket_policies.listening import ADDRESS
from bucket_policies.logs import LogFormat, LogLevel
from bucket_policies.secret_files import SecretFileSettings

PREFIX = "BUCKET_POLICIES_"
_ADDRESS = r"^https?://[^/\s]+"
LONGEST_CREDENTIALS_SECONDS = 12 * 3600
_APPS = Path(__file__).parent.parent / "customer_ingestapps"


class DocumentSettings(SecretFileSettings):
    """Where the admin's documents are."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".local/env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    folder: Path = Field(default=Path(__file__).parent, validation_alias="BUCKET_POLICIES_DIR")
    """Folder of the documents: `customers/` and `users.json`."""

    log_format: LogFormat = "auto"
    """`console` or `json`; `auto` is JSON unless standard error is a terminal."""

    log_level: LogLevel = "info"
    """Least level of log lines: `debug`, `info`, `warning` or `error`."""

    @property
    def customers_folder(self) -> Path:
        """One constraints document per customer."""
        return self.folder / "customers"

    @property
    def users_document(self) -> Path:
        """The customers' passwords, hashed."""
        return self.folder / "users.json"


class StoreSettings(DocumentSettings):
    """How to reach MinIO."""

    s3_url: str = Field(pattern=_ADDRESS)
    """MinIO's address as the services see it."""

    s3_region: str = "us-east-1"
    """MinIO's region, part of every signature."""

    s3_ca: CaFile | None = None
    """The authority that signed MinIO's certificate, where the machine does not know it."""

    granter_access_key: str
    """The auth service's user of MinIO."""

    granter_secret_key: SecretStr
    """Its secret key."""


class MirrorSettings(StoreSettings):
    """What `plan` and `apply` need: MinIO's administrator, and the service users to be made."""

    admin_access_key: str
    """MinIO's administrator."""

    admin_secret_key: SecretStr
    """Its secret key."""

    manager_access_key: str
    """The ingest manager's user of MinIO."""

    manager_secret_key: SecretStr
    """Its secret key."""


class GrantSettings(DocumentSettings):
    """How to reach the grants in Cassandra."""

    cassandra_hosts: Annotated[tuple[str, ...], NoDecode]
    """Contact points of Cassandra, separated by commas."""

    cassandra_port: int = 9042
    """Port of Cassandra's native protocol."""

    cassandra_ca: CaFile | None = None
    """The authority behind Cassandra's certificates; without it no TLS is spoken."""

    cassandra_user: str
    """The auth service's role; it may read and change grants and allowances."""

    cassandra_password: SecretStr
    """Its password."""

    @field_validator("cassandra_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(host.strip() for host in value.split(",")) if isinstance(value, str) else value


class AuthSettings(GrantSettings, StoreSettings):
    """What the auth service needs."""

    s3_public_url: str = Field(pattern=_ADDRESS)
    """MinIO's address as customers see it; the host is part of a signature."""

    token_key: Annotated[SecretStr, Field(min_length=16)]
    """Key of status tokens and grants, shared with the ingest manager."""

    status_url: str
    """The status service's address as customers see it."""

    apps_folder: Path = Field(default=_APPS, validation_alias="CUSTOMER_INGESTAPPS_DIR")
    """Where the customers' apps are declared."""

    listen: str = Field(default="127.0.0.1:8080", pattern=ADDRESS)
    """host:port of the auth service."""

    tls_certificate: Path | None = None
    """The auth service's certificate with its chain; goes with the key, else plain HTTP is spoken."""

    tls_key: Path | None = Field(default=None, validate_default=True)
    """The certificate's private key."""

    trusted_proxies: str = ""
    """Addresses, comma-separated, whose X-Forwarded-For is believed."""

    url_lifetime_seconds: int = Field(default=3600, ge=60, le=7 * 24 * 3600)  # S3 signs for a week at most
    """How long a granted upload may take to begin."""

    credentials_lifetime_seconds: int = Field(default=3600, ge=900, le=LONGEST_CREDENTIALS_SECONDS)
    """How long temporary credentials for S3 tools hold, and so the allowance that comes with them."""

    @property
    def seal_key(self) -> bytes:
        """The token key, to seal with."""
        return self.token_key.get_secret_value().encode()

    @field_validator("tls_key")
    @classmethod
    def _check_pair(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        check_pair(info.data.get("tls_certificate"), key)
        return key


S = TypeVar("S", bound=DocumentSettings)


def read_settings(kind: type[S], **given: str) -> S:
    """Read the settings of one command; what is given wins over the environment.

    Raises:
        SettingsError: naming each variable that is missing or unusable, never its value; NotGivenError where
            that is all that is wrong.
    """
    try:
        return kind(**given)  # type: ignore[arg-type] # pydantic checks what is given
    except ValidationError as error:
        details = error.errors()
        messages = ((detail["loc"][0], detail["msg"].removeprefix("Value error, ")) for detail in details)
        problems = "; ".join(f"{_variable(name)}: {message}" for name, message in messages)
        if any(detail["type"] != "missing" for detail in details):
            raise SettingsError(problems) from None  # its cause would show the values
        missing = [_variable(detail["loc"][0]) for detail in details]
        raise NotGivenError(problems, missing) from None


def _variable(field: int | str) -> str:
    return str(field) if str(field).isupper() else f"{PREFIX}{field}".upper()
