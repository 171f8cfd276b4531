"""The `app.toml` of a proposal, for a newcomer to look at: every line with what speaks for it."""

import json
from collections.abc import Iterator, Mapping, Sequence

from customer_ingestapps.proposals.proposal import Proposal, ProposedColumn

_TOP = """\
# Proposed from {sample}, {rows:,} rows. Nothing here is certain: look at every line, and change what is
# not meant. All that may stand here is told in customer_ingestapps/README.md.
"""
_MOST_COMMENT = 100


def declaration_of(proposal: Proposal) -> str:
    """Write an app's declaration."""
    return "\n".join([*_lines(proposal), ""])


def _lines(proposal: Proposal) -> Iterator[str]:
    yield _TOP.format(sample=_shown(proposal.form.path.name), rows=proposal.rows)
    yield "[files]"
    yield "# the objects that this app takes: * and ? stop at /, ** does not"
    files = proposal.contract().files
    for name, value in files.model_dump(exclude_defaults=True).items():
        yield f"{name} = {toml_of(value)}"
    for name in proposal.left_out:
        yield f"# left out: {_shown(name)}, whose type is for you to declare"
    yield ""
    yield "[table]"
    yield f"name = {toml_of(proposal.table)}"
    yield "# rows with the same key are one row: the later one replaces the earlier"
    yield f"# {_shown(proposal.evidence[-1 - len(proposal.left_out)])}"
    partition, *clustering = proposal.key
    yield f"partition_key = {toml_of([partition])}"
    if clustering:
        yield f"clustering_key = {toml_of(clustering)}  # the order of rows with the same {partition}"
    yield ""
    yield "[columns]"
    yield from map(_column, proposal.columns)
    yield from _notes(proposal.columns)


def _column(column: ProposedColumn) -> str:
    options = dict(column.options)
    declared = options["type"] if len(options) == 1 else options
    return f"{column.name} = {toml_of(declared)}  # {_shown(column.finding.evidence)}"


def _notes(columns: Sequence[ProposedColumn]) -> Iterator[str]:
    for column in columns:
        for note in column.finding.notes:
            yield f"# {column.name}: {_shown(note)}"


def toml_of(value: object) -> str:
    r"""Write a value as TOML has it, in one line.

    >>> toml_of({"type": "text", "column": 'A "b"\n'}), toml_of(["NA"])
    ('{ type = "text", column = "A \\"b\\"\\n" }', '["NA"]')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_of(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    written = json.dumps(value, ensure_ascii=False)  # JSON's texts are TOML's but for one character
    return written.replace("\x7f", "\\u007f")


def _shown(text: str) -> str:
    """Show a text of the sample in a comment, on one line."""
    line = repr(text)[1:-1].encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= _MOST_COMMENT else f"{line[:_MOST_COMMENT]}…"
