"""Proposals: what is found out about a sample, what is only told, and that the whole sample loads."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from customer_ingestapps.accounts import FileAccounts
from customer_ingestapps.contract import load_contract
from customer_ingestapps.errors import FileRejected, ProposalError
from customer_ingestapps.proposals import key_search
from customer_ingestapps.proposals.declaration import declaration_of
from customer_ingestapps.proposals.excerpt import excerpt_name, excerpt_of
from customer_ingestapps.proposals.proposal import Proposal, ProposedColumn, Wishes, propose
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp


def proposed(folder: Path, content: bytes | str, name: str = "fruit-1.csv", **wishes: Any) -> Proposal:
    sample = folder / name
    sample.write_bytes(content if isinstance(content, bytes) else content.encode())
    return propose(sample, Wishes(**wishes))


def column_of(folder: Path, *values: str, zone: str | None = None) -> ProposedColumn:
    """Give what is proposed for a column of these values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "x"), *enumerate(values)])
    return proposed(folder, text.getvalue(), key=("id",), zone=zone).columns[1]


def rejects_of(proposal: Proposal, data: bytes, folder: Path) -> list[str]:
    """Load data by the declaration that would be written; give what is rejected."""
    declaration = folder / "app.toml"
    declaration.write_text(declaration_of(proposal), "utf-8")
    contract = load_contract(declaration)
    assert contract == proposal.contract()
    app = IngestApp("acme", "fruit", "", folder, contract)
    accounts = FileAccounts()
    messages = []
    for chunk in read_chunks(app, proposal.form.path.name, [data], expanded_limit=None):
        accounts.add(chunk)
        messages += [reject.message for reject in chunk.rejects]
    assert accounts.rows_read == proposal.rows
    return messages


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["1", "-2"], {"type": "int"}),
        (["1", "2147483648"], {"type": "bigint"}),
        (["0.5", "1e3"], {"type": "double"}),
        (["0.5", "123456789.12345678"], {"type": "decimal"}),
        (["1,5", "2"], {"type": "double", "decimal_mark": ","}),
        (["1.234,5", "2"], {"type": "double", "decimal_mark": ",", "thousands_mark": "."}),
        (["1,234,567", "2"], {"type": "int", "thousands_mark": ","}),
        (["true", "FALSE"], {"type": "boolean"}),
        (["yes", "No"], {"type": "boolean", "true_words": ["yes"], "false_words": ["no"]}),
        (["2026-01-31", "2025-12-01"], {"type": "date"}),
        (["31.01.2026", "01.02.2026"], {"type": "date", "formats": "%d.%m.%Y"}),
        (["31.1.2026", "1.2.2026"], {"type": "date", "formats": "%-d.%-m.%Y"}),
        (["01/31/2026", "01/02/2026"], {"type": "date", "formats": "%m/%d/%Y"}),
        (["31/01/2026", "01/02/2026"], {"type": "date", "formats": "%d/%m/%Y"}),
        (["12:00:00", "23:59:59.5"], {"type": "time"}),
        (["12:00", "23:59"], {"type": "time", "formats": "%H:%M"}),
        (["2026-01-31T12:00:00Z"], {"type": "timestamp"}),
        (["31.01.2026 12:00+01:00"], {"type": "timestamp", "formats": "%d.%m.%Y %H:%M%z"}),
        (["123e4567-e89b-12d3-a456-426614174000"], {"type": "uuid"}),
        (["192.0.2.1", "2001:db8::1"], {"type": "inet"}),
        (["1", "two"], {"type": "text"}),
        (["1", "NA", "NA"], {"type": "int", "null_words": ["NA"]}),
        ([" 1", "2 ", ""], {"type": "int", "trim": True}),
    ],
)
def test_type_is_the_plainest_that_takes_every_value(
    tmp_path: Path, values: list[str], options: dict[str, Any]
) -> None:
    assert column_of(tmp_path, *values).options == options


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (["007", "12"], "leading zeros such as '007' would be lost in a number"),
        (["+4930", "12"], "the plus sign, as in '+4930', would be lost in a number"),
        (["12345678901234567890"], "whole numbers too large for a bigint, so perhaps identifiers"),
        (["01/02/2026", "03/04/2026"], "ambiguous, day first or month first"),
        (["1,234", "5,678"], "ambiguous, a decimal comma or commas between thousands"),
        (["2026-01-31 12:00:00"], "times without a zone: with --zone, such as Europe/Berlin"),
        (["NA", "red"], "'NA' (1 times) is kept as a text; if it means no value: null_words"),
        (["", ""], "the sample has no value of it"),
    ],
)
def test_what_could_be_meant_otherwise_stays_text_and_is_told(
    tmp_path: Path, values: list[str], note: str
) -> None:
    column = column_of(tmp_path, *values)
    assert column.options == {"type": "text"}
    assert column.finding.notes[0].startswith(note)


def test_dates_of_both_orders_are_text(tmp_path: Path) -> None:
    assert column_of(tmp_path, "31/01/2026", "01/31/2026").options == {"type": "text"}


