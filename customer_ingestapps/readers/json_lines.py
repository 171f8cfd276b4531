"""The reader of JSON lines: one object a line, blank lines left out. A line that is no JSON is one reject."""

from collections.abc import Iterable, Iterator

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.json_values import JsonFault
from customer_ingestapps.readers.json_rows import JsonRow, row_decoder
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reasons import Reason

_SPACE = b" \t\r"


def json_line_rows(texts: Iterable[bytes], limits: Limits) -> Iterator[JsonRow]:
    """Give the rows of a text, given in blocks of UTF-8.

    Raises:
        FileRejected: a line is larger than a chunk may be.
    """
    decoder = row_decoder()
    for number, line in enumerate(_lines(texts, limits), start=1):
        raw = line.strip(_SPACE)
        if not raw:
            continue
        text = raw.decode()
        try:
            value, end, fault = decoder.decode_at(text, 0)
            if text[end:].strip(" \t\r"):
                fault = JsonFault(
                    Reason.BAD_JSON, f"not JSON: something follows the value at column {end + 1}"
                )
        except JsonFault as error:
            value, fault = None, error
        yield JsonRow(number, number, raw, value, fault)


def _lines(texts: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Give the lines without their ends; the last may have none."""
    pending, count = b"", 0
    for text in texts:
        *lines, rest = text.split(b"\n")
        if lines:
            lines[0] = pending + lines[0]
            pending = rest
        else:
            pending += rest
        for line in lines:
            count += 1
            _check(line, count, limits)
            yield line
        _check(pending, count + 1, limits)
    yield pending


def _check(line: bytes, number: int, limits: Limits) -> None:
    if len(line) > limits.chunk_bytes:
        message = f"line {number} is larger than {limits.chunk_bytes} bytes"
        raise FileRejected(Reason.ROW_TOO_LARGE, message, line=number)
