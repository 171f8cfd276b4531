"""Every command of `docs/customer.md`, typed by a customer who has the one file and two S3 tools."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from support.services import configure, start_auth_service, start_status_service
from support.testbed import BIN, Platform, csv_of

from bucket_policies.users import set_password
from release.__main__ import build
from servers import programs

PAGE = Path(__file__).parent.parent.parent / "docs" / "customer.md"
PASSWORD = "a-word-nobody-guesses"
BOTO3 = "import boto3, sys; boto3.client('s3').upload_file('exports/2026-01/a.csv', sys.argv[1], 'b/a.csv')"

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@dataclass(frozen=True)
class Customer:
    """Somebody with a home, a shell and a password."""

    id: str
    home: Path
    server: str

    def types(self, script: str) -> str:
        """Run lines in a shell until one fails; give what they print."""
        tools = [self.home / ".local" / "bin", Path(sys.base_prefix) / "bin", programs.mc().parent]
        environment = {
            "HOME": str(self.home),
            "PATH": ":".join([*map(str, tools), os.environ["PATH"], str(BIN)]),
            "FETCHDATA_PASSWORD": PASSWORD,
            "FETCHDATA_SERVER": self.server,
        }
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def customer(platform: Platform, tmp_path: Path) -> Customer:
    configure(platform)
    customer_id = platform.add_customer(number_files=10)
    set_password(platform.policies / "users.json", customer_id, PASSWORD)
    platform.apply()
    start_auth_service(platform)
    start_status_service(platform)
    platform.start_manager()
    home = tmp_path / "home"
    for folder in ("client-input-dir", "exports/2026-01"):
        (home / folder).mkdir(parents=True)
        (home / folder / "a.csv").write_bytes(csv_of([(1, "a", "x")]))
    trustme.CA().cert_pem.write_to_path(home / "ingest-ca.pem")
    build(home / "fetchdata.pyz")
    return Customer(customer_id, home, platform.environment["FETCHDATA_SERVER"])


def commands() -> list[str]:
    """The page's lines that are meant to be typed."""
    text = re.sub(r"(?s)```json.*?```", "", PAGE.read_text())
    return re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)


def test_every_command_of_the_page_does_what_it_says(platform: Platform, customer: Customer) -> None:
    pushed = customer.types(f"python3 fetchdata.pyz -u {customer.id} -d exports --wait --json")
    (upload_id,) = re.findall(r'"upload_id": "(.*)"', pushed)
    known = {
        "-u acme": f"-u {customer.id}",
        "PASSWORD": PASSWORD,
        "UPLOAD": upload_id,
        "https://ingest.example.com": customer.server,
    }
    script = "\n".join(commands())
    for word, meaning in known.items():
        assert word in script
        script = re.sub(rf"(?<![\w_]){re.escape(word)}\b", meaning, script)

    customer.types(script)

    settled = platform.settled(customer.id, 7)
    assert {load["status"] for load in settled} == {"loaded"}
    assert {load["key"] for load in settled} == {"a.csv", "2026-01/a.csv", "orders/a.csv"}
    assert [load["key"] for load in settled].count("orders/a.csv") == 2  # of aws and of mc


def test_aws_tools_ask_for_credentials_by_themselves(platform: Platform, customer: Customer) -> None:
    (profile,) = re.findall(r"^ {6}\[profile acme\]\n(?: {6}.*\n)+", PAGE.read_text(), re.MULTILINE)
    profile = re.sub(r"(?m)^ {6}", "", profile).replace("-u acme", f"-u {customer.id}")
    (customer.home / ".aws").mkdir()
    (customer.home / ".aws" / "config").write_text(
        profile.replace("https://s3.example.com", platform.environment["BUCKET_POLICIES_S3_PUBLIC_URL"])
    )
    customer.types("mkdir -p ~/.local/bin; install fetchdata.pyz ~/.local/bin/fetchdata")

    customer.types(f'AWS_PROFILE=acme {sys.executable} -c "{BOTO3}" staging-{customer.id}')

    assert [(load["key"], load["status"]) for load in platform.settled(customer.id, 1)] == [
        ("b/a.csv", "loaded")
    ]
