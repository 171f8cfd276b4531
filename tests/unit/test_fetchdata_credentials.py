import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bucket_policies.api import CredentialsAnswer
from fetchdata import cli
from fetchdata.__main__ import main
from fetchdata.api import AuthService
from fetchdata.credentials import as_document, for_process, for_shell, notice

ACME = CredentialsAnswer(
    access_key_id="ACCESS",
    secret_access_key="se+cret/1",
    session_token="to.ken==",
    expires_at=datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    endpoint_url="https://s3.example.com:9000",
    region="us-east-1",
    bucket="staging-acme",
    formats=(".csv", ".csv.gz"),
    number_files=10,
)
DOCUMENT = {
    "access_key_id": "ACCESS",
    "secret_access_key": "se+cret/1",
    "session_token": "to.ken==",
    "expires_at": "2026-01-31T12:30:00Z",
    "endpoint_url": "https://s3.example.com:9000",
    "region": "us-east-1",
    "bucket": "staging-acme",
    "formats": [".csv", ".csv.gz"],
    "number_files": 10,
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The command, with a service that answers as told."""
    monkeypatch.chdir(tmp_path)

    def _run(handler, *arguments: str) -> tuple[int | str | None, str, str]:
        def auth_service(*access, trust) -> AuthService:
            return AuthService(*access, transport=httpx.MockTransport(handler))

        monkeypatch.setattr(cli, "AuthService", auth_service)
        access = ["-u", "acme", "-p", "word", "--server", "http://auth.test"]
        monkeypatch.setattr(sys, "argv", ["fetchdata", "credentials", *access, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return _run


def evaluated(lines: str) -> dict[str, str]:
    """What a shell has after `eval`."""
    done = subprocess.run(
        ["sh", "-c", f"eval {shlex.quote(lines)}; env -0"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    variables = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in variables.items() if name not in {"PWD", "SHLVL", "_", "OLDPWD"}}


def test_a_shell_gets_the_variables_of_the_tools() -> None:
    assert evaluated(for_shell(ACME)) == {
        "AWS_ACCESS_KEY_ID": "ACCESS",
        "AWS_SECRET_ACCESS_KEY": "se+cret/1",
        "AWS_SESSION_TOKEN": "to.ken==",
        "AWS_ENDPOINT_URL": "https://s3.example.com:9000",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MC_HOST_staging": "https://ACCESS:se+cret/1:to.ken==@s3.example.com:9000",
        "BUCKET": "staging-acme",
    }


def test_nothing_that_a_server_answers_is_run_by_the_shell(tmp_path: Path) -> None:
    hostile = f"'; touch {tmp_path}/made; $(touch {tmp_path}/made)\n`touch {tmp_path}/made`"
    answer = CredentialsAnswer(**{**vars(ACME), "bucket": hostile, "region": hostile})

    assert evaluated(for_shell(answer))["BUCKET"] == hostile
    assert list(tmp_path.iterdir()) == []


def test_the_aws_tools_get_the_document_of_their_credential_process() -> None:
    assert json.loads(for_process(ACME)) == {
        "Version": 1,
        "AccessKeyId": "ACCESS",
        "SecretAccessKey": "se+cret/1",
        "SessionToken": "to.ken==",
        "Expiration": "2026-01-31T12:30:00Z",
    }


def test_a_program_gets_the_whole_answer() -> None:
    assert json.loads(as_document(ACME)) == DOCUMENT


def test_the_notice_says_what_they_are_good_for_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    until = f"{ACME.expires_at.astimezone():%Y-%m-%d %H:%M:%S}"

    assert notice(ACME) == f"bucket staging-acme: 10 files ending in .csv, .csv.gz, until {until}"


@pytest.mark.parametrize("form", ["env", "process", "json"])
def test_secrets_go_to_standard_output_alone(run, form: str) -> None:
    requests = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=DOCUMENT | {"of_a_newer_service": 1})

    code, out, err = run(handler, "--format", form)

    assert code == 0
    assert (requests[0].method, requests[0].url.path) == ("POST", "/credentials")
    assert requests[0].headers["Authorization"].startswith("Basic ")
    assert "se+cret/1" in out
    assert err.startswith("bucket staging-acme: 10 files")
    assert err.count("\n") == 1
    assert not any(secret in err for secret in ("se+cret/1", "to.ken==", "word"))


@pytest.mark.parametrize(
    ("response", "code", "line"),
    [
        (
            httpx.Response(401, json={"error": "unauthorized", "message": "wrong user or password"}),
            3,
            "http://auth.test refuses the login: wrong user or password",
        ),
        (
            httpx.Response(404, json={"error": "not_found", "message": "Not Found"}),
            4,
            "http://auth.test answered 404: Not Found",
        ),
        (
            httpx.Response(200, json=DOCUMENT | {"expires_at": "soon"}),
            4,
            "http://auth.test gave an answer that is not ours; is the address right?",
        ),
    ],
)
def test_each_fault_is_one_line_and_its_exit_code(
    run, response: httpx.Response, code: int, line: str
) -> None:
    assert run(lambda _: response) == (code, "", f"fetchdata: {line}\n")
