"""What tests of Cassandra share: a session with the manager's rights, and a keyspace of a test's own."""

import uuid
from collections.abc import Iterator

import pytest
from support.settings import settings_of

from ingest_manager.cassandra.cassandra_session import CassandraSession, connect
from ingest_manager.cassandra.tables import declare_keyspace
from ingest_manager.settings import Settings
from servers.instance import Instance


@pytest.fixture(scope="module")
def settings(servers: Instance) -> Settings:
    return settings_of(servers.environment())


@pytest.fixture(scope="module")
def session(settings: Settings) -> Iterator[CassandraSession]:
    with connect(settings) as session:
        yield session


@pytest.fixture
def keyspace(session: CassandraSession, settings: Settings) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    declare_keyspace(session, name, settings.replication)
    yield name
    session.execute(f"DROP KEYSPACE {name}")
