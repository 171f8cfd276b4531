"""Keys of the admin's JSON documents: one that stands twice is refused; JSON lets the last one win.

What is no JSON at all is told by whoever reads the document. Pure.
"""

import json
from contextlib import suppress

from bucket_policies.errors import DocumentError
from bucket_policies.rules import escaped


def refuse_repeated_keys(document: bytes) -> None:
    """Make sure that no key of a JSON document stands twice.

    Raises:
        DocumentError: naming the key.
    """
    with suppress(ValueError, RecursionError):
        json.loads(document, object_pairs_hook=_check)


def _check(pairs: list[tuple[str, object]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise DocumentError(f"{escaped(key)}: stands twice, which of the two is meant?")
        seen.add(key)
