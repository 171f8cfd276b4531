"""The benchmark's pure parts: its files, what contestants say, sums, ratios and targets."""

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from rich.console import Console

from benchmarks import cqlsh_copy, dsbulk
from benchmarks.checksums import Sums, differences, sums_of, sums_of_file, token_ranges
from benchmarks.contest import measures_of
from benchmarks.contestant import ContestantError, Turn, run_program, write_private
from benchmarks.cpu import parse_times
from benchmarks.datasets import DEPARTURES, SERIES, WIDE, Dataset
from benchmarks.files_of_forms import write_form
from benchmarks.measure import Measure
from benchmarks.memory import PLAIN_APP, write_plain_file
from benchmarks.page import figures_of, measure_of, plot, with_figures
from benchmarks.pipeline import APPS_OF_CUSTOMER
from benchmarks.server_log import count_warnings
from benchmarks.shown import figures_table, free_path, shown
from benchmarks.small_files import cut, parse_stages, wrong_accounts
from customer_ingestapps.contract import load_contract

DSBULK_SAYS = """
Operation directory: /tmp/logs/LOAD_20260101-000000-000000
  total | failed | rows/s | p50ms |  p99ms | p999ms | batches
 20,000 |      0 |  7,001 | 59.20 | 200.28 | 200.28 |    1.00
300,000 |      0 | 21,345 | 29.42 | 109.58 | 227.54 |   96.15
Operation LOAD_20260101-000000-000000 completed successfully in 14 seconds.
"""
COPY_SAYS = """
Processed: 300000 rows; Rate:    6124 rows/s; Avg. rate:   11702 rows/s
300000 rows imported from 1 files in 0 day, 0 hour, 1 minute, and 15.0 seconds (0 skipped).
"""


def file_of(dataset: Dataset, folder: Path, rows: int) -> Path:
    path = folder / f"{dataset.name}.csv"
    dataset.write(path, rows)
    return path


@pytest.mark.parametrize("dataset", [WIDE, SERIES])
def test_equal_runs_write_equal_files(dataset: Dataset, tmp_path: Path) -> None:
    first = hashlib.sha256(file_of(dataset, tmp_path, 1_000).read_bytes()).digest()
    assert hashlib.sha256(file_of(dataset, tmp_path, 1_000).read_bytes()).digest() == first


def test_wide_has_a_partition_a_row_and_series_five_hundred_rows_a_partition(tmp_path: Path) -> None:
    wide = list(WIDE.values(file_of(WIDE, tmp_path, 1_000)))
    series = list(SERIES.values(file_of(SERIES, tmp_path, 1_000)))
    assert len({row[0] for row in wide}) == len(wide) == 1_000
    assert sorted({row[0] for row in series}) == ["sensor-00000", "sensor-00001"]
    assert len({row[:2] for row in series}) == 1_000
    assert str(series[501][1]) == "2026-01-01 00:00:10"
    assert [type(value) for value in wide[0]] == [int, str, int, str, float, float, int, int, date, bool]


def test_plain_file_reaches_its_size_with_rows_of_five_kilobytes(tmp_path: Path) -> None:
    path = tmp_path / "texts-1.csv"
    assert write_plain_file(path, 50_000) == 10
    header, *rows = csv.reader(path.read_text().splitlines())
    assert header == ["id", "body"]
    assert [(int(number), len(text)) for number, text in rows] == [(number, 5_000) for number in range(10)]
    assert len({text for _, text in rows}) == 10


def test_plain_files_app_is_a_valid_declaration(tmp_path: Path) -> None:
    (tmp_path / "app.toml").write_text(PLAIN_APP)
    assert load_contract(tmp_path / "app.toml").files.keys == ("texts-*.csv",)


