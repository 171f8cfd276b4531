"""The faults of a load, by what has to happen next: adapters raise them, `loading` decides by class.

IngestError
├── TransientError       this object's passing fault: the load is tried again, the attempt counts
│   └── UnknownResult    a compare-and-set whose answer was lost: read the row again
├── PermanentError       trying again cannot help: the load gets its outcome at once
│   └── ObjectGone       the store has no such version
├── ServerDown           a whole server cannot be reached: stop consuming, no attempt is counted
├── LeaseLost            another worker holds the load: leave everything to it
├── GivenBack            shutdown was asked: the message goes back, no attempt is counted
└── UnusableMessage      no event of the store: dead-letter it
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

ServerName = Literal["cassandra", "minio", "rabbitmq"]


class IngestError(Exception):
    """The root, never raised itself; `args` holds every fact, so that it survives pickling."""

    def __init__(self, message: str, *facts: str) -> None:
        super().__init__(message, *facts)
        self.message = message

    def __str__(self) -> str:
        return self.message


class TransientError(IngestError):
    """This object's passing fault: the load is tried again; `reason` is the server's code."""

    def __init__(self, message: str, reason: str = "passing_fault") -> None:
        super().__init__(message, reason)
        self.reason = reason


class UnknownResult(TransientError):  # noqa: N818 - says what is known, which is not that it failed
    """A compare-and-set was sent and its answer lost: it may have been applied, so read the row again."""


class PermanentError(IngestError):
    """The load cannot succeed however often it is tried; `reason` is the code stored with the outcome."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self.reason = reason


class ObjectGone(PermanentError):  # noqa: N818 - a state of the world, no fault of the load
    """The store has no such version."""

    def __init__(self, message: str, reason: str = "gone") -> None:
        super().__init__(message, reason)


class ServerDown(IngestError):  # noqa: N818 - a state of the world, no fault of the load
    """A whole server cannot be reached; `server` says which."""

    def __init__(self, message: str, server: ServerName) -> None:
        super().__init__(message, server)
        self.server: ServerName = server


_ADDRESS_SETTING: Mapping[ServerName, str] = {
    "cassandra": "INGEST_MANAGER_CASSANDRA_HOSTS",
    "minio": "INGEST_MANAGER_S3_URL",
    "rabbitmq": "INGEST_MANAGER_AMQP_URL",
}


def server_down(server: ServerName, told: str, address: str, why: str = "") -> ServerDown:
    """Return the fault of a server that cannot be reached, with where it was looked for and what to do.

    Args:
        server: which.
        told: what is the matter, without a colon.
        address: host and port, without a login.
        why: what the client said, without a login.
    """
    where = f"{address}, {why}" if why else address
    step = f"see that it runs there and that {_ADDRESS_SETTING[server]} is right"
    return ServerDown(f"{told}: {where}; {step}", server=server)


def host_and_port(url: str) -> str:
    """Return the host and port that a URL names, and nothing else of it: it may hold a login."""
    return urlsplit(url).netloc.rpartition("@")[2]


class GivenBack(IngestError):  # noqa: N818 - a decision, no fault
    """The process was asked to stop: the load is left as it was before this attempt."""


class LeaseLost(IngestError):  # noqa: N818 - what happened to us, no fault of the load
    """Another worker holds the load."""


class UnusableMessage(IngestError):  # noqa: N818 - names the message
    """A message that is no event of the store."""


@contextmanager
def not_of_the_object() -> Iterator[None]:
    """Take a refused statement on our own tables for a passing fault: the admin's, never the object's."""
    try:
        yield
    except ObjectGone:
        raise
    except PermanentError as error:
        raise TransientError(f"on the platform's own tables: {error}", error.reason) from error
