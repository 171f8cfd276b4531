"""The file that is loaded again and again: a year of departures, as `flights.toml` declares them."""

import gzip
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from customer_ingestapps.cells import Rows, encode_rows
from customer_ingestapps.contract import load_contract
from customer_ingestapps.reading import read_chunks
from customer_ingestapps.registry import IngestApp
from demo.data import lay_out
from ingest_manager.cassandra.row_writer import MISSING

DECLARATION = Path(__file__).parent / "flights.toml"
KEY = "flights.csv"
BLOCK_BYTES = 8 * 2**20


def flights_app() -> IngestApp:
    """Return the app that takes the file."""
    return IngestApp("benchmark", "flights", "0", DECLARATION.parent, load_contract(DECLARATION))


def flights_file() -> bytes:
    """Return the demo's weekly files as one."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        lay_out(folder)
        weeks = [_lines(path) for path in sorted((folder / "customer-2").iterdir())]
    header = weeks[0][0]
    return b"".join(chain([header], *(lines[1:] for lines in weeks)))


def _lines(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines(keepends=True)


def encoded_chunks(app: IngestApp, content: bytes, key: str = KEY) -> Iterator[Rows]:
    """Read and encode a file as a load does, from memory."""
    blocks = (content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES))
    for chunk in read_chunks(app, key, blocks, expanded_limit=None):
        yield encode_rows(app.contract, chunk.frame, MISSING)
