"""A system made equal to the documents: every part compared first, only differences written.

`plan` says what differs, `apply` mends it, so a second `apply` writes nothing. A part is one thing that can
be read, compared and written: a bucket's quota, a queue, a table. MinIO's are in `minio_parts`; the other
systems are found by `other_systems`, as their parts are not this package's. Pure.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bucket_policies.customers import Customer
from bucket_policies.errors import PolicyError, UnreachableError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Part:
    """One thing in a system, as it should be."""

    what: str
    wanted: Any
    read: Callable[[], Any] | None
    """None: the system cannot tell; every `apply` writes it, no `plan` compares it."""
    write: Callable[[], object]
    hint: str = ""


@dataclass(frozen=True)
class Difference:
    """A part that is not as it should be; `error` says why it could not be mended."""

    what: str
    now: Any
    wanted: Any
    error: str | None = None
    system: str = "MinIO"


@dataclass(frozen=True)
class Holding:
    """What a system keeps of a customer, and how it is deleted by hand."""

    what: str
    deletion: str
    unfinished: int | None = None
    """Objects that have no outcome yet, or wait for their move; None where it says nothing of that."""


class System(Protocol):
    """Something that holds parts; its faults leave it as PolicyErrors."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def read(self, call: Callable[[], _T]) -> _T | None:
        """Read something; None where there is no such thing."""
        ...

    def write(self, call: Callable[[], object]) -> None:
        """Change something."""
        ...


class Mirror(System, Protocol):
    """A system that knows its own parts."""

    def parts(self, customers: Sequence[Customer]) -> Iterable[Part]:
        """Give everything that it should hold, in the order of its making."""
        ...

    def holdings(self, customer: Customer) -> Iterable[Holding]:
        """Tell what it keeps of a customer."""
        ...

    def close(self) -> None:
        """End every connection."""
        ...


def plan(system: System, parts: Iterable[Part]) -> list[Difference]:
    """Compare every part that can be read."""
    found = _differing(system, parts)
    return [Difference(part.what, now, part.wanted, system=system.name) for part, now in found if part.read]


def apply(system: System, parts: Iterable[Part]) -> list[Difference]:
    """Write every part that differs; one that the system refuses does not stop the others."""
    found = []
    for part, now in _differing(system, parts):
        error = _failure(system, part)
        if part.read or error:
            found.append(Difference(part.what, now, part.wanted, error, system.name))
    return found


def _differing(system: System, parts: Iterable[Part]) -> Iterator[tuple[Part, Any]]:
    for part in parts:
        now = system.read(part.read) if part.read else None
        if part.read is None or _ordered(now) != _ordered(part.wanted):
            yield part, now


def _ordered(value: Any) -> Any:
    # MinIO gives lists back in an order of its own.
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(inner) for inner in value), key=json.dumps)
    return value


def _failure(system: System, part: Part) -> str | None:
    try:
        system.write(part.write)
    except UnreachableError:
        raise
    except PolicyError as error:
        return "; ".join(filter(None, (str(error), part.hint)))
    return None