def test_zone_makes_timestamps_of_times_without_one_unless_one_does_not_occur(tmp_path: Path) -> None:
    berlin = "Europe/Berlin"
    column = column_of(tmp_path, "2026-01-31 12:00:00", zone=berlin)
    assert column.options == {"type": "timestamp", "zone": berlin}
    in_the_gap = column_of(tmp_path, "2026-03-29 02:30:00", zone=berlin)
    assert in_the_gap.options == {"type": "text"}


def test_evidence_counts_every_value_of_the_sample(tmp_path: Path) -> None:
    values = [*(str(number) for number in range(25_000)), "0.5", "NA", ""]
    column = column_of(tmp_path, *values)
    assert column.options == {"type": "double", "null_words": ["NA"]}
    assert column.finding.evidence == ("25,001 numbers, 1 of them with decimals; 1 without a value; 1 'NA'")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_the_one_that_fits_every_row(tmp_path: Path, delimiter: str) -> None:
    rows = [("id", "a", "b"), ("1", "x,y", "p;q"), ("2", "x|y", "1")]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    proposal = proposed(tmp_path, text.getvalue())
    assert proposal.files.delimiter == delimiter
    assert f"delimiter: {delimiter!r} (3 columns in 2 of 2 rows)" in proposal.evidence


def test_delimiters_that_fit_too_are_told(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, "a;b,c\n1;2,3\n")
    assert (
        "delimiter: ',' (2 columns in 1 of 1 rows; ';' would fit, too: see --delimiter)" in proposal.evidence
    )


def test_encoding_that_is_not_utf_8_has_to_be_told(tmp_path: Path) -> None:
    body = "id,name\n1,Zoë\n".encode("latin-1")
    with pytest.raises(ProposalError, match=r"0xeb is not utf-8 \(byte 12, line 2\): say .* --encoding"):
        proposed(tmp_path, body)
    proposal = proposed(tmp_path, body, encoding="latin-1")
    assert proposal.files.encoding == "latin-1"
    assert excerpt_of(proposal.form) == body


def test_utf_16_is_known_by_its_mark(tmp_path: Path) -> None:
    body = "id,name\n1,Zoë\n".encode("utf-16")
    proposal = proposed(tmp_path, body)
    assert proposal.files.encoding == "utf-16"
    assert rejects_of(proposal, excerpt_of(proposal.form), tmp_path) == []


class TestKey:
    def test_first_column_that_tells_all_rows_apart(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, "a,b,c\n1,x,p\n1,y,q\n2,z,r\n")
        assert proposal.key == ("b",)
        assert "key: b (different in all 3 rows)" in proposal.evidence

    def test_first_columns_together(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, "a,b,c\n1,x,p\n1,y,p\n2,x,p\n")
        assert proposal.key == ("a", "b")
        table = proposal.contract().table
        assert (table.partition_key, table.clustering_key) == (("a",), ("b",))

    def test_column_with_gaps_or_of_measures_is_none(self, tmp_path: Path) -> None:
        assert proposed(tmp_path, "a,b,c\n,0.5,p\n1,0.7,q\n2,0.8,r\n").key == ("c",)

    def test_without_a_key_it_has_to_be_told(self, tmp_path: Path) -> None:
        with pytest.raises(ProposalError, match="tells all 2 rows apart: say with --key which do"):
            proposed(tmp_path, "a,b\n1,1\n1,1\n")

    def test_key_that_was_told_is_taken_by_either_name_and_its_doubles_are_told(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, "Shop No,b\n1,1\n1,2\n", key=("shop no",))
        assert proposal.key == ("shop_no",)
        assert any(
            "not unique: of rows with the same key the last one stays" in why for why in proposal.evidence
        )

    def test_key_that_was_told_needs_values_and_to_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProposalError, match="--key a: 1 rows have no value of it"):
            proposed(tmp_path, "a,b\n1,1\n,2\n", key=("a",))
        with pytest.raises(ProposalError, match="'c' is no column of the sample; its columns are a, b"):
            proposed(tmp_path, "a,b\n1,1\n", key=("c",))

    def test_double_is_found_rows_later(self, tmp_path: Path) -> None:
        rows = [*range(30_000), 5]
        body = "a,b\n" + "".join(f"{number},{place}\n" for place, number in enumerate(rows))
        assert proposed(tmp_path, body).key == ("b",)

    def test_no_more_rows_are_kept_than_memory_is_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(key_search, "MOST_ROWS", 10_000)
        body = "a,b\n" + "".join(f"{number},x\n" for number in range(25_000))
        assert "key: a (different in the first 10,000 rows)" in proposed(tmp_path, body).evidence


