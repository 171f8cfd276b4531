"""Uniqueness: what may stand once only, the elements of a set and the keys of a map."""

from collections.abc import Iterable, Sequence

from customer_ingestapps.codecs.codec import Codec, Refusal
from customer_ingestapps.codecs.exact_numbers import DecimalCodec, same_decimal
from customer_ingestapps.reasons import Reason

_MOST_BYTES = 65_535  # of one, as Cassandra takes it


def are_unique(codec: Codec, cells: Sequence[bytes]) -> bool:
    """Ask whether no two cells are equal to Cassandra, and none is too long."""
    are_short = all(len(cell) <= _MOST_BYTES for cell in cells)
    return are_short and len(set(_identities(codec, cells))) == len(cells)


def repeated(cells: Sequence[bytes], what: str) -> Refusal:
    """Say why cells are not unique."""
    if any(len(cell) > _MOST_BYTES for cell in cells):
        return Refusal(Reason.VALUE_TOO_LONG, f"{what} may have {_MOST_BYTES} bytes each")
    return Refusal(Reason.DUPLICATE_ELEMENT, f"two {what} are equal")


def _identities(codec: Codec, cells: Iterable[bytes]) -> list[bytes]:
    return [same_decimal(cell) for cell in cells] if isinstance(codec, DecimalCodec) else list(cells)
