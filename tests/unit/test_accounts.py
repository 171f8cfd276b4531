"""The accounts of a file: what counts, and where too many rejects end it."""

import polars as pl
import pytest

from bucket_policies.rules import FileRules
from customer_ingestapps.accounts import FileAccounts, one_behind
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reading import Chunk
from customer_ingestapps.reasons import Reason, Reject


def chunk(*bad_lines: int, first_line: int = 2, rows: int = 10) -> Chunk:
    rejects = [Reject(line, "id", "x", Reason.BAD_VALUE, "no number", ("x",)) for line in bad_lines]
    kept = rows - len(rejects)
    frame = pl.DataFrame({"id": range(kept)})
    return Chunk(0, rows, 0, rejects, frame, kept, first_line + rows - 1, ("id",))


def take(chunks: list[Chunk], max_rejects: int | str | None) -> FileAccounts:
    rules = FileRules(formats=(".csv",), number_files=1, data_sizes=1, max_rejects=max_rejects)
    accounts = FileAccounts()
    for one in chunks:
        accounts.check(one, rules)
        accounts.add(one)
    return accounts


def refused(chunks: list[Chunk], max_rejects: int | str) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        take(chunks, max_rejects)
    return caught.value


def test_as_many_rejects_as_are_allowed_end_nothing() -> None:
    accounts = take([chunk(3, 5), chunk(14, first_line=12)], 3)
    assert (accounts.rows_read, accounts.rows_written, accounts.rows_rejected) == (20, 17, 3)
    assert accounts.last_line == 21


def test_one_more_ends_the_file_at_its_line() -> None:
    error = refused([chunk(3, 5), chunk(14, 16, 18, first_line=12)], 3)
    assert (error.reason, error.line) == ("too_many_rejects", 16)
    assert str(error) == "5 of 20 rows rejected, allowed: 3, passed on line 16"


def test_chunk_that_ends_the_file_counts_with_its_rejects_alone() -> None:
    accounts = take([chunk(3, 5)], None)
    rules = FileRules(formats=(".csv",), number_files=1, data_sizes=1, max_rejects=2)
    with pytest.raises(FileRejected):
        accounts.check(chunk(14, first_line=12), rules)
    assert (accounts.rows_read, accounts.rows_written, accounts.rows_rejected) == (11, 8, 3)


def test_percentage_is_judged_from_a_thousand_rows_on() -> None:
    few = chunk(*range(2, 12), rows=999)
    assert take([few], "1%").rows_rejected == 10
    assert refused([few, chunk(first_line=1001, rows=1)], "0.5%").line == 1001
    assert refused([chunk(*range(2, 13), rows=1000)], "1%").line == 12


def test_chunk_comes_only_after_the_next_has_been_read() -> None:
    read = []

    def reading() -> list[Chunk]:
        for number in (1, 2, 3):
            read.append(number)
            yield chunk()

    seen = [list(read) for _ in one_behind(reading())]
    assert seen == [[1, 2], [1, 2, 3], [1, 2, 3]]
