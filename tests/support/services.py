"""Our web services for one test's platform, each at an address of its own."""

import socket
import ssl
from pathlib import Path

import httpx

from support.testbed import BIN, Platform, eventually


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def configure(platform: Platform) -> None:
    """Give the platform's services addresses of their own."""
    auth, status = (f"127.0.0.1:{free_port()}" for _ in range(2))
    platform.environment |= {
        "BUCKET_POLICIES_LISTEN": auth,
        "BUCKET_POLICIES_STATUS_URL": f"http://{status}",
        "INGEST_MANAGER_STATUS_LISTEN": status,
        "FETCHDATA_SERVER": f"http://{auth}",
    }


def start_auth_service(platform: Platform) -> None:
    """Start `bucket-policies auth-service` and wait until it answers."""
    serve(platform, "bucket-policies", "auth-service", url=platform.environment["FETCHDATA_SERVER"])


def start_status_service(platform: Platform) -> None:
    """Start `ingest-manager status-service` and wait until it answers."""
    serve(
        platform, "ingest-manager", "status-service", url=platform.environment["BUCKET_POLICIES_STATUS_URL"]
    )


def serve(platform: Platform, *command: str, url: str, ca: Path | None = None) -> None:
    """Start a service and wait until it answers."""
    verify = ssl.create_default_context(cafile=ca) if ca else True

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/healthz", verify=verify).is_success
        except httpx.TransportError:
            return False

    platform.start(BIN / command[0], *command[1:])
    eventually(answers, what=f"an answer from {url}")
