"""Encodings: a file's bytes as UTF-8, checked. No byte is replaced or left out; a bad one rejects the file.

One byte order mark at the start is taken off; anywhere else the character is data.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping

from customer_ingestapps.contract import Encoding
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason

_MARKS: Mapping[Encoding, Mapping[bytes, str]] = {
    "utf-8": {codecs.BOM_UTF8: "utf-8"},
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-16-le": {codecs.BOM_UTF16_LE: "utf-16-le"},
    "utf-16-be": {codecs.BOM_UTF16_BE: "utf-16-be"},
}


def utf8(blocks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Give a text's blocks in UTF-8, each of whole characters; the first block must hold any byte order mark.

    Raises:
        FileRejected: a byte does not belong to the encoding, or there is a NUL; with offset and line.
    """
    decoding = None
    for block in blocks:
        if decoding is None:
            mark, codec = _start(block, encoding)
            decoding = _Decoding(codec, offset=len(mark))
            yield decoding.feed(block[len(mark) :])
        else:
            yield decoding.feed(block)
    if decoding:
        yield decoding.feed(b"", final=True)


def _start(block: bytes, encoding: Encoding) -> tuple[bytes, str]:
    for mark, codec in _MARKS.get(encoding, {}).items():
        if block.startswith(mark):
            return mark, codec
    if encoding == "utf-16":
        message = "utf-16 starts with a byte order mark; without one it is declared as utf-16-le or utf-16-be"
        raise FileRejected(Reason.BAD_ENCODING, message, line=1, offset=0)
    return b"", encoding


class _Decoding:
    """The decoding of one text, with the place where it has come to."""

    def __init__(self, codec: str, offset: int) -> None:
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._offset = offset  # of the next byte to come
        self._line = 1

    def feed(self, block: bytes, *, final: bool = False) -> bytes:
        begun, _ = self._decoder.getstate()  # of a character whose end is in this block
        start = self._offset - len(begun)
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            before, byte = error.object[: error.start], error.object[error.start]
            fault = f"byte 0x{byte:02x} is not {self._codec}"
            raise self._rejected(Reason.BAD_ENCODING, fault, start, before.decode(self._codec)) from error
        before_nul, nul, _ = text.partition("\0")
        if nul:
            raise self._rejected(Reason.NUL_BYTE, "a NUL character", start, before_nul)
        self._offset += len(block)
        self._line += text.count("\n")
        return text.encode()

    def _rejected(self, reason: Reason, fault: str, start: int, before: str) -> FileRejected:
        """Describe a fault that follows the text `before`, which begins at the offset `start`."""
        offset = start + len(before.encode(self._codec))
        line = self._line + before.count("\n")
        return FileRejected(reason, f"{fault} (byte {offset}, line {line})", line=line, offset=offset)
