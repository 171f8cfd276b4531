"""Services and customers call the same servers by different addresses, and neither by the other's."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config
from support.forwarder import Forwarder, forwarding
from support.pushes import PASSWORD, outcomes, push
from support.services import free_port, serve
from support.testbed import Platform, csv_of

from bucket_policies.users import set_password

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

PUBLIC_HOST = "127.0.0.2"
MANIFEST = {"files": [{"name": "a.csv", "size": 3, "sha256": "0" * 64}]}


@dataclass(frozen=True)
class Published:
    """A platform whose store and status service have a public address each."""

    platform: Platform
    customer: str
    auth_url: str
    store: Forwarder
    status: Forwarder


@pytest.fixture
def published(platform: Platform) -> Iterator[Published]:
    """Everything started: what customers see is on 127.0.0.2, the services are on 127.0.0.1."""
    auth, status_port = f"127.0.0.1:{free_port()}", free_port()
    inner = urlsplit(platform.environment["BUCKET_POLICIES_S3_URL"])
    with (
        forwarding(PUBLIC_HOST, (str(inner.hostname), int(inner.port or 0))) as store,
        forwarding(PUBLIC_HOST, ("127.0.0.1", status_port)) as status,
    ):
        platform.environment |= {
            "BUCKET_POLICIES_LISTEN": auth,
            "BUCKET_POLICIES_S3_PUBLIC_URL": store.url,
            "BUCKET_POLICIES_STATUS_URL": status.url,
            "INGEST_MANAGER_STATUS_LISTEN": f"127.0.0.1:{status_port}",
        }
        customer = platform.add_customer()
        set_password(platform.policies / "users.json", customer, PASSWORD)
        platform.apply()
        serve(platform, "bucket-policies", "auth-service", url=f"http://{auth}")
        serve(platform, "ingest-manager", "status-service", url=f"http://127.0.0.1:{status_port}")
        yield Published(platform, customer, f"http://{auth}", store, status)


def test_a_customer_is_given_public_addresses(published: Published) -> None:
    login = (published.customer, PASSWORD)

    constraints = httpx.get(f"{published.auth_url}/constraints", auth=login).json()
    [grant] = httpx.post(f"{published.auth_url}/uploads", auth=login, json=MANIFEST).json()["files"]

    assert constraints["status_url"] == published.status.url
    assert grant["url"].startswith(f"{published.store.url}/staging-{published.customer}/a.csv?")


def test_the_public_addresses_see_the_customer_and_nobody_else(published: Published, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_bytes(csv_of([(1, "a", "x")]))
    (folder / "b.csv").write_bytes(csv_of([(2, "b", "y")]))

    with published.platform.manager():
        done = push(published.customer, folder, published.auth_url, "--wait", "--json")
        published.platform.settled(published.customer, 2)

    assert outcomes(done) == [("a.csv", "loaded"), ("b.csv", "loaded")]
    assert sorted(row["id"] for row in published.platform.rows(published.customer)) == [1, 2]
    puts = [(method, path.partition("?")[0]) for method, path, _ in published.store.requests()]
    staging = f"/staging-{published.customer}"
    assert sorted(puts) == [("PUT", f"{staging}/a.csv"), ("PUT", f"{staging}/b.csv")]
    asked = {(method, path.partition("?")[0]) for method, path, _ in published.status.requests()}
    assert asked == {("GET", "/loads")}
    agents = {agent for web in (published.store, published.status) for *_, agent in web.requests()}
    assert {agent.partition("/")[0] for agent in agents} == {"python-httpx"}


def test_a_url_is_good_for_the_address_that_it_was_signed_for_alone(published: Published) -> None:
    environment = published.platform.environment
    inner_url = environment["BUCKET_POLICIES_S3_URL"]
    granter = boto3.client(
        "s3",
        endpoint_url=inner_url,
        aws_access_key_id=environment["BUCKET_POLICIES_GRANTER_ACCESS_KEY"],
        aws_secret_access_key=environment["BUCKET_POLICIES_GRANTER_SECRET_KEY"],
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    object_ = {"Bucket": f"staging-{published.customer}", "Key": "a.csv"}
    signed_for_inner = granter.generate_presigned_url("put_object", Params=object_)

    refused = httpx.put(signed_for_inner.replace(inner_url, published.store.url), content=b"x\n")
    accepted = httpx.put(signed_for_inner, content=b"x\n")

    assert (refused.status_code, "SignatureDoesNotMatch" in refused.text) == (403, True)
    assert accepted.status_code == 200