def test_names_become_plain_and_stay_apart(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, 'ID,"Größe (cm)",größe cm,2nd,€\n1,2,3,4,5\n')
    assert [column.name for column in proposal.columns] == [
        "id", "grosse_cm", "grosse_cm_2", "n2nd", "column_5",
    ]  # fmt: skip
    assert rejects_of(proposal, proposal.form.path.read_bytes(), tmp_path) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a,,b\n1,2,3\n", "column 2 of the header has no name"),
        ("a,A\n1,2\n", "two columns have the same name: 'a' and 'A'"),
        ("a,b\n", "the sample has no row"),
    ],
)
def test_header_that_no_app_could_take_is_told(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(ProposalError, match=message):
        proposed(tmp_path, body)


@pytest.mark.parametrize("body", ["", 'a,b\n1,"2\n', "a,b\n1,\0\n"])
def test_sample_that_no_app_could_read_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(FileRejected):
        proposed(tmp_path, body)


ROWS: list[dict[str, Any]] = [
    {"id": 1, "tags": ["a"], "at": "2026-01-31T12:00:00Z", "price": 0.5},
    {"id": 2, "Price": 1, "note": None},
]


@pytest.mark.parametrize(
    ("name", "body", "form"),
    [
        ("fruit.jsonl", "\n".join(map(json.dumps, ROWS)), "jsonl"),
        ("fruit.json", json.dumps(ROWS), "json"),
        ("fruit", json.dumps(ROWS, indent=1), "json"),
        ("fruit.json", "\n".join(map(json.dumps, ROWS)), "jsonl"),
    ],
)
def test_json_is_known_by_name_or_content(tmp_path: Path, name: str, body: str, form: str) -> None:
    proposal = proposed(tmp_path, body, name)
    assert proposal.files.format == form
    assert {column.name: column.options["type"] for column in proposal.columns} == {
        "id": "int", "tags": "text", "at": "timestamp", "price": "double", "note": "text",
    }  # fmt: skip
    assert rejects_of(proposal, body.encode(), tmp_path) == []
    assert rejects_of(proposal, excerpt_of(proposal.form), tmp_path) == []


@pytest.mark.parametrize(
    ("name", "compress"),
    [("f-1.csv.gz", gzip.compress), ("f-1.csv.zst", zstandard.ZstdCompressor().compress)],
)
def test_compressed_sample_ships_a_compressed_excerpt(tmp_path: Path, name: str, compress: Any) -> None:
    body = "id,name\n" + "".join(f"{number},apple\n" for number in range(300))
    proposal = proposed(tmp_path, compress(body.encode()), name)
    assert (proposal.files.keys, proposal.rows) == (("f-*" + name[3:],), 300)
    excerpt = tmp_path / name
    excerpt.write_bytes(excerpt_of(proposal.form))
    assert proposed(tmp_path, excerpt.read_bytes(), name).rows == 100
    assert excerpt_name(excerpt) == "sample" + name[3:]


def test_parquet_brings_its_own_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int64()),
            "small": pa.array([1, 2], pa.int16()),
            "ratio": pa.array([0.5, float("nan")], pa.float64()),
            "name": pa.array(["x", "y"]),
            "zip": pa.array(["01234", "1"]),
            "at": pa.array([0, 1], pa.timestamp("ms", "UTC")),
            "local": pa.array([0, 1], pa.timestamp("ms")),
            "tags": pa.array([["a"], []], pa.list_(pa.string())),
            "inner": pa.array([{"a": 1}, None]),
        }
    )
    parquet.write_table(table, tmp_path / "f.parquet")
    proposal = propose(tmp_path / "f.parquet", Wishes())
    assert {column.name: dict(column.options) for column in proposal.columns} == {
        "id": {"type": "bigint"},
        "small": {"type": "smallint"},
        "ratio": {"type": "double", "not_finite": "allow"},
        "name": {"type": "text"},
        "zip": {"type": "text"},
        "at": {"type": "timestamp"},
        "tags": {"type": "frozen<list<text>>"},
    }
    assert proposal.left_out == ("local", "inner")
    assert proposal.contract().files.extra_columns == "ignore"
    excerpt = parquet.read_table(io.BytesIO(excerpt_of(proposal.form)))
    assert excerpt.drop_columns(["ratio"]) == table.drop_columns(["ratio"])  # NaN is not equal to itself


def test_hostile_texts_stay_in_their_comment(tmp_path: Path) -> None:
    name = 'a"\n[files]\x7f\u2028#'
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", name), ("1", "01\n]"), ("2", "x")])
    proposal = proposed(tmp_path, text.getvalue(), "f\n-1.csv")
    assert rejects_of(proposal, proposal.form.path.read_bytes(), tmp_path) == []


CELLS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=8),
    st.sampled_from(
        ["NA", "", " 1", "007", "1.5", "1,5", "1e999", "nan", "inf", "true", "31/01/2026", "12:00", "-0",
         "+1", "2026-02-30", "2026-03-29 02:30:00", "9" * 25, "0x00", "1.0", "١", "::1", "-", "\ufeff"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
)  # fmt: skip
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_proposed_app_loads_the_whole_sample(
    tmp_path: Path, rows: list[list[str]], delimiter: str, quoting: Any
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(["number", *(f"column {place}" for place in range(len(rows[0])))])
    writer.writerows([[str(number), *row] for number, row in enumerate(rows)])
    body = text.getvalue().encode()
    proposal = proposed(tmp_path, body, key=("number",), zone="Europe/Berlin")
    assert proposal.rows == len(rows)
    assert rejects_of(proposal, body, tmp_path) == []
    assert rejects_of(proposal, excerpt_of(proposal.form), tmp_path) == []
