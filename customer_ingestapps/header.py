"""The header of a file against a contract: which of its columns make which column of the table.

Names are compared trimmed and without regard to case; what is ambiguous, unnamed or unknown rejects the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from customer_ingestapps.contract import AppContract, fold
from customer_ingestapps.cql_types import CqlType
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.transforms import RESERVED

MOST_COLUMNS = 2_000

ADDED_TO_REJECTS = ("line", "column", "reason")
"""What our rejects files have behind the file's own columns; such a file may be sent again as it is."""

RAW_IN_REJECTS = "raw"
"""The key under which a rejects file of JSON has the text of what is no sound object."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header that fits its contract."""

    names: tuple[str, ...]
    """The file's own columns, as it spells them."""

    positions: Mapping[str, int]
    """Where each folded name that the table uses stands."""

    table_columns: tuple[str, ...]
    """The columns of the table that the file has values for."""

    has_added: bool = False
    """Whether the file is one of our rejects files, sent again."""

    def spelled(self, source: str) -> str:
        """Give a folded name as the file spells it."""
        return self.names[self.positions[source]]

    def own(self, reject: Reject) -> Reject:
        """Give a row that could not be read without what a rejects file had added to it."""
        code = "".join(reject.fields[-1:]).strip("\"'").partition(":")[0]  # an app's own words may follow
        is_ours = self.has_added and code in {reason.value for reason in Reason}
        return replace(reject, fields=reject.fields[: -len(ADDED_TO_REJECTS)]) if is_ours else reject


def match_header(contract: AppContract, fields: Sequence[str | None], line: int) -> Header:
    """Match the names of a file's columns with a contract.

    Raises:
        FileRejected: a name is missing, stands twice or is unknown, or a column of the key is missing.
    """
    if len(fields) > MOST_COLUMNS:
        message = f"the header has {len(fields)} columns, allowed are {MOST_COLUMNS}"
        raise FileRejected(Reason.TOO_MANY_COLUMNS, message, line=line)
    sources = {name: contract.sources(name) for name in contract.columns}
    used = {source for read in sources.values() for source in read}
    names = _own_names([(field or "").strip() for field in fields], used)
    positions = _positions(names, line)
    known = {name: position for name, position in positions.items() if name in used}
    if len(known) < len(names) and contract.files.extra_columns == "refuse":
        raise _unknown([name for name in names if fold(name) not in used], used, line)
    for name in contract.table.key:
        _check_key(name, [source for source in sources[name] if source not in known], line)
    table_columns = tuple(name for name, read in sources.items() if known.keys() >= set(read))
    return Header(tuple(names), known, table_columns, has_added=len(names) < len(fields))


def match_input(contract: AppContract, fields: Sequence[str | None], line: int) -> Header:
    """Match the names of a file's columns with what the app's transform reads: all, or those it names.

    Raises:
        FileRejected: a name is missing, stands twice, is unknown, or is one that batches have of their own.
    """
    assert contract.transform is not None  # noqa: S101 - who calls this has looked
    wanted = tuple(map(fold, contract.transform.columns))
    needed = wanted or [source for name in contract.columns for source in contract.sources(name)]
    names = _own_names([(field or "").strip() for field in fields], set(needed))
    positions = _positions(names, line)
    if reserved := positions.keys() & RESERVED:
        message = f"a column named {min(reserved)!r} cannot be given to the app, which has one of that name"
        raise FileRejected(Reason.BAD_HEADER, message, line=line)
    unknown = [name for name in names if wanted and fold(name) not in wanted]
    if unknown and contract.files.extra_columns == "refuse":
        raise _unknown(unknown, set(wanted), line)
    known = {name: position for name, position in positions.items() if not wanted or name in wanted}
    return Header(tuple(names), known, (), has_added=len(names) < len(fields))


def wanted_types(contract: AppContract, names: Iterable[str]) -> dict[str, CqlType]:
    """Give the type that each column of a file is read for; of several, the first that is no text."""
    wanted = dict.fromkeys(names, CqlType("text"))
    for name, column in contract.columns.items():
        for source in contract.sources(name):
            if source in wanted and column.template is None and wanted[source].name == "text":
                wanted[source] = contract.cql_types[name]
    return wanted


def _own_names(names: list[str], used: set[str]) -> list[str]:
    """Leave out what a rejects file adds, unless the table reads it and has no other column of that name."""
    own, added = names[:-3], tuple(map(fold, names[-3:]))
    needed = used.intersection(added) - set(map(fold, own))
    return own if added == ADDED_TO_REJECTS and not needed else names


def _positions(names: Sequence[str], line: int) -> dict[str, int]:
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        number, first = position + 1, positions.setdefault(fold(name), position) + 1
        if not name:
            raise FileRejected(Reason.BAD_HEADER, f"column {number} of the header has no name", line=line)
        if first != number:
            message = f"columns {first} and {number} of the header have the same name: {name!r}"
            raise FileRejected(Reason.BAD_HEADER, message, line=line, column=name)
    return positions


def _unknown(names: list[str], used: set[str], line: int) -> FileRejected:
    message = f"the table has no use for {', '.join(map(repr, names))}; known are {', '.join(sorted(used))}"
    return FileRejected(Reason.UNKNOWN_COLUMNS, message, line=line, column=names[0])


def _check_key(name: str, lacking: list[str], line: int) -> None:
    if lacking:
        message = f"the table's key needs {', '.join(map(repr, lacking))}, which the header does not have"
        raise FileRejected(Reason.MISSING_COLUMN, message, line=line, column=name)