@pytest.mark.parametrize("name", APPS_OF_CUSTOMER)
def test_every_app_of_the_benchmark_is_a_valid_declaration(name: str, tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text(APPS_OF_CUSTOMER[name])
    (tmp_path / "transform.py").write_text("def transform(frame):\n    return frame\n")
    assert load_contract(path).table.name == name


def test_word_for_nothing_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "departures.csv"
    cells = ["1"] * 9 + ["UA", "1545", "NA", "EWR", "IAH", "NA", "1400", "5", "15", "2013-01-01T10:00:00Z"]
    path.write_text(",".join(DEPARTURES.columns) + "\n" + ",".join(cells) + "\n")
    (row,) = DEPARTURES.values(path)
    assert (row[11], row[14], str(row[18])) == (None, None, "2013-01-01 10:00:00")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_formats_hold_the_same_rows(form: str, tmp_path: Path) -> None:
    path = file_of(WIDE, tmp_path, 200)
    write_form(WIDE, path, form)
    expected = [dict(zip(WIDE.columns, row, strict=True)) for row in WIDE.values(path)]
    target = path.with_suffix(f".{form}")
    if form == "parquet":
        assert parquet.read_table(target).to_pylist() == expected
    else:
        texts = [{**row, "last_review": row["last_review"].isoformat()} for row in expected]
        assert [json.loads(line) for line in target.read_text().splitlines()] == texts


def test_sums_do_not_depend_on_the_order_of_rows() -> None:
    rows = [(1, "a", None), (2, "b", 0.5), (3, "a", None)]
    assert sums_of(rows, [0]) == sums_of(reversed(rows), [0])
    assert sums_of([], [0]) == Sums(0, ())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(1, "a", 5), (2, "b", 6)], ""),
        ([(1, "a", 5)], "1 rows instead of 2"),
        ([(1, "b", 5), (2, "a", 6)], "other values in host"),  # the same cells, in each other's rows
        ([(1, "a", 5), (2, "b", None)], "other values in name"),
    ],
)
def test_a_table_that_is_not_the_file_is_told(rows: Sequence[tuple[Any, ...]], said: str) -> None:
    def no_lines(rows: int) -> Iterator[str]:
        return iter(())

    columns = {"id": "int", "host": "text", "name": "int"}
    dataset = Dataset("few", columns, ("id",), (), no_lines)
    expected = sums_of([(1, "a", 5), (2, "b", 6)], [0])
    assert differences(dataset, expected, sums_of(rows, [0])) == said


def test_cells_that_changed_rows_are_always_seen() -> None:
    rows = [(number, f"name {number}") for number in range(500)]
    sums = sums_of(rows, [0])
    for number in range(499):
        (one, name), (other, its_name) = rows[number : number + 2]
        swapped = [*rows[:number], (one, its_name), (other, name), *rows[number + 2 :]]
        assert sums_of(swapped, [0]) != sums


def test_sums_of_a_file_are_those_of_its_values(tmp_path: Path) -> None:
    path = file_of(SERIES, tmp_path, 700)
    assert sums_of_file(SERIES, path) == sums_of(SERIES.values(path), [0, 1])


def test_token_ranges_cover_the_ring_once() -> None:
    ranges = list(token_ranges(64))
    assert len(ranges) == 64
    assert (ranges[0][0], ranges[-1][1]) == (-(2**63), 2**63 - 1)
    assert all(one[1] == following[0] for one, following in pairwise(ranges))


def test_rate_is_read_from_what_contestants_say() -> None:
    assert dsbulk.parse_rate(DSBULK_SAYS) == 21_345
    assert cqlsh_copy.parse_rate(COPY_SAYS) == 4_000


def test_contestant_that_says_nothing_or_fails_is_told() -> None:
    with pytest.raises(ContestantError, match="no figure in: Operation failed"):
        dsbulk.parse_rate("Operation failed: no viable host\n")
    with pytest.raises(ContestantError, match="ended with 3: gone wrong"):
        run_program(["sh", "-c", "echo gone wrong; exit 3"], Path.cwd())
    with pytest.raises(ContestantError, match="no-such-loader is not installed"):
        run_program(["no-such-loader"], Path.cwd())


def test_program_s_output_and_cpu_are_returned() -> None:
    output, cpu_seconds = run_program(["python3", "-c", "print(sum(range(3_000_000)))"], Path.cwd())
    assert output == "4499998500000\n"
    assert cpu_seconds > 0


