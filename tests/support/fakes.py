"""Ledger, store, writer, publisher and deliveries in memory, for tests without servers.

They keep what they are given and note every effect, in order, in a list that they may share.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import IO, Any
from uuid import UUID

from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from bucket_policies.rules import Violation
from bucket_policies.tokens import seal_grant
from customer_ingestapps.contract import AppContract
from customer_ingestapps.registry import IngestApp
from ingest_manager.errors import LeaseLost, ObjectGone, ServerDown
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.claims import (
    AppLabel,
    Claimed,
    claim_values,
    finding_of,
    first_claim,
    new_load,
    restored_values,
)
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import (
    Finding,
    Load,
    LoadFigures,
    LoadOutline,
    LoadStatus,
    Outcome,
    Place,
)
from ingest_manager.ledger.pauses import Pause
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.loading.settlements import Settlement
from ingest_manager.objects.object_store import OpenObject, StoredFile
from ingest_manager.objects.versions import ObjectVersion
from ingest_manager.queues.events import ObjectEvent

WRITTEN_US = 1_769_860_800_000_000
WRITTEN_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 1, 31, 13, tzinfo=UTC)
SEAL_KEY = b"0123456789abcdef"


def customer(customer_id: str = "acme", **constraints: Any) -> Customer:
    """Return a customer with generous constraints."""
    document = {"formats": [".csv"], "number_files": 10, "data_sizes": 4096} | constraints
    return Customer(customer_id, Constraints(**document))


def people_contract() -> AppContract:
    """Return the contract of an app for files with an id and a name."""
    return AppContract(
        files={"keys": ["**.csv"], "format": "csv"},
        table={"name": "people", "partition_key": ["id"]},
        columns={"id": "int", "name": "text"},
    )


def event(key: str = "people.csv", version: str = "v1", **values: Any) -> ObjectEvent:
    """Return the event of an object version of acme; an upload id is genuine."""
    known: dict[str, Any] = {"bucket": "staging-acme", "written_us": WRITTEN_US}
    if "upload_id" in values:
        known["seal"] = seal_grant(values["upload_id"], "staging-acme", key, secret=SEAL_KEY)
    return ObjectEvent(**(known | values), key=key, version_id=version)


def load(
    status: LoadStatus = LoadStatus.LOADED, key: str = "people.csv", version: str = "v1", **values: Any
) -> Load:
    """Return a load of acme, placed where it has an outcome."""
    known = {
        "load_id": event(key, version).load_id,
        "customer": "acme",
        "bucket": "staging-acme",
        "attempts": 1,
        "event_at": WRITTEN_AT,
        "placed_at": WRITTEN_AT if status.is_outcome else None,
        "write_base": WRITTEN_US,
    }
    return Load(**(known | values), key=key, version_id=version, status=status)


@dataclass
class FakePending:
    """A statement under way; its faults are raised when it is waited for."""

    faults: list[Exception]

    def result(self) -> list[Any]:
        if self.faults:
            raise self.faults.pop(0)
        return []


@dataclass
class FakeLedger:
    """The ledger's rows in a dictionary; `down` makes every call fail."""

    effects: list[str] = field(default_factory=list)
    loads: dict[UUID, Load] = field(default_factory=dict)
    by_upload: dict[tuple[str, str], set[UUID]] = field(default_factory=dict)
    firsts: dict[tuple[str, str, str], UUID] = field(default_factory=dict)
    figures_of: dict[UUID, LoadFigures | None] = field(default_factory=dict)
    unusable: list[tuple[str, str, bytes]] = field(default_factory=list)
    released: list[tuple[UUID, str]] = field(default_factory=list)
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    worker: str = "here/1"
    lease: timedelta = timedelta(seconds=30)
    clock: Callable[[], datetime] = lambda: NOW

    def enter(self, *loads: Load) -> None:
        """Put loads in, findable by upload, without noting an effect."""
        for entered in loads:
            self.loads[entered.load_id] = entered
            self._index(entered)
            if entered.status.is_outcome:
                self.project(entered)

    def find(self, load_id: UUID) -> Load | None:
        self._fail("find")
        return self.loads.get(load_id)

    def find_all(self, load_ids: Iterable[UUID]) -> Iterator[Load]:
        self._fail("find_all")
        return (self.loads[load_id] for load_id in load_ids if load_id in self.loads)

    def claim(self, assignment: Assignment, app: AppLabel | None) -> Claimed:
        self._fail("claim")
        lease: dict[str, Any] = {
            "claim": assignment.claim,
            "worker": self.worker,
            "lease_until": self.clock() + self.lease,
        }
        existing = self.loads.get(assignment.event.load_id)
        if existing is None:
            claimed = replace(first_claim(assignment, app, self.clock()), **lease)
            return Claimed(Finding.CLAIMABLE, self._store("claim", claimed))
        finding = finding_of(existing, assignment, app, self.clock())
        if finding is not Finding.CLAIMABLE:
            return Claimed(finding, existing)
        values = lease | claim_values(existing, assignment, app, self.clock())
        claimed = replace(existing, status=LoadStatus.LOADING, **values)
        return Claimed(finding, self._store("claim", claimed))

    def register(self, event: ObjectEvent, customer: str, why: str | None = None) -> bool:
        self._fail("register")
        if event.load_id in self.loads:
            return False
        queued = replace(new_load(event, customer), message=why)
        self._store("register", queued)
        self._index(queued)
        return True

    def explain(self, load: Load, why: str) -> None:
        self._fail("explain")
        self._store("explain", replace(self.loads[load.load_id], message=why))

    def index(self, load: Load) -> None:
        self._fail("index")
        self.effects.append("index")
        self._index(load)

    def first_of_upload(self, load: Load, upload_id: str) -> UUID:
        self._fail("first_of_upload")
        return self.firsts.setdefault((load.customer, upload_id, load.key), load.load_id)

    def renew(self, load: Load, write_high: int) -> Load:
        return self._change("renew", load, write_high=write_high)

    def finish(self, load: Load, outcome: Outcome) -> Load:
        found = {item.name: getattr(outcome, item.name) for item in fields(outcome)}
        values = {name: value for name, value in found.items() if value is not None}
        return self._change("finish", load, **values, ended_at=self.clock())

    def restore(self, load: Load) -> Load:
        return self._change("restore", load, **restored_values(load))

    def mark_placed(self, load: Load, place: Place) -> Load:
        return self._change("mark_placed", load, placed_at=self.clock(), placed_in=place)

    def wait(self, load: Load, *, pause: timedelta, error: str) -> Load:
        return self._change(
            "wait", load, status=LoadStatus.WAITING, retry_at=self.clock() + pause, message=error
        )

    def give_back(self, load: Load) -> Load:
        return self._change("give_back", load, status=LoadStatus.QUEUED, attempts=load.attempts - 1)

    def release(self, load_id: UUID, worker: str, error: str) -> None:
        self._fail("release")
        self.released.append((load_id, worker))

    def keep_unusable(self, queue: str, reason: str, body: bytes) -> None:
        self._fail("keep_unusable")
        self.effects.append("keep_unusable")
        self.unusable.append((queue, reason, body))

    def customers(self) -> list[str]:
        self._fail("customers")
        return sorted({load.customer for load in self.loads.values()})

    def search(self, wanted: LoadFilter, at_most: int | None = None) -> Iterator[Load]:
        self._fail("search")
        in_order_of_ids = sorted(self.loads.values(), key=lambda load: load.load_id)
        return islice(filter(wanted.matches, in_order_of_ids), at_most)

    def figures(self, customer: str | None, since: datetime, until: datetime) -> Iterator[LoadFigures]:
        wanted = LoadFilter(customer=customer, since=since, until=until)
        return map(LoadFigures.of, self.search(wanted))

    def outlines(self, wanted: LoadFilter) -> Iterator[LoadOutline]:
        self._fail("outlines")
        found = filter(wanted.matches, list(self.loads.values()))
        return (LoadOutline(load.reason, load.rows_rejected, load.discarded_at) for load in found)

    def project(self, load: Load) -> "FakePending":
        self._fail("project")
        self.figures_of[load.load_id] = LoadFigures.of(load)
        return FakePending(self.faults.pop("projection", []))

    def projected(self, customer: str) -> dict[UUID, LoadFigures | None]:
        self._fail("projected")
        return {
            of: figures
            for of, figures in self.figures_of.items()
            if not figures or figures.customer == customer
        }

    def loads_in(self, customer: str | None, statuses: Collection[LoadStatus]) -> Iterator[Load]:
        self._fail("loads_in")
        found = (load for load in self.loads.values() if load.status in statuses)
        return (load for load in found if customer in (None, load.customer))

    def ids_of_upload(self, customer: str, upload_id: str) -> list[UUID]:
        return list(self.by_upload.get((customer, upload_id), ()))

    def ping(self) -> None:
        self._fail("ping")

    def _index(self, load: Load) -> None:
        if load.upload_id is not None:
            self.by_upload.setdefault((load.customer, load.upload_id), set()).add(load.load_id)

    def _change(self, effect: str, load: Load, **values: Any) -> Load:
        self._fail(effect)
        if self.loads[load.load_id].claim != load.claim:
            raise LeaseLost(f"load {load.load_id} is held by another worker")
        return self._store(effect, replace(self.loads[load.load_id], **values))

    def _store(self, effect: str, load: Load) -> Load:
        self.effects.append(effect)
        self.loads[load.load_id] = load
        return load

    def _fail(self, call: str) -> None:
        """Raise what was put under a call's name, once each."""
        if self.faults.get(call):
            raise self.faults[call].pop(0)


