"""Where the servers and services of one system find each other, and where its customers find them."""

from dataclasses import dataclass
from typing import Self

from servers.allotment import LOOPBACK, Ports


@dataclass(frozen=True)
class Addresses:
    """The addresses of one system, whichever way it runs."""

    s3_url: str
    s3_public_url: str
    amqp: str
    cassandra_host: str
    cassandra_port: int
    auth_listen: str
    auth_url: str
    status_listen: str
    status_url: str
    metrics_listen: str

    @classmethod
    def on_loopback(cls, ports: Ports, *, scheme: str = "http") -> Self:
        """Return the addresses of an instance: one for everybody, this machine's own."""
        s3_url = f"{scheme}://{LOOPBACK}:{ports.s3}"
        auth_service, status_service = (
            f"{LOOPBACK}:{ports.auth_service}",
            f"{LOOPBACK}:{ports.status_service}",
        )
        return cls(
            s3_url=s3_url,
            s3_public_url=s3_url,
            amqp=f"{LOOPBACK}:{ports.amqp}",
            cassandra_host=LOOPBACK,
            cassandra_port=ports.cql,
            auth_listen=auth_service,
            auth_url=f"{scheme}://{auth_service}",
            status_listen=status_service,
            status_url=f"{scheme}://{status_service}",
            metrics_listen=f"{LOOPBACK}:{ports.manager_metrics}",
        )
