"""From an open object to rows in its table: read, encode, write, keep the rejects, count.

A step of `loading`; `check` takes the same rows without a server. A chunk is sent only once the next has been
parsed, so that a small file is written whole or not at all.
"""

from collections.abc import Sequence
from typing import Protocol

from bucket_policies.customers import Customer
from customer_ingestapps.accounts import one_behind
from customer_ingestapps.cells import Rows, encode_rows
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.reasons import Reject
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.rejects_file import RejectsFile
from customer_ingestapps.transforms import Transform
from ingest_manager.cassandra.row_writer import MISSING, RowWriter
from ingest_manager.errors import ObjectGone, PermanentError
from ingest_manager.ledger.loads import Load, Outcome
from ingest_manager.loading.accounts import Accounts
from ingest_manager.loading.lease import Lease
from ingest_manager.monitoring.measures import Measures
from ingest_manager.objects.object_store import OpenObject


class Hold(Protocol):
    """What is asked of a lease."""

    @property
    def load(self) -> Load:
        """The load that is held."""

    @property
    def measures(self) -> Measures:
        """Where the time goes."""

    def allow(self, write_us: int, /) -> None:
        """Make sure that a write time may be used."""


class TableSink(Protocol):
    """Who takes encoded rows."""

    def write(self, rows: Rows, timestamp_us: int, /) -> None:
        """Take rows, all with one write time."""


class RejectsSink(Protocol):
    """Who takes rejects."""

    def add(self, header: Sequence[str], rejects: Sequence[Reject], /) -> None:
        """Take the rejects of a chunk."""


def transfer(
    source: OpenObject,
    app: IngestApp,
    customer: Customer,
    *,
    lease: Lease,
    writer: RowWriter,
    rejects: RejectsFile,
    transform: Transform | None,
) -> Outcome:
    """Write an object's rows; return when the server has acknowledged every one.

    Raises:
        TransientError: the table is not what the app declares, or another fault that may pass.
        ServerDown, LeaseLost, GivenBack: the load did not come to an end.
    """
    table = writer.open(customer.keyspace, app.contract, lease.load.earlier_writes)
    accounts = Accounts()
    try:
        try:
            send_rows(
                source,
                app,
                customer,
                transform=transform,
                lease=lease,
                table=table,
                rejects=rejects,
                accounts=accounts,
            )
            outcome = accounts.outcome()
        except FileRejected as error:
            outcome = accounts.refusal(error)
        with lease.measures.stage("write"):
            table.flush()
    except ObjectGone:
        raise
    except PermanentError as error:  # of the table, amid the rows
        outcome = accounts.fault(error)
    lease.measures.rejects = accounts.reasons
    return outcome


def send_rows(
    source: OpenObject,
    app: IngestApp,
    customer: Customer,
    *,
    transform: Transform | None,
    lease: Hold,
    table: TableSink,
    rejects: RejectsSink,
    accounts: Accounts,
) -> None:
    """Read an object to its end; hand over its rows and rejects, and count them.

    Raises:
        FileRejected: it cannot be read to its end; the accounts tell what was handed over.
    """
    expanded_limit = customer.constraints.expanded_kib * 1024
    read_from = source if app.contract.files.format == "parquet" else source.blocks()
    chunks = read_chunks(app, lease.load.key, read_from, expanded_limit=expanded_limit, transform=transform)
    for chunk in one_behind(lease.measures.each("read", chunks)):
        rejects.add(chunk.header, chunk.rejects)
        accounts.check(chunk, customer.constraints)
        write_us = lease.load.write_base + chunk.number
        lease.allow(write_us)
        with lease.measures.stage("write"):
            rows = encode_rows(app.contract, chunk.frame, MISSING)
            accounts.add(chunk)  # before: a fault amid writing leaves some of its rows behind
            table.write(rows, write_us)
