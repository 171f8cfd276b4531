"""Samples: the file beside an `app.toml` on which the app is tried, and the key under which it would come."""

import re
from pathlib import Path

from customer_ingestapps.contents import named_compression
from customer_ingestapps.registry import IngestApp

SAMPLE = "sample"
"""The name of the file, before its endings."""


def find_sample(app: IngestApp) -> Path | None:
    """Return the sample that an app ships, if it does."""
    found = sorted(path for path in app.folder.glob(f"{SAMPLE}.*") if path.is_file())
    return found[0] if found else None


def sample_key(app: IngestApp, sample: Path) -> str:
    """Give a key that the app takes, for a file that is compressed as the sample is.

    >>> from customer_ingestapps.contract import AppContract
    >>> acme = AppContract(
    ...     files={"keys": ["orders-*.csv.gz", "orders-??.csv"], "format": "csv"},
    ...     table={"name": "orders", "partition_key": ["id"]},
    ...     columns={"id": "int"},
    ... )
    >>> sample_key(IngestApp("acme", "orders", "", Path(), acme), Path("sample.csv"))
    'orders-11.csv'
    """
    globs = app.contract.files.keys
    fitting = (glob for glob in globs if named_compression(glob) == named_compression(sample.name))
    filled = next(fitting, globs[0]).replace("?", "1")
    return re.sub(r"\*+", SAMPLE, filled)
