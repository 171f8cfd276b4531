"""What `fetchdata` takes from its environment, or from `.local/env` where a checkout's system is up."""

import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from fetchdata.errors import UsageError


class Settings(BaseSettings):
    """Settings, each with its option on the command line, which wins."""

    model_config = SettingsConfigDict(
        env_prefix="FETCHDATA_", env_file=".local/env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    server: str | None = None
    """Address of the auth service."""

    password: SecretStr | None = None
    """Unlike `-p`, not visible in the machine's list of processes."""


def checked_address(server: str | None) -> str:
    """Give the server's address if it is one.

    Raises:
        UsageError: it is missing, has no http(s) scheme or host, or holds a password.
    """
    if not server:
        raise UsageError("no server: give its address with --server or in FETCHDATA_SERVER")
    try:
        url = httpx.URL(server)
    except httpx.InvalidURL as error:
        raise UsageError(f"the server's address cannot be read: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise UsageError("the server's address must look like https://ingest.example.com")
    if url.userinfo:
        raise UsageError("the server's address must not hold a password: use -u and -p")
    return server