@dataclass
class FakeStore:
    """Object versions in a dictionary by (bucket, key, version id); what has no version is under ""."""

    effects: list[str] = field(default_factory=list)
    objects: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    metadata: dict[str, Mapping[str, str]] = field(default_factory=dict)  # by key
    media_types: dict[str, str] = field(default_factory=dict)  # by key
    modified_at: datetime = WRITTEN_AT
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    range_bytes: int = 8

    def put_version(
        self, body: bytes, key: str = "people.csv", version: str = "v1", bucket: str = "staging-acme"
    ) -> None:
        """Put an object in without noting an effect."""
        self.objects[bucket, key, version] = body

    def open(self, version: ObjectVersion) -> OpenObject:
        self._fail("open")
        body = self._body(version)
        found = replace(version, size=len(body))
        return OpenObject(self, found, body[: self.range_bytes], self.metadata.get(version.key, {}))  # type: ignore[arg-type]  # a fake

    def has(self, version: ObjectVersion) -> bool:
        self._fail("has")
        return (version.bucket, version.key, version.version_id) in self.objects

    def read_range(self, version: ObjectVersion, start: int, size: int) -> bytes:
        self._fail("read_range")
        return self._body(version)[start : start + size]

    def copy(self, version: ObjectVersion, bucket: str, key: str, metadata: Mapping[str, str]) -> None:
        self._fail("copy")
        self.objects[bucket, key, ""] = self._body(version)
        self.effects.append("copy")

    def delete(self, version: ObjectVersion) -> None:
        self._fail("delete")
        self.objects.pop((version.bucket, version.key, version.version_id), None)
        self.effects.append("delete")

    def put(self, bucket: str, key: str, body: IO[bytes], *, media_type: str) -> None:
        self._fail("put")
        self.objects[bucket, key, ""] = body.read()
        self.media_types[key] = media_type
        self.effects.append("put")

    def get(self, bucket: str, key: str) -> StoredFile:
        self._fail("get")
        body = self._body(ObjectVersion(bucket, key, ""))
        return StoredFile(self.media_types.get(key, "text/csv"), iter([body]))

    def versions(self, bucket: str) -> Iterator[ObjectVersion]:
        self._fail("versions")
        for (of, key, version), body in self.objects.items():
            if of == bucket:
                yield ObjectVersion(of, key, version, len(body), self.modified_at)

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        self._fail("keys")
        return (key for of, key, _ in self.objects if of == bucket and key.startswith(prefix))

    def buckets(self) -> Iterator[str]:
        self._fail("buckets")
        return iter(dict.fromkeys(bucket for bucket, _, _ in self.objects))

    def metadata_of(self, version: ObjectVersion) -> Mapping[str, str]:
        self._body(version)
        return self.metadata.get(version.key, {})

    def ping(self) -> None:
        self._fail("ping")

    def _body(self, version: ObjectVersion) -> bytes:
        try:
            return self.objects[version.bucket, version.key, version.version_id]
        except KeyError as error:
            raise ObjectGone(f"{version.key!r} is not in the store") from error

    def _fail(self, call: str) -> None:
        if self.faults.get(call):
            raise self.faults[call].pop(0)


