"""One field as CSV text, in the dialect of an app: what rejects files are written with."""

from customer_ingestapps.contract import Files


def csv_text(field: str | None, dialect: Files) -> str:
    """Write a field so that it is read back as it is; None, no value, is nothing between two delimiters.

    >>> [csv_text(field, Files(keys=("*.csv",), format="csv")) for field in ('5" disk', "", None)]
    ['"5"" disk"', '""', '']
    """
    if field is None:
        return ""
    quote = dialect.quote
    if field and not any(mark in field for mark in (dialect.delimiter, quote, "\n", "\r")):
        return field
    return quote + field.replace(quote, quote * 2) + quote
