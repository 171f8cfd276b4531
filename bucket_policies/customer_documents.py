"""Customers' documents as commands write them: a new one, and a removed customer's, which is put aside.

A document appears and disappears as a whole, as services look at any time; one that is there is never written
over, and none is deleted. Reading them is left to `customers`.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bucket_policies.constraints import Constraints, parse_constraints
from bucket_policies.customers import Customer, check_customer_id, is_customer_id
from bucket_policies.errors import DocumentError

REMOVED = "customers-removed"
MOST_DENIED = 100  # a policy of MinIO takes 20 KiB; what the oldest removed ones were lent has ended long ago

_REMOVED_NAME = re.compile(r"(?P<customer>.+)-(?P<at>\d{4}-\d\d-\d\dT\d{6}Z)\.json")


def add_document(folder: Path, customer_id: str, content: Mapping[str, Any]) -> Customer:
    """Write a customer's document into the folder of documents.

    Raises:
        DocumentError: the id or the content breaks the rules, or there is such a document.
    """
    text = document_text(content)
    customer = Customer(customer_id, check_new_document(folder, customer_id, text))
    document, new = _document(folder, customer_id), folder / "customers" / f".{customer_id}.{os.getpid()}"
    with _writing(document):
        document.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_text(text)
            document.hardlink_to(new)  # unlike a renaming, it never replaces one that is there
        except FileExistsError:
            raise _there_already(customer_id) from None
        finally:
            new.unlink(missing_ok=True)
    return customer


def document_text(content: Mapping[str, Any]) -> str:
    """Return a document as it is written: one line, as small ones are read best."""
    return json.dumps(content) + "\n"


def check_new_document(folder: Path, customer_id: str, text: str) -> Constraints:
    """Make sure that a document could be added.

    Raises:
        DocumentError: see `add_document`.
    """
    check_customer_id(customer_id)
    if _document(folder, customer_id).exists():
        raise _there_already(customer_id)
    return parse_constraints(text.encode())


def put_aside(folder: Path, customer_id: str) -> Path:
    """Move a customer's document to those of removed customers; return where it is now."""
    aside = folder / REMOVED / f"{customer_id}-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    with _writing(aside):
        aside.parent.mkdir(exist_ok=True)
        _document(folder, customer_id).rename(aside)
    return aside


def removed_customers(folder: Path) -> list[str]:
    """Return the ids of removed customers that have not come back: the last ones, by name."""
    found = (_REMOVED_NAME.fullmatch(path.name) for path in (folder / REMOVED).glob("*.json"))
    removed_at = {
        match["customer"]: match["at"]
        for match in sorted(filter(None, found), key=lambda match: match["at"])
        if is_customer_id(match["customer"]) and not _document(folder, match["customer"]).exists()
    }
    last = sorted(removed_at, key=lambda customer: removed_at[customer])[-MOST_DENIED:]
    return sorted(last)


def _document(folder: Path, customer_id: str) -> Path:
    return folder / "customers" / f"{customer_id}.json"


def _there_already(customer_id: str) -> DocumentError:
    return DocumentError(f"there is a customer {customer_id} already: edit customers/{customer_id}.json")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DocumentError(f"{path}: cannot be written: {error.strerror}") from error
