"""Several Cassandra nodes on this machine, on 127.0.0.1, 127.0.0.2, …: a cluster for tests and benchmarks.

Nobody logs in, so that no node's end takes the logins with it. A node can be stopped, added and removed.
"""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from typing_extensions import override

from servers import programs
from servers.allotment import LOOPBACK, choose_ports, is_port_free
from servers.capacity import (
    CASSANDRA_BESIDE_HEAP_MIB,
    DATA_MIB,
    available_memory_mib,
    require_disk,
    require_memory,
)
from servers.cassandra_roles import login
from servers.cassandra_server import configuration, local_command
from servers.errors import ServersError
from servers.instance import stop_all, stopped_on_failure
from servers.process import POLL_SECONDS, Process
from servers.server import TEMPLATES, LocalServer

NODES = 3
HEAP_MIB = 1024
RING_DELAY_MS = 5_000
"""A node that joins or leaves lets the others hear of it so long; Cassandra's 30 s are for large clusters."""
MOVE_SECONDS = 240
ANYBODY = "anybody"
MOST_NODES = 5


@dataclass(frozen=True)
class ClusterPorts:
    """The ports that every node has on its own address; those of JMX are all on 127.0.0.1."""

    cql: int
    storage: int
    jmx: Sequence[int]

    @classmethod
    def choose(cls) -> "ClusterPorts":
        """Choose ports that are free on every address."""
        addresses = [address_of(number) for number in range(1, MOST_NODES + 1)]
        free = choose_ports(2 + MOST_NODES, lambda port: all(is_port_free(port, at) for at in addresses))
        return cls(free[0], free[1], free[2:])


def address_of(number: int) -> str:
    """Return the address of a node, which are numbered from 1."""
    return f"127.0.0.{number}"


class Node(LocalServer):
    """One node of the cluster."""

    ready_within_seconds = 300

    def __init__(
        self, folder: Path, number: int, ports: ClusterPorts, *, heap_mib: int, bootstraps: bool = False
    ) -> None:
        super().__init__(f"cassandra-{number}", folder)
        self.host = address_of(number)
        self._ports = ports
        self._jmx = ports.jmx[number - 1]
        self._heap_mib = heap_mib
        self._bootstraps = bootstraps

    @property
    @override
    def address(self) -> str:
        return f"{self.host}:{self._ports.cql}"

    @override
    def launch(self) -> None:
        text = configuration(
            self.host,
            self._ports.cql,
            self._ports.storage,
            self.data,
            seed=LOOPBACK,
            bootstraps=self._bootstraps,
            has_logins=False,
        )
        java, *arguments = local_command(self.write(f"{self.name}.yaml", text), self.data, self._heap_mib)
        options = (
            f"-Dcassandra.jmx.local.port={self._jmx}",
            f"-Dcassandra.ring_delay_ms={RING_DELAY_MS}",
        )
        self.process.start([java, *options, *arguments], self.environment(), folder=self.data)

    @override
    def is_ready(self) -> bool:
        return not is_port_free(self._ports.cql, self.host)  # opened last, when the node is in the ring

    def peers(self) -> int:
        """Return how many other nodes this one knows; none while it does not answer."""
        with (
            suppress(DriverException, NoHostAvailable),
            login(self.host, self._ports.cql, ANYBODY, ANYBODY) as session,
        ):
            return len(session.execute("SELECT peer FROM system.peers_v2").all())
        return 0

    def leave(self) -> None:
        """Hand everything to the others and leave the ring, which a stopped node does not.

        Raises:
            ServersError: it could not.
        """
        jars = programs.cassandra_jars()
        command = [
            *(str(programs.java() or "java"), f"@{TEMPLATES / 'jvm17.options'}", "-cp", f"{jars}/*"),
            *("org.apache.cassandra.tools.NodeTool", "-h", LOOPBACK, "-p", str(self._jmx)),
            *("decommission", "--force"),
        ]
        answer = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=MOVE_SECONDS, check=False
        )
        if answer.returncode:
            raise ServersError(f"{self.name} does not leave: {answer.stderr or answer.stdout}")
        self.stop()


class Cluster:
    """The nodes of one folder; each can also be started, stopped and killed alone."""

    def __init__(self, folder: Path, *, nodes: int = NODES, heap_mib: int = HEAP_MIB) -> None:
        self.folder = folder.absolute()
        self.ports = ClusterPorts.choose()
        self._heap_mib = heap_mib
        self.nodes = [self._node(number) for number in range(1, nodes + 1)]

    def _node(self, number: int, *, bootstraps: bool = False) -> Node:
        return Node(self.folder, number, self.ports, heap_mib=self._heap_mib, bootstraps=bootstraps)

    def environment(self) -> dict[str, str]:
        """Return where Cassandra is, under the names that the manager's settings have."""
        return {
            "INGEST_MANAGER_CASSANDRA_HOSTS": ",".join(node.host for node in self.nodes),
            "INGEST_MANAGER_CASSANDRA_PORT": str(self.ports.cql),
            "INGEST_MANAGER_CASSANDRA_USER": ANYBODY,
            "INGEST_MANAGER_CASSANDRA_PASSWORD": ANYBODY,
        }

    def start(self) -> None:
        """Start the nodes one after the other, and wait until each knows all.

        Raises:
            ServersError: no room, or a node does not come up. What was started is stopped.
        """
        needed_mib = len(self.nodes) * (self._heap_mib + CASSANDRA_BESIDE_HEAP_MIB)
        require_memory(needed_mib, available_memory_mib())
        require_disk(self.folder, DATA_MIB)
        with stopped_on_failure(self.nodes):
            for node in self.nodes:
                self._start(node)

    def add(self) -> Node:
        """Start one more node, which takes its share of the data from the others."""
        node = self._node(len(self.nodes) + 1, bootstraps=True)
        with stopped_on_failure([node]):
            self._start(node)
        self.nodes.append(node)
        return node

    def remove_last(self) -> None:
        """Let the last node hand its share to the others and leave."""
        self.nodes[-1].leave()
        self.nodes.pop()

    def stop(self) -> None:
        """Stop the nodes, all at once; the data stays."""
        stop_all(self.nodes)

    def _start(self, node: Node) -> None:
        node.start()
        node.wait()
        known = [one for one in self.nodes if one.pid is not None and one is not node]
        deadline = time.monotonic() + MOVE_SECONDS
        while any(one.peers() < len(known) for one in (*known, node)):
            if time.monotonic() > deadline:
                raise ServersError(f"{node.name} and the others do not find each other")
            time.sleep(POLL_SECONDS)


def stop_abandoned(folder: Path) -> None:
    """Stop the nodes of a folder whose owner is gone."""
    for record in (folder / "run").glob("*.json"):
        Process(record.stem, folder).stop()
