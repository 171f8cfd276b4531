"""The servers as they run: a password everywhere, loopback only, each stopped and started alone."""

import subprocess
import sys
from pathlib import Path

import httpx
import pika
import pika.exceptions
import pytest
from cassandra import AuthenticationFailed, Unauthorized
from support.testbed import eventually

from servers.cassandra_roles import Roles
from servers.instance import Instance

REPLICATION = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


def connect_to_rabbitmq(servers: Instance, user: str, password: str) -> pika.BlockingConnection:
    credentials = pika.PlainCredentials(user, password)
    return pika.BlockingConnection(
        pika.ConnectionParameters("127.0.0.1", servers.ports.amqp, credentials=credentials)
    )


def listening_addresses(port: int) -> set[str]:
    """Read the kernel's own table: local address and state of every TCP socket, in hex."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}


def up(folder: Path, *, heap_mib: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "servers", "up", "--folder", str(folder), "--heap-mib", str(heap_mib)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def is_login(servers: Instance, role: str, password: str) -> bool:
    try:
        with servers.cassandra.login(role, password):
            return True
    except AuthenticationFailed:
        return False


def test_published_passwords_do_not_log_in(servers: Instance) -> None:
    with pytest.raises(AuthenticationFailed), servers.cassandra.login("cassandra", "cassandra"):
        pass
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        connect_to_rabbitmq(servers, "guest", "guest")
    assert httpx.get(servers.minio.address).status_code == 403


def test_cassandra_keeps_memtables_as_tries_outside_the_heap(servers: Instance) -> None:
    passwords = servers.passwords
    with servers.cassandra.login("cassandra", passwords.cassandra_admin) as session:
        found = dict(session.execute("SELECT name, value FROM system_views.settings").all())
    assert found["memtable.configurations"] == "{default=TrieMemtable}"
    assert found["memtable_allocation_type"] == "offheap_objects"


def test_every_port_listens_on_loopback_only(servers: Instance) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}

    for server in servers.servers:
        for port in server.ports:
            addresses = listening_addresses(port)
            assert addresses, f"nobody listens on {port}"
            assert addresses <= loopback


def test_minio_may_touch_nothing_but_its_exchange(servers: Instance) -> None:
    with connect_to_rabbitmq(servers, "minio", servers.passwords.amqp_minio) as connection:
        connection.channel().exchange_declare("bucket-events", "topic", durable=True)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            connection.channel().queue_declare("ingest.acme")


def test_the_granter_reads_and_writes_nothing_before_it_is_granted_tables(servers: Instance) -> None:
    with servers.cassandra.login("granter", servers.passwords.cassandra_granter) as session:
        with pytest.raises(Unauthorized):
            session.execute("SELECT * FROM system_auth.roles")
        with pytest.raises(Unauthorized):
            session.execute(f"CREATE KEYSPACE mine {REPLICATION}")


def test_a_role_that_is_there_gets_the_password_of_the_files(servers: Instance) -> None:
    passwords = servers.passwords
    shared = ("127.0.0.1", servers.ports.cql, passwords.cassandra_admin, passwords.cassandra_manager)
    try:
        assert Roles(*shared, granter="another").are_made()
        eventually(
            lambda: is_login(servers, "granter", "another")
        )  # Cassandra remembers the old one a moment
    finally:
        assert Roles(*shared, granter=passwords.cassandra_granter).are_made()
    eventually(lambda: not is_login(servers, "granter", "another"))
    eventually(lambda: is_login(servers, "granter", passwords.cassandra_granter))


def test_a_second_start_changes_nothing(servers: Instance) -> None:
    pids = servers.pids()

    servers.start()

    assert servers.pids() == pids


def test_killed_servers_start_again_with_their_logins(servers: Instance) -> None:
    for server in servers.servers:
        server.kill()
        assert server.pid is None

    servers.start()

    with servers.cassandra.login("ingest_manager", servers.passwords.cassandra_manager):
        pass
    with pytest.raises(AuthenticationFailed), servers.cassandra.login("cassandra", "cassandra"):
        pass


def test_too_little_memory_is_one_line_and_exit_2(servers: Instance, tmp_path: Path) -> None:
    done = up(tmp_path, heap_mib=10**9)

    assert done.returncode == 2
    assert done.stderr.startswith("servers: too little memory: 1,000,001,800 MiB needed")
    assert done.stderr.count("\n") == 1


def test_a_busy_port_is_one_line_and_names_it(servers: Instance, tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text((servers.folder / "ports.json").read_text())

    done = up(tmp_path, heap_mib=256)

    assert done.returncode == 2
    assert done.stderr == (
        f"servers: port {servers.ports.cql} (Cassandra) is in use by another process: stop that one first\n"
    )
