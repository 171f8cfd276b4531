"""The end of a customer: what it has is told, its logins and uploads stop, and nothing is deleted.

First the password goes, then the document is put aside; by it MinIO denies whatever was signed or lent for
the customer. What stays can be deleted by hand, or is there again when the customer comes back.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bucket_policies import users
from bucket_policies.customer_documents import put_aside
from bucket_policies.customers import Customer
from bucket_policies.errors import NotGivenError, PolicyError, UnfinishedError
from bucket_policies.grant_store import CassandraSession, GrantStore
from bucket_policies.minio_parts import service_parts
from bucket_policies.mirror import Holding, Mirror, apply
from bucket_policies.settings import GrantSettings, MirrorSettings, read_settings
from bucket_policies.store import Administration
from bucket_policies.usage import Usage, measure


@dataclass(frozen=True)
class Belongings:
    """What the systems keep of a customer."""

    holdings: Sequence[tuple[str, Holding]]
    """With the system's name, MinIO first."""

    not_told: Sequence[tuple[str, PolicyError]]
    """Each system that could not be asked, and why."""

    staged_files: int

    @property
    def unfinished(self) -> int | None:
        """Objects without outcome; None where nobody here can tell."""
        told = [holding.unfinished for _, holding in self.holdings if holding.unfinished is not None]
        return sum(told) if told else None

    def refuse_unfinished(self, customer_id: str) -> None:
        """Make sure that every object in staging has its outcome.

        Raises:
            UnfinishedError: one has none, or nobody here can tell.
        """
        if not (self.staged_files if self.unfinished is None else self.unfinished):
            return
        count = f"{self.unfinished} objects without outcome"
        if self.unfinished is None:
            count = f"{self.staged_files} objects in staging, and nobody here can tell their outcome"
        raise UnfinishedError(
            f"{customer_id} has {count}: `ingest-manager drain {customer_id}` waits for them; with --force "
            "they stay as they are, and are loaded when it comes back"
        )


def look(minio: Administration, mirrors: Sequence[Mirror], customer: Customer) -> Belongings:
    """Ask every system what it keeps of a customer.

    Raises:
        UnreachableError: MinIO does not answer; without it no upload can be stopped.
    """
    used = measure(minio, customer, None)
    holdings = [("MinIO", one) for one in _buckets(customer, used)]
    not_told: list[tuple[str, PolicyError]] = []
    for mirror in mirrors:
        try:
            holdings += [(mirror.name, holding) for holding in mirror.holdings(customer)]
        except PolicyError as error:
            not_told.append((mirror.name, error))
    return Belongings(holdings, not_told, used.staged_files)


def left_to_do(customer: Customer, not_told: Iterable[tuple[str, PolicyError]]) -> Iterator[str]:
    """Tell what the admin has to look for itself: once removed, no command looks for a customer again."""
    kept = {
        "RabbitMQ": f"queue {customer.queue}",
        "Cassandra": f'keyspace "{customer.keyspace}", and the loads of {customer.id} in the ledger',
    }
    for system, error in not_told:
        what = kept.get(system, f"what is named after {customer.id}")
        yield (
            f"{system} was not looked at: {error}; what it has of {customer.id} stays and is not listed: "
            f"when it answers, look there by hand for: {what}"
        )


def _buckets(customer: Customer, used: Usage) -> Iterator[Holding]:
    kept = f"for {customer.constraints.replay_days} days each"
    for bucket, held in (
        (customer.staging_bucket, f"{used.staged_files} objects, {used.staged_bytes} bytes"),
        (customer.archive_bucket, f"{used.archived_files} objects, {used.archived_bytes} bytes, {kept}"),
    ):
        yield Holding(f"bucket {bucket}: {held}", f"mc rb --force ALIAS/{bucket}")


def end(minio: Administration, customer: Customer, settings: MirrorSettings) -> tuple[Path, list[str]]:
    """End a customer's logins and uploads; return where its document is now, and what could not be done.

    Raises:
        DocumentError: a document cannot be written.
    """
    users.remove_password(settings.users_document, customer.id)
    aside = put_aside(settings.folder, customer.id)
    faults = list(_end_grants(customer))
    try:
        differences = apply(minio, service_parts(minio, settings))
    except PolicyError as error:
        return aside, [*faults, _still_open(str(error))]
    refused = (f"{one.what}: {one.error}" for one in differences if one.error)
    return aside, [*faults, *map(_still_open, refused)]


def _still_open(fault: str) -> str:
    return f"what is signed or lent holds until `bucket-policies apply`: {fault}"


def _end_grants(customer: Customer) -> Iterator[str]:
    """Free the promised bytes now; yield why not, where a Cassandra that is known here could not be asked."""
    try:
        with closing(CassandraSession(read_settings(GrantSettings))) as session:
            GrantStore(session).end(customer.id)
    except NotGivenError:
        return
    except PolicyError as error:
        yield f"the grants of {customer.id} are not ended, nothing is to do: they end by themselves: {error}"
