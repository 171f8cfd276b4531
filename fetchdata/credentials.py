"""Temporary credentials as other S3 tools want to be told: for a shell, for the AWS tools, for a program."""

import json
import shlex
from collections.abc import Callable, Mapping
from datetime import UTC

import httpx

from bucket_policies.api import CredentialsAnswer
from bucket_policies.rules import escaped
from fetchdata.answers import plain

MC_ALIAS = "staging"


def for_shell(credentials: CredentialsAnswer) -> str:
    """Give lines for `eval`: the variables of the AWS tools, mc's alias `staging`, and the bucket's name."""
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_ENDPOINT_URL": credentials.endpoint_url,
        "AWS_REGION": credentials.region,
        "AWS_DEFAULT_REGION": credentials.region,
        f"MC_HOST_{MC_ALIAS}": _mc_address(credentials),
        "BUCKET": credentials.bucket,
    }
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def for_process(credentials: CredentialsAnswer) -> str:
    """Give what `credential_process` of an AWS profile expects."""
    document = {
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": f"{credentials.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(document, indent=2)


def as_document(credentials: CredentialsAnswer) -> str:
    """Give everything as one JSON document."""
    return json.dumps(plain(credentials), indent=2)


FORMATS: Mapping[str, Callable[[CredentialsAnswer], str]] = {
    "env": for_shell,
    "process": for_process,
    "json": as_document,
}


def notice(credentials: CredentialsAnswer) -> str:
    """Say in one line what they are good for."""
    endings = ", ".join(credentials.formats)
    until = f"{credentials.expires_at.astimezone():%Y-%m-%d %H:%M:%S}"
    line = f"bucket {credentials.bucket}: {credentials.number_files} files ending in {endings}, until {until}"
    return escaped(line)


def _mc_address(credentials: CredentialsAnswer) -> str:
    server = httpx.URL(credentials.endpoint_url)
    login = ":".join([credentials.access_key_id, credentials.secret_access_key, credentials.session_token])
    return f"{server.scheme}://{login}@{server.netloc.decode()}"
