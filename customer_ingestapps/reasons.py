"""Why a file or a row was not loaded: a closed list of codes, each with a text for the customer.

Programs go by the code; the message of a single fault says where it is and what is allowed there.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A fault of the data; transient troubles of a server never appear here."""

    _value_: str
    text: str

    def __new__(cls, code: str, text: str) -> "Reason":
        """Make a member that is its code and carries its text."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    # of a whole file
    NO_APP = "no_app", "No ingest app takes a file of this name."
    WRONG_COMPRESSION = "wrong_compression", "The file's content and its name disagree about gzip."
    TRUNCATED = "truncated", "The compressed file ends before its end mark."
    TRAILING_BYTES = "trailing_bytes", "Something follows the end of the compressed file."
    DAMAGED = "damaged", "The compressed file is damaged."
    EXPANDED_TOO_LARGE = "expanded_too_large", "The file is too large after decompression."
    BAD_ENCODING = "bad_encoding", "A byte does not belong to the declared encoding."
    NUL_BYTE = "nul_byte", "The file holds a NUL character."
    NO_HEADER = "no_header", "The file has no header."
    BAD_HEADER = "bad_header", "A column of the header has no name, or two have the same."
    MISSING_COLUMN = "missing_column", "The file lacks a column that the table's key needs."
    UNKNOWN_COLUMNS = "unknown_columns", "The file has columns that the table does not have."
    MISPLACED_QUOTE = "misplaced_quote", "A quote stands inside a field, or text follows a closing quote."
    UNCLOSED_QUOTE = "unclosed_quote", "A quote is never closed."
    BARE_CARRIAGE_RETURN = "bare_carriage_return", "A carriage return is not followed by a line feed."
    TOO_MANY_REJECTS = "too_many_rejects", "More rows are rejected than the customer's document allows."
    ROW_TOO_LARGE = "row_too_large", "A single row is too large."

    # of one row
    WRONG_FIELD_COUNT = "wrong_field_count", "The row has more or fewer fields than the header."
    MISSING_KEY = "missing_key", "A column of the table's key has no value."
    KEY_TOO_LONG = "key_too_long", "A value of the table's key is too long."
    BAD_VALUE = "bad_value", "A value does not fit its column's type."


@dataclass(frozen=True, slots=True)
class Reject:
    """One row of a file that is not written.

    `line` is the physical line on which the row starts. `fields` are the row's own as the file has them, with
    their quotes, so that nothing is lost when it is sent again.
    """

    line: int
    column: str | None
    value: str | None
    reason: Reason
    message: str
    fields: tuple[str, ...]
