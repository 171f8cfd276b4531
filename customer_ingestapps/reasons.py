"""Why a file or a row was not loaded: a closed list of codes, each with its meaning and what to do.

Programs go by the code; the message of a single fault says where it is and what is allowed there.
`python -m customer_ingestapps.reasons` prints the list as `docs/reasons.md`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Scope = Literal["file", "row"]


class Reason(StrEnum):
    """A fault of the data; transient troubles of a server never appear here."""

    _value_: str
    scope: Scope
    text: str
    remedy: str

    def __new__(cls, code: str, scope: Scope, text: str, remedy: str) -> "Reason":
        """Make a member that is its code and carries its texts."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.scope = scope
        member.text = text
        member.remedy = remedy
        return member

    # fmt: off
    NO_APP = (
        "no_app", "file", "No ingest app takes a file of this name.",
        "Rename the file to one of the names that the message lists.",
    )
    WRONG_COMPRESSION = (
        "wrong_compression", "file", "The file's content and its name disagree about gzip or zstd.",
        "Let the name end in .gz or .zst exactly if the content is gzip or zstd.",
    )
    WRONG_FORMAT = (
        "wrong_format", "file", "The content is not what the app takes, but a ZIP or a Parquet file, say.",
        "Send the format that was agreed; a spreadsheet must be exported.",
    )
    TRUNCATED = (
        "truncated", "file", "The compressed file ends before its end mark.",
        "The file is not complete: make it again, wait until it is written, and send it again.",
    )
    TRAILING_BYTES = (
        "trailing_bytes", "file", "Something follows the end of the compressed file.",
        "Make the file again; nothing may be appended to it.",
    )
    DAMAGED = (
        "damaged", "file", "The file is damaged: a checksum or its inner structure is wrong.",
        "Make the file again and send it again.",
    )
    WINDOW_TOO_LARGE = (
        "window_too_large", "file", "The zstd was made with a window that takes too much memory to read.",
        "Compress without --long and --ultra.",
    )
    EXPANDED_TOO_LARGE = (
        "expanded_too_large", "file", "The file is too large after decompression.",
        "Split the file.",
    )
    ROW_GROUP_TOO_LARGE = (
        "row_group_too_large", "file", "A row group or page of the Parquet file takes too much memory.",
        "Write smaller row groups, with pages of the usual megabyte.",
    )
    BAD_ENCODING = (
        "bad_encoding", "file", "A byte does not belong to the declared encoding.",
        "Save the file in the encoding that was agreed; the message has the place of the first wrong byte.",
    )
    NUL_BYTE = (
        "nul_byte", "file", "The file holds a NUL character.",
        "Often a file in UTF-16, or one that was cut off while it was written: make it again.",
    )
    NO_HEADER = (
        "no_header", "file", "The file has no header.",
        "Put the names of the columns into the first line.",
    )
    BAD_HEADER = (
        "bad_header", "file", "A column of the header has no name, or two have the same.",
        "Give every column a name of its own; upper and lower case count as the same.",
    )
    TOO_MANY_COLUMNS = (
        "too_many_columns", "file", "The file, or one of its objects, has more columns than a file may have.",
        "Send only the columns that were agreed.",
    )
    MISSING_COLUMN = (
        "missing_column", "file", "The file lacks a column that the table's key needs.",
        "Add the column, or correct its name.",
    )
    UNKNOWN_COLUMNS = (
        "unknown_columns", "file", "The file has columns that the table does not have.",
        "Correct the names, or take the columns out.",
    )
    WRONG_TYPE = (
        "wrong_type", "file", "A column of the Parquet file has a type that does not fit the table's.",
        "Write the column in the type that the message names, or as text.",
    )
    MISPLACED_QUOTE = (
        "misplaced_quote", "file", "A quote stands inside a field, or text follows a closing quote.",
        "Put quotes around the whole field and double those inside it.",
    )
    UNCLOSED_QUOTE = (
        "unclosed_quote", "file", "A quote is never closed.",
        "Close the quote on the line that the message names, or double it if it is meant.",
    )
    BARE_CARRIAGE_RETURN = (
        "bare_carriage_return", "file", "A carriage return is not followed by a line feed.",
        "End lines with LF or CRLF.",
    )
    NOT_AN_ARRAY = (
        "not_an_array", "file", "The JSON file is not an array of objects.",
        "Put the objects into one array: [ {…}, {…} ].",
    )
    UNCLOSED_ARRAY = (
        "unclosed_array", "file", "The JSON array is not closed.",
        "The file is not complete: make it again, wait until it is written, and send it again.",
    )
    TOO_MANY_REJECTS = (
        "too_many_rejects", "file", "More rows are rejected than the customer's document allows.",
        "Look at the first rejects; often one column is written differently from what was agreed.",
    )
    ROW_TOO_LARGE = (
        "row_too_large", "file", "A single row is too large.",
        "Shorten the row; where a quote was opened by mistake, close it.",
    )

    APP_ANSWER = (
        "app_answer", "file", "The customer's own app gave an answer that does not fit what it was given.",
        "The app must be mended: the message says what is wrong with the answer.",
    )

    WRONG_FIELD_COUNT = (
        "wrong_field_count", "row", "The row has more or fewer fields than the header.",
        "Put quotes around fields that hold the delimiter; write every field, also empty ones.",
    )
    BAD_JSON = (
        "bad_json", "row", "The line, or the array from this place on, is not JSON.",
        "Correct it; NaN and Infinity are not JSON. In an array, everything from there on is refused.",
    )
    NOT_AN_OBJECT = (
        "not_an_object", "row", "The JSON value is not an object.",
        'Write each row as an object: {"column": value}.',
    )
    DUPLICATE_KEY = (
        "duplicate_key", "row", "A key stands twice in one JSON object.",
        "Leave one of them out; upper and lower case count as the same.",
    )
    UNKNOWN_KEY = (
        "unknown_key", "row", "The JSON object has a key that the table does not have.",
        "Correct the key, or take it out.",
    )
    TOO_DEEP = (
        "too_deep", "row", "JSON values are nested too deep.",
        "Flatten the value.",
    )
    BAD_CHARACTER = (
        "bad_character", "row", "A JSON text holds half of a surrogate pair, which is no character.",
        "Write characters beyond U+FFFF as a whole pair, or as themselves.",
    )
    MISSING_KEY = (
        "missing_key", "row", "A column of the table's key has no value.",
        "Fill it in.",
    )
    KEY_TOO_LONG = (
        "key_too_long", "row", "The values of the table's key are too long for Cassandra.",
        "Shorten them: 65,535 bytes in all.",
    )
    VALUE_TOO_LONG = (
        "value_too_long", "row", "A value is too long.",
        "Shorten it; the message has the limit.",
    )
    BAD_VALUE = (
        "bad_value", "row", "A value does not fit its column's type, or is not written as agreed.",
        "Write it as the message says.",
    )
    OUT_OF_RANGE = (
        "out_of_range", "row", "A number or time is beyond what its column's type can hold.",
        "Correct the value, or ask us for a wider type.",
    )
    NOT_WHOLE = (
        "not_whole", "row", "A number has a fraction or an exponent, its column takes whole numbers only.",
        "Write a whole number, or ask us to round this column.",
    )
    TOO_PRECISE = (
        "too_precise", "row", "A number has more digits behind the point than its column takes.",
        "Round it, or ask us to round this column.",
    )
    AMBIGUOUS_TIME = (
        "ambiguous_time", "row", "A local time occurs twice, as clocks went back.",
        "Write the time with its offset from UTC.",
    )
    NONEXISTENT_TIME = (
        "nonexistent_time", "row", "A local time does not occur, as clocks went forward.",
        "Correct the time, or write it with its offset from UTC.",
    )
    WRONG_DIMENSION = (
        "wrong_dimension", "row", "A vector has more or fewer elements than its column's dimension.",
        "Write as many elements as the message says.",
    )
    DUPLICATE_ELEMENT = (
        "duplicate_element", "row", "A set holds an element twice, or a map a key.",
        "Leave one of them out.",
    )
    APP_REJECTED = (
        "app_rejected", "row", "The customer's own app rejects the row.",
        "The message is the app's; correct the row accordingly.",
    )
    # fmt: on


