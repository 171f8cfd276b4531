"""What holds for every ingest app of this repository, shown with the sample file beside its app.toml."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

import customer_ingestapps
from customer_ingestapps.cells import encode_rows
from customer_ingestapps.reading import Chunk, read_chunks
from customer_ingestapps.registry import IngestApp, Registry
from customer_ingestapps.samples import find_sample, sample_key
from ingest_manager.sandbox.sandbox import Sandboxes
from ingest_manager.settings import FolderSettings

ROOT = Path(customer_ingestapps.__file__).parent
REGISTRY = Registry(ROOT)
CUSTOMERS = sorted({path.relative_to(ROOT).parts[0] for path in ROOT.rglob("app.toml")})
APPS = [app for customer in CUSTOMERS for app in REGISTRY.apps(customer)]
MISSING = object()
DATE_PARTS = ("year", "month", "day")
SANDBOXES = Sandboxes(FolderSettings())


@pytest.fixture(scope="module", autouse=True)
def _ended_at_the_end() -> Iterator[None]:
    yield
    SANDBOXES.close()


def sample_of(app: IngestApp) -> Path:
    found = find_sample(app)
    assert found is not None, f"{app.folder} has no sample"
    return found


def key_of(app: IngestApp) -> str:
    return sample_key(app, sample_of(app))


def sample(app: IngestApp) -> bytes:
    return sample_of(app).read_bytes()


def read(app: IngestApp, data: bytes, step: int = 1 << 20) -> list[Chunk]:
    blocks = [data[start : start + step] for start in range(0, len(data), step)]
    transform = SANDBOXES.transform_of(app)
    return list(read_chunks(app, key_of(app), blocks, expanded_limit=None, transform=transform))


def test_the_demos_apps_are_there() -> None:
    assert [(app.customer, app.name) for app in APPS] == [
        ("customer-1", "airports"),
        ("customer-1", "planes"),
        ("customer-1", "weather"),
        ("customer-2", "flights"),
    ]


@pytest.fixture(params=APPS, ids=lambda app: f"{app.customer}/{app.name}")
def app(request: pytest.FixtureRequest) -> IngestApp:
    registered: IngestApp = request.param
    return registered


def test_it_is_picked_for_its_keys(app: IngestApp) -> None:
    assert REGISTRY.pick(app.customer, key_of(app)).name == app.name


def test_its_sample_has_no_rejects(app: IngestApp) -> None:
    chunks = read(app, sample(app))
    lines = sample(app).count(b"\n")
    assert [reject for chunk in chunks for reject in chunk.rejects] == []
    assert sum(chunk.rows_read for chunk in chunks) == lines - 1 >= 20
    assert chunks[-1].last_line == lines


def test_every_cell_is_there_exactly_where_the_file_has_a_value(app: IngestApp) -> None:
    (chunk,) = read(app, sample(app))
    rows = encode_rows(app.contract, chunk.frame, MISSING)
    file_rows = list(csv.DictReader(sample(app).decode().splitlines()))
    assert len(rows) == len(file_rows)
    for row, file_row in zip(rows, file_rows, strict=True):
        for name, cell in zip(app.contract.columns, row, strict=True):
            made = DATE_PARTS if app.contract.transform and name == "departure_date" else ()
            texts = [file_row[source] for source in made or app.contract.sources(name)]
            has_value = not {"", *app.contract.files.null_words}.intersection(texts)
            assert isinstance(cell, bytes) if has_value else cell is MISSING


def test_text_and_integers_are_the_files(app: IngestApp) -> None:
    (chunk,) = read(app, sample(app))
    rows = encode_rows(app.contract, chunk.frame, MISSING)
    for row, file_row in zip(rows, csv.DictReader(sample(app).decode().splitlines()), strict=True):
        for (name, column), cell in zip(app.contract.columns.items(), row, strict=True):
            if column.type == "text" and isinstance(cell, bytes):
                assert cell.decode() == file_row[name]
            if column.type == "int" and isinstance(cell, bytes):
                assert int.from_bytes(cell, "big", signed=True) == int(file_row[name])


def test_it_reads_the_same_byte_by_byte(app: IngestApp) -> None:
    whole, split = read(app, sample(app)), read(app, sample(app), step=1)
    assert [chunk.frame.rows() for chunk in split] == [chunk.frame.rows() for chunk in whole]


def test_a_damaged_key_is_a_reject_that_names_its_line(app: IngestApp) -> None:
    header, first, *others = sample(app).splitlines(keepends=True)
    names = next(csv.reader([header.decode()]))
    position = names.index(app.contract.sources(app.contract.table.key[0])[0])
    fields = next(csv.reader([first.decode()]))
    fields[position] = ""
    chunks = read(app, b"".join([header, ",".join(fields).encode() + b"\n", *others]))
    (reject,) = [reject for chunk in chunks for reject in chunk.rejects]
    assert (reject.line, reject.reason) == (2, "missing_key")


def test_flights_are_taken_gzipped_and_dated_from_three_columns() -> None:
    flights = REGISTRY.pick("customer-2", "flights-2013-w01.csv.gz")
    blocks = [gzip.compress(sample(flights))]
    transform = SANDBOXES.transform_of(flights)
    (chunk,) = read_chunks(
        flights, "flights-2013-w01.csv.gz", blocks, expanded_limit=None, transform=transform
    )
    (first, *_) = encode_rows(flights.contract, chunk.frame, MISSING)
    cells = dict(zip(flights.contract.columns, first, strict=True))
    assert cells["departure_date"] == b"\x80\x00\x3d\x5a"  # 15,706 days: 2013-01-01
    assert cells["time_hour"] == b"\x00\x00\x01\x3b\xf5\x8d\xa9\x00"  # 2013-01-01T10:00:00Z
    assert cells["carrier"] == b"UA"