@dataclass
class FakeWriter:
    """Takes rows for any table; the table is the writer itself."""

    effects: list[str] = field(default_factory=list)
    rows: list[tuple[tuple[Any, ...], int]] = field(default_factory=list)  # cells and write time
    tables: list[tuple[str, str]] = field(default_factory=list)
    cleared: list[range] = field(default_factory=list)  # write times of earlier runs, by open
    faults: dict[str, list[Exception]] = field(default_factory=dict)

    def open(self, keyspace: str, contract: AppContract, earlier: range = range(0)) -> "FakeWriter":
        self._fail("open")
        self.tables.append((keyspace, contract.table.name))
        self.cleared.append(earlier)
        return self

    def write(self, rows: Sequence[tuple[Any, ...]], timestamp_us: int) -> None:
        self._fail("write")
        self.effects.append("write")
        self.rows += [(row, timestamp_us) for row in rows]

    def flush(self) -> None:
        self._fail("flush")
        self.effects.append("flush")

    def _fail(self, call: str) -> None:
        if self.faults.get(call):
            raise self.faults[call].pop(0)


@dataclass
class FakeGrants:
    """Notes the grants that were released; those of `promised` are key and size, and everybody's."""

    released: list[tuple[str, str, str]] = field(default_factory=list)
    promised: list[tuple[str, int]] = field(default_factory=list)

    def outstanding(self, customer: str) -> list[tuple[str, int]]:
        return self.promised

    def release(self, customer: str, upload_id: str, key: str) -> None:
        self.released.append((customer, upload_id, key))