NO_OBJECTS = frozenset({Reason.BAD_JSON, Reason.TOO_DEEP, Reason.NOT_AN_OBJECT})
"""Of rows of JSON that are not, or not soundly, objects."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One row of a file that is not written.

    `line` is the physical line on which the row starts; of a Parquet file, the number of the row.
    `fields` are the row's own as the file has them, so that nothing is lost when it is sent again: of CSV
    with their quotes, of JSON the object's text alone; those of Parquet are written as CSV.
    """

    line: int
    column: str | None
    value: str | None
    reason: Reason
    message: str
    fields: tuple[str, ...]


_PAGE = """\
# Reason codes

Why the content of a file, or one of its rows, was not loaded: the `reason` of a load, of a rejected row, of
`fetchdata validate`. The list is closed, but for `passing_fault` and the object store's own codes, which are
faults of the platform and for its operators to mend; the message beside a code says where the fault is and
what is allowed there. Of several faults of a row the first is told.

This page is made by `python -m customer_ingestapps.reasons > docs/reasons.md`.

## Of a whole file

The load ends as `rejected`. Rows of earlier chunks of a large file may have been written; the load says so.

{file}

## Of one row

The row is not written, all others are. It stands in the rejects file, which can be corrected and sent again
as it is. In a JSON array, what cannot be read as JSON ends the file; in JSON lines only its line.

{row}

## Not of the content

| code | means | what to do |
|---|---|---|
| `format`, `size`, `name`, `too_many_files` | A constraint of the customer is broken. | See customer.md. |
| `over_quota` | Put by another tool than `fetchdata` when the quota was full. | Put it again later. |
| `duplicate` | The same file of the same upload came again. | Nothing. |
| `gone` | The object was deleted before it was loaded. | Send it again. |
| `app_refused` | The customer's app is not in order. | The admin mends it, ops replay. |
| `table_mismatch` | The app's table is not what the app declares. | `apps plan` tells why; then ops replay. |
| `app_exited` | The customer's app ended instead of giving an answer. | The app is mended, ops replay. |
| `app_timeout` | The customer's app took too long for an answer. | The same, or give it more time. |
| `app_memory` | The customer's app took too much memory. | The same, or give it more memory. |
| `app_processes` | The customer's app started too many processes. | The same. |
| `worker_died`, `store_fault`, `cassandra_…`, `internal_error` | The platform failed. | Ops replay. |
"""


def page() -> str:
    """Give the list for people, as Markdown."""
    return _PAGE.format(file=_table("file"), row=_table("row"))


def _table(scope: Scope) -> str:
    lines = ["| code | means | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {code.text} | {code.remedy} |" for code in Reason if code.scope == scope]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