def test_file_with_a_password_is_private(tmp_path: Path) -> None:
    assert write_private(tmp_path / "login", "secret").stat().st_mode & 0o777 == 0o600


def test_cpu_of_a_process_counts_for_its_group_alone() -> None:
    stat = "12 (a (b) c) S 1 10 10 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5000 0 0"
    assert (parse_times(stat, 10), parse_times(stat, 11)) == (127, 0)


def test_ratios_are_of_turns_of_the_same_round() -> None:
    turns = {
        "pipeline": {0: Turn(100, 1.5), 1: Turn(300, 3)},
        "ceiling": {1: Turn(400, 1), 2: Turn(10, 1)},
        "DSBulk, defaults": {},
    }
    measures = {one.name: one for one in measures_of(WIDE, 100_000, turns)}
    assert measures["wide: pipeline ÷ ceiling"].rounds == (0.75,)
    assert measures["wide: pipeline ÷ ceiling"].is_met is False
    assert measures["wide: pipeline, client's CPU"].rounds == (15.0, 30.0)
    assert "wide: pipeline ÷ DSBulk, defaults" not in measures
    assert "wide: DSBulk, defaults" not in measures


def test_target_is_met_on_its_own_side() -> None:
    assert [Measure("m", "", (5.0,), least=5).is_met, Measure("m", "", (4.9,), least=5).is_met] == [
        True,
        False,
    ]
    assert [Measure("m", "", (15.0,), most=15).is_met, Measure("m", "", (15.1,), most=15).is_met] == [
        True,
        False,
    ]
    assert [Measure("m", "", (1.0,), least=5).target, Measure("m", "", (1.0,), most=15).target] == [
        "≥ 5",
        "≤ 15",
    ]
    assert Measure("m", "", (1.0,)).target == ""


def test_batch_warnings_are_counted() -> None:
    log = (
        "WARN  [Native-Transport-Requests-1] BatchStatement.java Batch for [benchmark.wide] is of size 9, "
        "exceeding specified threshold\n"
        "WARN  [x] Unlogged batch covering 200 partitions detected against table [benchmark.wide].\n"
        "INFO  [x] Starting listening for CQL clients\n"
    )
    assert count_warnings(log) == 2


def test_file_is_cut_into_files_with_its_header() -> None:
    assert list(cut("a,b\n1,2\n3,4\n5,6\n", 2)) == [b"a,b\n1,2\n3,4\n", b"a,b\n5,6\n"]


def account(**other: object) -> dict[str, object]:
    whole = {
        "status": "loaded",
        "rows_read": 100,
        "rows_written": 100,
        "rows_rejected": 0,
        "rows_dropped": None,
    }
    return {**whole, "placed_at": datetime(2026, 1, 1, tzinfo=UTC), **other}


def test_accounts_of_small_files_must_be_whole() -> None:
    assert wrong_accounts([account(), account()]) == []
    assert wrong_accounts([account(), account(rows_written=99)]) == [
        "1 objects have the accounts (100, 99, 0, 0)"
    ]
    assert wrong_accounts([account(status="failed"), account(placed_at=None)]) == [
        "1 objects ended as failed",
        "1 objects were not moved",
    ]


def test_stages_are_read_from_the_metrics() -> None:
    text = (
        "# TYPE ingest_manager_stage_seconds histogram\n"
        'ingest_manager_stage_seconds_sum{stage="wait"} 9.0\n'
        'ingest_manager_stage_seconds_sum{stage="claim"} 2.5\n'
        'ingest_manager_stage_seconds_count{stage="claim"} 7.0\n'
    )
    assert parse_stages(text) == {"claim": 2.5}


def test_figures_replace_what_stands_between_the_marks() -> None:
    page = "# Title\n<!-- figures -->\nold\n<!-- end of figures -->\nrest\n"
    assert with_figures(page, "new") == "# Title\n<!-- figures -->\nnew\n<!-- end of figures -->\nrest\n"
    assert [shown(figure) for figure in (0.987, 12.34, 56789.1)] == ["0.99", "12.3", "56,789"]


