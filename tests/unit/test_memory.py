"""A worker's memory: what was large goes back; an allocation beyond the limit fails or refuses the file."""

import multiprocessing
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from support.cql_values import app, read
from support.hostile_parquet import bomb

from customer_ingestapps.errors import FileRejected
from ingest_manager.loading.memory import give_back_large_blocks, limit_memory

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


def free_large_between_small() -> str:
    give_back_large_blocks()
    bytearray(b"x") * (16 << 20)  # freed at once: glibc would now keep blocks of up to that size
    small, large = [], []
    for _ in range(32):
        large.append(b"x" * (2 << 20))
        small.append(b"x" * 200_000)
    before = _resident_mib()
    large.clear()
    given_back = before - _resident_mib()
    return "nearly all" if given_back > 60 else f"{given_back} of {2 * len(small)} MiB"


def _resident_mib() -> int:
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")
    )
    return int(line.split()[1]) >> 10


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


def test_large_blocks_between_small_ones_go_back_when_they_are_freed() -> None:
    assert limited(free_large_between_small) == "nearly all"


@pytest.mark.parametrize(
    ("is_in_footer", "reason"), [(False, "damaged"), (True, "row_group_too_large")], ids=["hidden", "told"]
)
def test_a_page_beyond_the_limit_refuses_the_file(is_in_footer: bool, reason: str) -> None:
    assert limited(partial(read_bomb, is_in_footer=is_in_footer)) == reason
