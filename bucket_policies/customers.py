"""The customers: one constraints document each, and every name that follows from a customer's id.

Each service looks here for who exists. A document is re-read when it changes; one that breaks the rules is
refused and the last good one stays in force, so that a slip of the admin stops nobody.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bucket_policies.constraints import Constraints, parse_constraints
from bucket_policies.errors import DocumentError, SettingsError
from bucket_policies.rules import escaped

STAGING_PREFIX = "staging-"
ARCHIVE_PREFIX = "archive-"

_ID = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]{1,40}[a-z0-9]")
_RESERVED = re.compile(r"ingest|unrouted|system.*")  # keyspaces in use, and the queue ingest.unrouted


@dataclass(frozen=True)
class Customer:
    """One customer and where its things are.

    >>> acme = Customer("acme-west", Constraints(formats=[".csv"], number_files=10, data_sizes=4096))
    >>> acme.staging_bucket, acme.queue, acme.keyspace
    ('staging-acme-west', 'ingest.acme-west', 'acme_west')
    """

    id: str
    constraints: Constraints

    @property
    def staging_bucket(self) -> str:
        """Where the customer's objects land."""
        return STAGING_PREFIX + self.id

    @property
    def archive_bucket(self) -> str:
        """Where loaded objects and rejects are kept."""
        return ARCHIVE_PREFIX + self.id

    @property
    def queue(self) -> str:
        """The queue of the customer's events."""
        return f"ingest.{self.id}"

    @property
    def keyspace(self) -> str:
        """The customer's keyspace; to be quoted in CQL, as it may begin with a digit."""
        return self.id.replace("-", "_")


def quota_in_minio(quota_bytes: int) -> int:
    """Give the quota with which MinIO lets a bucket hold so much.

    It refuses the object that makes a bucket exactly as large as its quota, so its own is a byte more.
    """
    return quota_bytes + 1


def quota_by_minio(quota_bytes: int) -> int:
    """Give how much a bucket may hold by the quota that MinIO has for it; 0 is none."""
    return max(quota_bytes - 1, 0)


def is_customer_id(text: str) -> bool:
    """Ask whether a text can be a customer's id."""
    return bool(_ID.fullmatch(text)) and not _RESERVED.fullmatch(text)


def check_customer_id(text: str) -> None:
    """Make sure that a text can be a customer's id.

    Raises:
        DocumentError: it cannot.
    """
    if not is_customer_id(text):
        raise DocumentError(
            f"'{escaped(text)}' cannot be a customer: an id has 3 to 42 lower-case letters, digits and "
            "single hyphens inside, and is not ingest, unrouted or system…"
        )


def customer_of_bucket(bucket: str) -> str | None:
    """Give the customer whose staging bucket this is.

    >>> customer_of_bucket("staging-acme")
    'acme'
    >>> customer_of_bucket("archive-acme") is None
    True
    """
    customer = bucket.removeprefix(STAGING_PREFIX)
    return customer if customer != bucket and is_customer_id(customer) else None


_Stamp = tuple[int, int, int]  # inode, mtime in ns, size: any of them changes with an edit


@dataclass(frozen=True)
class _Snapshot:
    stamps: Mapping[str, _Stamp] | None = None
    customers: Mapping[str, Customer] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class CustomerDirectory:
    """The documents of a folder, as they are now; cheap to ask every few seconds, from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._snapshot = _Snapshot()  # replaced as a whole, so readers need no lock

    @property
    def problems(self) -> Mapping[str, str]:
        """What `current` had to refuse: one line per document's file name, or for the folder, with a `/`."""
        return MappingProxyType(self._snapshot.problems)

    def current(self) -> Mapping[str, Customer]:
        """Give every customer by id, reading the documents again when one has changed."""
        before = self._snapshot
        try:
            stamps = self._stamps()
        except OSError as error:
            problems = {f"{self._folder.name}/": f"cannot be read: {error.strerror}"}
            self._snapshot = _Snapshot(None, before.customers, problems)
        else:
            if stamps != before.stamps:
                self._snapshot = self._read(stamps, before.customers)
        return MappingProxyType(self._snapshot.customers)

    def _stamps(self) -> dict[str, _Stamp]:
        with os.scandir(self._folder) as entries:
            documents = [entry.name for entry in entries if _is_document(entry.name)]
        return {name: self._stamp(name) for name in sorted(documents)}

    def _stamp(self, name: str) -> _Stamp:
        try:
            stat = (self._folder / name).stat()
        except OSError:  # what is wrong with it is said when it is read
            return 0, 0, 0
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _read(self, stamps: Mapping[str, _Stamp], last_good: Mapping[str, Customer]) -> _Snapshot:
        customers, problems = {}, {}
        for name in stamps:
            customer_id = name.removesuffix(".json")
            try:
                customers[customer_id] = read_customer(self._folder / name)
            except DocumentError as error:
                problems[name] = str(error)
                if customer_id in last_good:
                    customers[customer_id] = last_good[customer_id]
        return _Snapshot(stamps, customers, problems)


def open_directory(folder: Path) -> CustomerDirectory:
    """Give the documents to a command that ends by itself; a folder that is not there is a wrong setting.

    Raises:
        SettingsError: the folder cannot be read.
    """
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise SettingsError(
            f"BUCKET_POLICIES_DIR: {folder} cannot be read: {error.strerror}; "
            "set it to the folder that has customers/ with the customers' documents"
        ) from error
    return CustomerDirectory(folder)


def _is_document(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")  # editors leave hidden ones


def read_customer(document: Path) -> Customer:
    """Read one customer's document, `<id>.json`.

    Raises:
        DocumentError: the id or the document breaks the rules, or the file cannot be read.
    """
    customer_id = document.name.removesuffix(".json")
    check_customer_id(customer_id)
    try:
        return Customer(customer_id, parse_constraints(document.read_bytes()))
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}") from error