def test_page_names_faults_warnings_and_targets_that_are_not_met() -> None:
    machine = {"cpus": 2, "cpu": "C", "memory_mib": 1024, "load_average": [1.5], "load_average_before": [0.5]}
    versions = dict.fromkeys(("cassandra", "dsbulk", "cqlsh", "cassandra-driver", "python"), "1")
    run = {
        "at": "2026-01-31T12:00:00+00:00",
        "rows": 1000,
        "machine": machine | versions,
        "batch_warnings": {"pipeline": 0, "DSBulk, defaults": 2},
        "faults": ["wide, ceiling, round 1: 9 rows instead of 10"],
    }
    measures = [
        Measure("wide: pipeline ÷ ceiling", "", (0.8, 0.9, 0.7), least=0.9),
        Measure("wide: pipeline", "rows/s", (50_000.0,)),
    ]
    page = figures_of({"r.json": run}, measures)
    assert "| wide: pipeline ÷ ceiling | 0.80 | 3: 0.70 – 0.90 | ≥ 0.9 | **not met** |" in page
    assert "| wide: pipeline | 50,000 rows/s | 1 |" in page
    assert "  - wide, ceiling, round 1: 9 rows instead of 10" in page
    assert "- Batch warnings in the server's log: DSBulk, defaults 2." in page
    assert "- Result: `benchmarks/results/r.json` of 2026-01-31T12:00:00+00:00, 1,000 rows a file." in page
    assert "- Machine: 2 × C, 1,024 MiB; load 0.5 before, 1.5 after." in page


def test_figure_of_many_samples_shows_how_many_and_whether_they_drifted() -> None:
    machine = {"load_average": [0], "load_average_before": [0], "cpus": 2, "cpu": "C", "memory_mib": 1}
    programs = dict.fromkeys(("cassandra", "dsbulk", "cqlsh", "cassandra-driver", "python"), "1")
    run = {"at": "now", "rows": 10, "machine": machine | programs, "batch_warnings": {}, "faults": []}
    measures = [
        Measure("p50", "ms", (42.0,), most=50, samples=500),
        Measure("of each hundred", "ms", (71.2, 61.0, 60.6), samples=100),
    ]
    page = figures_of({"r.json": run}, measures)
    assert "| p50 | 42.0 ms | 1, of 500 samples | ≤ 50 | met |" in page
    assert "| of each hundred | 61.0 ms | 3, of 100 samples: 60.6 – 71.2 |" in page


def test_table_of_figures_fits_into_eighty_columns() -> None:
    name = "wide: pipeline ÷ cassandra-driver, prepared, execute_concurrent"
    rows = [
        Measure(name, "", (10.0, 9.2, 12.4)),
        Measure("wide: pipeline", "rows/s", (49_032.6,) * 2, least=9),
    ]
    shown_as = StringIO()
    console = Console(file=shown_as, width=80)
    console.print(figures_table(rows))
    lines = [line.split() for line in shown_as.getvalue().splitlines()]
    assert ["wide:", "pipeline", "49,033", "rows/s", "2:", "49,033", "–", "49,033", "≥", "9", "met"] in lines
    assert max(map(len, shown_as.getvalue().splitlines())) <= 80


def test_second_result_of_a_day_leaves_the_first(tmp_path: Path) -> None:
    for name in ("day-readers.json", "day-readers-2.json", "day-readers-3.json"):
        path = free_path(tmp_path, "day-readers")
        assert path.name == name
        path.touch()


def test_result_keeps_how_many_samples_there_were() -> None:
    measure = Measure("p50", "ms", (42.0,), most=50, samples=500)
    assert measure_of(json.loads(json.dumps(asdict(measure)))) == measure
    assert measure_of({"name": "of before", "unit": "", "rounds": [1.0]}).samples == 1


def test_plot_is_a_small_png(tmp_path: Path) -> None:
    document = {"name": "wide: pipeline ÷ ceiling", "unit": "", "rounds": [0.8, 0.9], "least": 0.9}
    plot([measure_of(document)], tmp_path / "plot.png")
    content = (tmp_path / "plot.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 100_000
