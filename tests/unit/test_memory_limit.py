"""A worker's memory limit: an allocation beyond it fails, and a file that asks for it is refused."""

import multiprocessing
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

import pytest
from support.cql_values import app, read
from support.hostile_parquet import bomb

from customer_ingestapps.errors import FileRejected
from ingest_manager.loading.memory_limit import limit_memory

LIMIT_MIB = 128
PAGE_MIB = 200


def answer(to: Connection, ask: Callable[[], str]) -> None:
    limit_memory(LIMIT_MIB)
    to.send(ask())


def limited(ask: Callable[[], str]) -> str:
    """Ask something of a process with the limit; this one's stays as it is."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=answer, args=(theirs, ask))
    process.start()
    theirs.close()
    said = ours.recv()
    process.join()
    return str(said)


def take_less_and_more() -> str:
    sizes = [len(bytearray(LIMIT_MIB // 2 << 20))]
    try:
        bytearray(LIMIT_MIB * 2 << 20)
    except MemoryError:
        return f"{sizes[0] >> 20} fit"
    return "more than the limit was taken"


def read_bomb(*, is_in_footer: bool) -> str:
    try:
        read(app({"id": "bigint"}, format="parquet"), bomb(PAGE_MIB << 20, is_in_footer=is_in_footer))
    except FileRejected as error:
        return error.reason
    return "the bomb was read"


@pytest.fixture(autouse=True)
def _allocator_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "system")


def test_an_allocation_beyond_the_limit_fails() -> None:
    assert limited(take_less_and_more) == "64 fit"


@pytest.mark.parametrize(
    ("is_in_footer", "reason"), [(False, "damaged"), (True, "row_group_too_large")], ids=["hidden", "told"]
)
def test_a_page_beyond_the_limit_refuses_the_file(is_in_footer: bool, reason: str) -> None:
    assert limited(partial(read_bomb, is_in_footer=is_in_footer)) == reason
