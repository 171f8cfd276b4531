"""Media types of rejects files, for whoever hands them out; they depend on the format of the loaded file."""

from collections.abc import Mapping

from customer_ingestapps.contract import Format

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "json": "application/json",
    "parquet": "text/csv",
}

ENDINGS: Mapping[str, str] = {
    "text/csv": ".csv",
    "application/jsonl": ".jsonl",
    "application/json": ".json",
}
"""By media type, of a file's name."""
