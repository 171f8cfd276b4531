"""A server that is away is told with its address, without the login, and with what to do."""

import pytest
from botocore.exceptions import EndpointConnectionError
from cassandra.cluster import NoHostAvailable

from bucket_policies.errors import UnreachableError
from bucket_policies.grant_store import driver_errors
from bucket_policies.store import minio_errors
from ingest_manager.cassandra import cassandra_session
from ingest_manager.errors import ServerDown, host_and_port
from ingest_manager.objects import bucket_quotas, object_store
from ingest_manager.queues import broker
from ingest_manager.settings import Settings

NOBODY = "127.0.0.1:1"  # a port on which nothing listens
STEP = "see that it runs there and that {} is right"


@pytest.fixture
def settings() -> Settings:
    known = {
        "s3_url": f"http://{NOBODY}", "s3_access_key": "manager", "s3_secret_key": "a-secret-word",
        "amqp_url": f"amqp://manager:a-secret-word@{NOBODY}", "cassandra_hosts": "127.0.0.1",
        "cassandra_port": 1, "cassandra_user": "manager", "cassandra_password": "a-secret-word",
        "token_key": "0123456789abcdef",
    }  # fmt: skip
    return Settings(**known)  # type: ignore[arg-type]  # of text, as the environment gives them


def test_rabbitmq_is_told_with_its_address(settings: Settings) -> None:
    url = settings.amqp_url.get_secret_value()
    with pytest.raises(ServerDown) as opened, broker.open_channel(url):
        pass
    with pytest.raises(ServerDown) as published:
        broker.Publisher(url).publish("", "queue", b"", {})
    for fault, told in ((opened, "RabbitMQ cannot be used"), (published, "RabbitMQ took no message over")):
        message = fault.value.message
        assert message.startswith(f"{told}: {NOBODY}, ")
        assert message.endswith(f"; {STEP.format('INGEST_MANAGER_AMQP_URL')}")
        assert "a-secret-word" not in message
        assert fault.value.server == "rabbitmq"


def test_store_is_told_with_its_address(settings: Settings) -> None:
    store = object_store.connect(settings.s3_url, "manager", "a-secret-word", range_bytes=8)
    wanted = f"the store cannot be reached: {NOBODY}; {STEP.format('INGEST_MANAGER_S3_URL')}"
    with pytest.raises(ServerDown) as pinged:
        store.ping()
    with pytest.raises(ServerDown) as asked:
        bucket_quotas.connect(settings).quota_bytes("staging-acme")
    assert [pinged.value.message, asked.value.message] == [wanted, wanted]


def test_cassandra_is_told_with_its_address(settings: Settings) -> None:
    with pytest.raises(ServerDown) as connected:
        cassandra_session.connect(settings)
    message = connected.value.message
    assert message.startswith(f"Cassandra cannot be reached: {NOBODY}, NoHostAvailable: ")
    assert message.endswith(f"; {STEP.format('INGEST_MANAGER_CASSANDRA_HOSTS')}")
    assert "a-secret-word" not in message


def test_address_of_a_url_has_no_login() -> None:
    assert host_and_port("amqp://me:a@word@host:5672/x") == "host:5672"
    assert host_and_port("https://minio.example/bucket/key?x=@") == "minio.example"


def test_admin_is_told_of_minio_with_its_address() -> None:
    refused = EndpointConnectionError(endpoint_url=f"http://{NOBODY}/")
    with pytest.raises(UnreachableError) as found, minio_errors("a call"):
        raise refused
    step = STEP.format("BUCKET_POLICIES_S3_URL")
    assert str(found.value) == f"MinIO does not answer: {refused}; {step}"
    assert NOBODY in str(refused)


def test_admin_is_told_of_cassandra_with_its_address() -> None:
    refused = NoHostAvailable("no host", {NOBODY: ConnectionRefusedError(111, "refused")})
    with pytest.raises(UnreachableError) as found, driver_errors():
        raise refused
    why = f"{NOBODY} ConnectionRefusedError: [Errno 111] refused"
    step = STEP.format("BUCKET_POLICIES_CASSANDRA_HOSTS")
    assert str(found.value) == f"Cassandra does not answer: {why}; {step}"
