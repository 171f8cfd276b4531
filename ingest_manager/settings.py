"""What the manager is told from outside: `INGEST_MANAGER_…` variables, else `.local/env`, else secret files.

Built once per process, by `cli`, and passed down; nothing else reads the environment.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bucket_policies.certificates import CaFile, check_pair
from bucket_policies.listening import ADDRESS
from bucket_policies.logs import LogFormat, LogLevel
from bucket_policies.secret_files import SecretFileSettings

_PACKAGES = Path(__file__).resolve().parent.parent

Consistency = Literal["ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM"]
SerialConsistency = Literal["SERIAL", "LOCAL_SERIAL"]
SandboxMode = Literal["auto", "bubblewrap", "process"]


class FolderSettings(SecretFileSettings):
    """Where the documents and apps are: all that a command without servers needs."""

    model_config = SettingsConfigDict(
        env_prefix="INGEST_MANAGER_",
        env_file=".local/env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    bucket_policies_dir: Path = Field(
        _PACKAGES / "bucket_policies",
        validation_alias="BUCKET_POLICIES_DIR",
        description="Folder of the customers' documents.",
    )
    customer_ingestapps_dir: Path = Field(
        _PACKAGES / "customer_ingestapps",
        validation_alias="CUSTOMER_INGESTAPPS_DIR",
        description="Folder of the customers' ingest apps.",
    )
    sandbox: SandboxMode = Field(
        "auto",
        description="How customers' code is confined: `bubblewrap`, `process` (limits only), or `auto`: "
        "bubblewrap where it can be used, and a warning where not.",
    )
    app_memory_mib: int = Field(
        1024, ge=64, description="The most memory that an app's code may declare, MiB."
    )
    app_seconds_per_batch: float = Field(
        60, gt=0, description="The most time that an app's code may declare for a batch."
    )
    app_answer_mib: int = Field(
        64, ge=1, description="The largest answer that an app's code may declare, MiB."
    )


class Settings(FolderSettings):
    """Settings of every `ingest-manager` process; secrets never show in their repr."""

    s3_url: str = Field(
        pattern=r"^https?://[^/\s]+", description="Address of the object store, as the manager reaches it."
    )
    s3_ca: CaFile | None = Field(
        None, description="The authority behind its certificate, where the machine does not know it."
    )
    s3_access_key: str = Field(description="The manager's own user of the object store.")
    s3_secret_key: SecretStr = Field(description="Its secret key.")
    amqp_url: SecretStr = Field(description="Address of the broker, with user and password.")
    cassandra_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        description="Contact points of Cassandra, separated by commas."
    )
    cassandra_port: int = Field(9042, description="Port of Cassandra's native protocol.")
    cassandra_ca: CaFile | None = Field(
        None, description="The authority behind Cassandra's certificates; without it no TLS is spoken."
    )
    cassandra_user: str = Field(description="The manager's role; it may create keyspaces and tables.")
    cassandra_password: SecretStr = Field(description="Its password.")
    cassandra_timeout_seconds: float = Field(
        12, gt=0, description="How long one request may take before it counts as timed out."
    )
    consistency: Consistency = Field("LOCAL_QUORUM", description="Consistency of reads and writes.")
    serial_consistency: SerialConsistency = Field(
        "LOCAL_SERIAL", description="Consistency of the ledger's compare-and-set."
    )
    replication: Mapping[str, str] = Field(
        default={"class": "SimpleStrategy", "replication_factor": "1"},
        description="Replication of the keyspaces that setup creates, as a JSON object.",
    )
    granter_role: str = Field("granter", description="Role of the auth service, granted its tables.")

    token_key: SecretStr = Field(description="Key of status tokens and grants, shared with the auth service.")
    status_listen: str = Field("127.0.0.1:8081", description="host:port of the status service.")

    status_tls_certificate: Path | None = Field(
        None, description="Certificate of the status service, with its chain; else plain HTTP is spoken."
    )
    status_tls_key: Path | None = Field(None, validate_default=True, description="Its key.")

    workers: int = Field(4, ge=1, description="Worker processes.")
    worker_memory_mib: int = Field(
        1024, ge=256, description="Memory that a load may take beyond what an idle worker has, MiB."
    )
    prefetch: int = Field(8, ge=1, description="Unacknowledged deliveries per customer's queue.")
    lease_seconds: int = Field(30, ge=1, description="How long a claim holds without renewal.")
    lease_renew_seconds: int = Field(10, ge=1, description="How often a running load renews its claim.")
    attempts: int = Field(5, ge=1, description="Attempts before a load ends as failed.")
    retry_pauses_seconds: tuple[int, ...] = Field(
        (1, 10, 60, 300), min_length=1, description="Pauses before the second, third, … attempt (JSON list)."
    )
    reconcile_seconds: int = Field(
        120, ge=1, description="How often the buckets are compared with the ledger."
    )
    reconcile_min_age_seconds: int = Field(
        120, ge=0, description="Younger object versions are left to their events."
    )
    documents_seconds: int = Field(2, ge=1, description="How often customers' documents are looked at.")
    range_bytes: int = Field(8 * 2**20, ge=1, description="Size of one ranged read of an object.")
    metrics_listen: str = Field(
        "",
        pattern=rf"^$|{ADDRESS}",
        description="host:port of the manager's `/metrics` and `/healthz`; without it, neither is served.",
    )
    metrics_seconds: int = Field(
        15, ge=1, description="How often the gauges are made current; looks that take long come less often."
    )
    log_format: LogFormat = Field(
        "auto", description="`console` or `json`; `auto` is JSON unless standard error is a terminal."
    )
    log_level: LogLevel = Field(
        "info", description="Least level of log lines: `debug`, `info`, `warning` or `error`."
    )
    shutdown_seconds: int = Field(20, ge=0, description="How long running loads may take to stop cleanly.")

    @field_validator("cassandra_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip() for host in value.split(",") if host.strip())
        return value

    @field_validator("amqp_url")
    @classmethod
    def _check_address(cls, url: SecretStr) -> SecretStr:
        if not re.match(r"amqps?://[^/\s]+", url.get_secret_value()):
            raise ValueError("an address begins with amqp:// or amqps:// and names a host")
        return url

    @field_validator("status_tls_key")
    @classmethod
    def _check_pair(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        check_pair(info.data.get("status_tls_certificate"), key)
        return key
