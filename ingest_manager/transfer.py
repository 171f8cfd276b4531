"""From an open object to rows in its table: read, encode, write, keep the rejects, count.

A step of `loading`. A chunk is sent only once the next has been parsed, so that a small file is written
whole or not at all.
"""

from collections.abc import Iterator

from bucket_policies.customers import Customer
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.registry import IngestApp
from ingest_manager.accounts import Accounts
from ingest_manager.lease import Lease
from ingest_manager.loads import Outcome
from ingest_manager.object_store import OpenObject
from ingest_manager.rejects import RejectsFile
from ingest_manager.row_writer import MISSING, RowWriter


def transfer(
    source: OpenObject,
    app: IngestApp,
    customer: Customer,
    *,
    lease: Lease,
    writer: RowWriter,
    rejects: RejectsFile,
) -> Outcome:
    """Write an object's rows; return when the server has acknowledged every one.

    Raises:
        PermanentError: the table is not what the app declares.
        TransientError, ServerDown, LeaseLost, GivenBack: the load did not come to an end.
    """
    table = writer.open(customer.keyspace, app.contract)
    accounts = Accounts()
    expanded_limit = customer.constraints.expanded_kib * 1024
    chunks = read_chunks(app, lease.load.key, source.blocks(), expanded_limit=expanded_limit)
    try:
        for chunk in _one_behind(chunks):
            write_us = lease.load.write_base + chunk.number
            lease.allow(write_us)
            table.write(encode_rows(app.contract, chunk.frame, MISSING), write_us)
            rejects.add(chunk.header, chunk.rejects)
            accounts.add(chunk)
            accounts.check(customer.constraints)
        outcome = accounts.outcome()
    except FileRejected as error:
        outcome = accounts.refusal(error)
    table.flush()
    return outcome


def _one_behind(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    held = next(chunks, None)
    while held is not None:
        following = next(chunks, None)
        yield held
        held = following
