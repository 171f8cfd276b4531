"""The reader of a JSON array of objects, compact or over many lines, in flat memory.

An element that is JSON but no sound row rejects itself only; behind a place that is not JSON nothing is
certain, and the file ends there.
"""

import re
from collections.abc import Iterable, Iterator

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.json_values import JsonFault
from customer_ingestapps.readers.json_rows import JsonRow, row_decoder
from customer_ingestapps.readers.rows import Limits
from customer_ingestapps.reasons import Reason

_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST_TAIL = len("e+")  # what may stand behind a number that is cut off, and look like something else
_LONGEST_WORD = len("-Infinity")  # also longer than an escape


def json_array_rows(texts: Iterable[bytes], limits: Limits) -> Iterator[JsonRow]:
    """Give the elements of an array, given in blocks of UTF-8.

    Raises:
        FileRejected: it is no array, is not JSON from some line on, is not closed, or is followed by
            something; an element is larger than a chunk may be.
    """
    window = _Window(texts, limits)
    if window.peek() != "[":
        raise FileRejected(Reason.NOT_AN_ARRAY, "the file does not begin with [", line=window.line)
    window.skip()
    if window.peek() == "]":
        window.skip()
    else:
        yield from _elements(window)
    if window.peek():
        message = f"something follows the end of the array on line {window.line}"
        raise FileRejected(Reason.BAD_JSON, message, line=window.line)


def _elements(window: "_Window") -> Iterator[JsonRow]:
    while True:
        yield window.element()
        mark = window.peek()
        if mark not in {",", "]"}:
            raise window.unclosed() if not mark else window.fault("a comma or ] is expected")
        window.skip()
        if mark == "]":
            return


class _Window:
    """The part of the text that is being looked at, and the line where it has come to."""

    def __init__(self, texts: Iterable[bytes], limits: Limits) -> None:
        self._texts = iter(texts)
        self._limits = limits
        self._decoder = row_decoder()
        self._text = ""
        self._at = 0
        self._is_final = False
        self.line = 1

    def peek(self) -> str:
        """Give the next character that is no white space, or none at the end."""
        while True:
            start = self._after_space(self._at)
            self.line += self._text.count("\n", self._at, start)
            self._at = start
            if start < len(self._text) or not self._more():
                return self._text[start : start + 1]

    def _after_space(self, start: int) -> int:
        found = _SPACE.match(self._text, start)
        return found.end() if found else start

    def skip(self) -> None:
        """Step over the character that was peeked at."""
        self._at += 1

    def element(self) -> JsonRow:
        """Give the next value; it is complete once something follows it."""
        if not self.peek():
            raise self.unclosed()
        while True:
            try:
                value, end, fault = self._decoder.decode_at(self._text, self._at)
            except JsonFault as error:
                if self._may_go_on(error) and self._more():
                    continue
                raise self._broken(error) from error
            if end + _LONGEST_TAIL < len(self._text) or not self._more():
                return self._row(value, end, fault)

    def _row(self, value: object, end: int, fault: JsonFault | None) -> JsonRow:
        raw, line = self._text[self._at : end], self.line
        self.line += raw.count("\n")
        self._at = end
        encoded = raw.encode()
        if len(encoded) > self._limits.chunk_bytes:
            raise self._too_large(line)
        return JsonRow(line, self.line, encoded, value, fault)

    def _more(self) -> bool:
        """Add the next block, and drop what was read."""
        if self._is_final:
            return False
        if len(self._text) - self._at > self._limits.chunk_bytes:
            raise self._too_large(self.line)
        block = next(self._texts, None)
        if block is None:
            self._is_final = True
            return False
        self._text = self._text[self._at :] + block.decode()
        self._at = 0
        return True

    def _may_go_on(self, error: JsonFault) -> bool:
        """Ask whether more text could make JSON of it."""
        is_near_end = len(self._text) - error.position <= _LONGEST_WORD
        return error.reason is Reason.BAD_JSON and (is_near_end or _is_open(error))

    def _broken(self, error: JsonFault) -> FileRejected:
        is_cut_off = self._after_space(error.position) == len(self._text) or _is_open(error)
        line = self.line + self._text.count("\n", self._at, error.position)
        if error.reason is Reason.BAD_JSON and is_cut_off:
            return self.unclosed()
        return FileRejected(error.reason, f"line {line}: {error.message}", line=line)

    def unclosed(self) -> FileRejected:
        """Say that the text ends too early."""
        message = f"the array is not closed: the file ends in or behind the element on line {self.line}"
        return FileRejected(Reason.UNCLOSED_ARRAY, message, line=self.line)

    def fault(self, what: str) -> FileRejected:
        """Say what is wrong at the place where it has come to."""
        return FileRejected(Reason.BAD_JSON, f"line {self.line}: not JSON: {what}", line=self.line)

    def _too_large(self, line: int) -> FileRejected:
        message = f"the row that starts on line {line} is larger than {self._limits.chunk_bytes} bytes"
        return FileRejected(Reason.ROW_TOO_LARGE, message, line=line)


def _is_open(error: JsonFault) -> bool:
    return "Unterminated string" in error.message