@dataclass
class FakePauses:
    """Pauses in a dictionary; `faults` are raised by the reads, once each."""

    pauses: dict[str, Pause] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)

    def current(self) -> dict[str, Pause]:
        if self.faults:
            raise self.faults.pop(0)
        return dict(self.pauses)

    def pause(self, wanted: Pause) -> Pause | None:
        earlier = self.pauses.get(wanted.customer)
        self.pauses.setdefault(wanted.customer, wanted)
        return earlier

    def resume(self, customer: str) -> bool:
        return self.pauses.pop(customer, None) is not None


@dataclass
class FakeAllowances:
    """One allowance of so many places, or none; notes who was let in at which time."""

    places: int | None = None
    taken: dict[UUID, datetime] = field(default_factory=dict)

    def take_place(self, customer: str, load_id: UUID, at: datetime) -> Violation | None:
        if self.places is None or load_id in self.taken:
            return None
        if len(self.taken) == self.places:
            return Violation(
                rule="too_many_files", value=self.places + 1, limit=self.places, message="one more"
            )
        self.taken[load_id] = at
        return None


@dataclass
class FakeRegistry:
    """One app for every key, or the error that is raised instead."""

    app: IngestApp | Exception

    def apps(self, customer: str) -> tuple[IngestApp, ...]:
        if isinstance(self.app, Exception):
            raise self.app
        return (self.app,)

    def pick(self, customer: str, key: str) -> IngestApp:
        if isinstance(self.app, Exception):
            raise self.app
        return self.app


@dataclass
class Published:
    """A message that was published."""

    exchange: str
    routing_key: str
    body: bytes
    headers: dict[str, Any]


@dataclass
class FakePublisher:
    """Keeps what is published; `refusals` calls fail first."""

    effects: list[str] = field(default_factory=list)
    messages: list[Published] = field(default_factory=list)
    refusals: int = 0
    kept_alive: int = 0

    def keep_alive(self) -> None:
        self.kept_alive += 1

    def publish(self, exchange: str, routing_key: str, body: bytes, headers: Mapping[str, Any]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ServerDown("RabbitMQ did not confirm a message", server="rabbitmq")
        self.effects.append(f"publish {exchange or routing_key}")
        self.messages.append(Published(exchange, routing_key, body, dict(headers)))


@dataclass(eq=False)
class FakeDelivery:
    """A delivery that notes how it ended."""

    body: bytes = b"{}"
    headers: dict[str, Any] = field(default_factory=lambda: {"minio-bucket": "staging-acme"})
    queue: str = "ingest.acme"
    effects: list[str] = field(default_factory=list)
    is_stale: bool = False
    is_redelivered: bool = False

    def ack(self) -> None:
        self.effects.append("ack")

    def requeue(self) -> None:
        self.effects.append("requeue")


@dataclass
class FakeWorker:
    """A worker that answers with what it was given, in order, and notes its assignments."""

    answers: list[Settlement | Exception]
    assignments: list[Assignment] = field(default_factory=list)

    def run(self, assignment: Assignment) -> Settlement:
        self.assignments.append(assignment)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def assignment(
    of: ObjectEvent | None = None, retry_of: int | None = None, replay: Replay | None = None
) -> Assignment:
    """Return an assignment with a claim of its own."""
    return Assignment("acme", of or event(), uuid.uuid4(), retry_of, replay)
