"""Tools that customers have: each puts a file with temporary credentials, as its user would type it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from bucket_policies.api import CredentialsAnswer
from servers import programs

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Put = Callable[[CredentialsAnswer, Path, str], None]


def client_of(lent: CredentialsAnswer) -> "S3Client":
    """Return boto3's client with temporary credentials."""
    return boto3.client(
        "s3",
        endpoint_url=lent.endpoint_url,
        region_name=lent.region,
        aws_access_key_id=lent.access_key_id,
        aws_secret_access_key=lent.secret_access_key,
        aws_session_token=lent.session_token,
        config=Config(s3={"addressing_style": "path"}),
    )


def put_with_boto3(lent: CredentialsAnswer, file: Path, key: str) -> None:
    """Put a file with boto3."""
    client_of(lent).upload_file(str(file), lent.bucket, key)


def put_with_aws_cli(lent: CredentialsAnswer, file: Path, key: str) -> None:
    """Put a file with `aws s3 cp`."""
    environment = {
        "AWS_ACCESS_KEY_ID": lent.access_key_id,
        "AWS_SECRET_ACCESS_KEY": lent.secret_access_key,
        "AWS_SESSION_TOKEN": lent.session_token,
        "AWS_DEFAULT_REGION": lent.region,
        "AWS_ENDPOINT_URL_S3": lent.endpoint_url,
    }
    aws = (sys.executable, "-m", "awscli")
    _run(*aws, "s3", "cp", file, f"s3://{lent.bucket}/{key}", environment=environment)


def put_with_mc(lent: CredentialsAnswer, file: Path, key: str) -> None:
    """Put a file with `mc cp`."""
    scheme, _, host = lent.endpoint_url.partition("://")
    login = f"{lent.access_key_id}:{lent.secret_access_key}:{lent.session_token}"
    environment = {"MC_HOST_uploads": f"{scheme}://{login}@{host}"}
    _run(programs.mc(), "cp", file, f"uploads/{lent.bucket}/{key}", environment=environment)


TOOLS: Mapping[str, Put] = {"boto3": put_with_boto3, "aws-cli": put_with_aws_cli, "mc": put_with_mc}


def _run(*command: str | Path, environment: Mapping[str, str]) -> None:
    home = str(Path(command[-2]).parent)  # no settings of whoever runs the tests
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": home, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
