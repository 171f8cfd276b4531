"""Ways to damage a file: its cells, its text, its bytes. Each is given chance and gives the damaged whole."""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from benchmarks.reliability.forms import Damaged
from benchmarks.reliability.tables import COLUMNS, Cells

Text = Callable[[random.Random, str], str]
Bytes = Callable[[random.Random, bytes], bytes]

_CELLS = (
    "", " ", "NULL", "null", "\\N", "NaN", "-inf", "Infinity", "1e999", "1e-999", "0x", "0x1", "1_000",
    "1,5", "1.000,00", "+5", "-0", "٣", "２", "99999999999999999999", "2147483648", "-2147483649", "128",
    "1.0", ".5", "5.", "1e3", "--1", "TRUE", "1", "yes", "2023-02-29", "0000-01-01", "9999-12-31",
    "10000-01-01", "2024-1-5", "24:00:00", "23:59:60", "12:30", "2024-03-31T02:30:00",
    "2024-01-31T12:00:00+24:00", "0001-01-01T00:00:00+01:00", "2024-01-31 12:00:00.123456789Z",
    "9999-12-31T23:59:59.9999Z", "1y2mo3w4d5h6m7s8ms9us10ns", "P1Y2M3DT4H5M6S", "P0001-02-03T04:05:06",
    "3h2d", "PT", "P", "999999999999y", "123e4567-e89b-12d3-a456-426614174000", "010.0.0.1", "1.2.3.4/8",
    "fe80::1%eth0", "::ffff:1.2.3.4", "[]", "{}", "[1,]", "[null]", '["a","a"]', '{"a":1,"a":2}',
    "[1.0,1.00]", "[1, 2, 3]", "[1e400,0,0]", '[1,"x"]', '{"street":"x"}', '{"city":"x"}', '"text"',
    "null\n", "é", "\u2028", "\ufeff", "a\tb", "=1+1", "\x1a", "x" * 5000, "1" * 5000,
)  # fmt: skip
_CHARACTERS = (
    "\x00", "\ufeff", "\u2028", "\x85", "\x1a", "\x0b", "\x0c", "\xa0", "\t", " ", "\\", "\\ud800",
    "\\u0000", "🙂", "é", "\x7f", "/*x*/", "#", "...",
)  # fmt: skip


def cell(rng: random.Random, rows: Sequence[Cells]) -> None:
    """Put hostile values, and values of other columns, into a few cells."""
    for _ in range(rng.randint(1, 4)):
        row, name = rng.choice(rows), rng.choice(list(COLUMNS))
        other = rng.choice(rows)[rng.choice(list(COLUMNS))] or ""
        row[name] = Damaged(rng.choice((rng.choice(_CELLS), rng.choice(_CELLS), other)))


def _spliced(rng: random.Random, text: str, pattern: str, replacements: Sequence[str]) -> str:
    """Replace one of the places where a pattern is found."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    place = rng.choice(found)
    return text[: place.start()] + rng.choice(replacements) + text[place.end() :]


def _inserted(rng: random.Random, text: str, pieces: Sequence[str]) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(pieces) + text[at:]


def quote(rng: random.Random, text: str) -> str:
    """Take a quote away, double it, or add one."""
    if rng.random() < 0.3:
        return _inserted(rng, text, ('"', "'", '""', '"\n', ',"'))
    return _spliced(rng, text, "[\"']", ("", '""', "'", '"', '\\"', ' "', '" '))


def separator(rng: random.Random, text: str) -> str:
    """Take a delimiter away, add one, or make it another."""
    if rng.random() < 0.3:
        return _inserted(rng, text, (",", ";", "\t", "|", ":"))
    return _spliced(rng, text, r"[,;\t|:]", ("", ",,", ";", "\t", "|", ":", " "))


def line_end(rng: random.Random, text: str) -> str:
    """Take a line end away, add one, or make it another."""
    ends = ("", "\r", "\r\n", "\n\n", "\n\r\n", "\r\r\n", "\n\r", " \n", "\u2028")
    return _spliced(rng, text, r"\r?\n", ends) if rng.random() < 0.6 else _inserted(rng, text, ends[1:])


def bracket(rng: random.Random, text: str) -> str:
    """Take a bracket away, add one, or make it another."""
    pieces = ("{", "}", "[", "]", "[[", "}}", "],", "{},")
    return (
        _spliced(rng, text, r"[][{}]", ("", *pieces)) if rng.random() < 0.7 else _inserted(rng, text, pieces)
    )


def number(rng: random.Random, text: str) -> str:
    """Damage a digit."""
    pieces = (
        "",
        "x",
        ".",
        ",",
        "-",
        "+",
        "e5",
        "E",
        "٣",
        "00",
        "9" * 20,
        " ",
        "_",
        "0x",
        "NaN",
        "1e400",
        "\\u0031",
    )
    return _spliced(rng, text, "[0-9]", pieces)


def moment(rng: random.Random, text: str) -> str:
    """Damage a date or a time."""
    pattern, pieces = rng.choice(
        (
            (r"(?<=[0-9]{4}-)[0-9]{2}", ("00", "13", "1", "2", "02", "Feb")),
            (r"(?<=[0-9]-[0-9]{2}-)[0-9]{2}", ("00", "31", "30", "29", "32", "1")),
            (r"[0-9]{4}(?=-[0-9]{2}-)", ("0000", "10000", "24", "9999", "0001", "-200")),
            (r"(?<=[0-9]:)[0-9]{2}(?=:)", ("60", "6", "-1", "59")),
            (r"(?<=[0-9])Z", ("", "z", "+00:00", "+24:00", "-23:59", " UTC", "+0100")),
            (r"(?<=[0-9])[T ](?=[0-9])", ("t", "", "  ", "_", "T")),
        )
    )
    return _spliced(rng, text, pattern, pieces)


def name(rng: random.Random, text: str) -> str:
    """Damage the name of a column."""
    column, other = rng.sample(list(COLUMNS), 2)
    similar = (column.upper(), f" {column} ", column[:-1], f"{column}s", "", "line", "İd", f"\ufeff{column}")
    return _spliced(
        rng, text, rf"\b{column}\b", (other, other.upper(), rng.choice(similar), rng.choice(similar))
    )


def row(rng: random.Random, text: str) -> str:
    """Take a line away, double it, cut it, or move it."""
    lines = text.split("\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(4)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(to, lines[at])
    elif what == 2:
        lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
    else:
        lines[at], lines[to] = lines[to], lines[at]
    return "\n".join(lines)


def character(rng: random.Random, text: str) -> str:
    """Add a character that is often in the way."""
    return _inserted(rng, text, _CHARACTERS)


def _span(rng: random.Random, data: bytes, most: int) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(start + rng.choice((1, 1, 2, rng.randint(1, most))), len(data))


def flip(rng: random.Random, data: bytes) -> bytes:
    """Flip one bit, or a few."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 5)) if data else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """Write random bytes, zeros, or bytes of no encoding over some."""
    start, end = _span(rng, data, 40)
    size = end - start
    return data[:start] + rng.choice((rng.randbytes(size), bytes(size), b"\xff" * size)) + data[end:]


def delete(rng: random.Random, data: bytes) -> bytes:
    """Take some bytes out."""
    start, end = _span(rng, data, 300)
    return data[:start] + data[end:]


def insert(rng: random.Random, data: bytes) -> bytes:
    """Put some bytes in."""
    start, _ = _span(rng, data, 1)
    pieces = (rng.randbytes(rng.randint(1, 9)), b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\x80", b"\0")
    return data[:start] + rng.choice(pieces) + data[start:]


def duplicate(rng: random.Random, data: bytes) -> bytes:
    """Write a block twice."""
    start, end = _span(rng, data, 600)
    to = rng.choice((end, rng.randint(0, len(data))))
    return data[:to] + data[start:end] + data[to:]


def swap(rng: random.Random, data: bytes) -> bytes:
    """Make two blocks change places."""
    first, second, third = sorted(rng.randint(0, len(data)) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def truncate(rng: random.Random, data: bytes) -> bytes:
    """Cut the end off, or the beginning."""
    cut = rng.choice((rng.randint(0, len(data)), max(len(data) - rng.randint(1, 12), 0)))
    return data[:cut] if rng.random() < 0.85 else data[cut:]


def ends(rng: random.Random, data: bytes) -> bytes:
    """Damage the first or the last bytes: magic, sizes, checksums, footers."""
    head, tail = data[:12], data[-rng.choice((4, 8, 12, 400)) :]
    if rng.random() < 0.3:
        return flip(rng, head) + data[12:]
    return data[: len(data) - len(tail)] + flip(rng, tail)


def append(rng: random.Random, data: bytes) -> bytes:
    """Write something behind the end: noise, zeros, or the file again."""
    return data + rng.choice((rng.randbytes(rng.randint(1, 20)), bytes(8), data, data[:40], b"\n"))


TEXT_DAMAGES: Mapping[str, Text] = {
    "quote": quote,
    "delimiter": separator,
    "line end": line_end,
    "bracket": bracket,
    "number": number,
    "date or time": moment,
    "column name": name,
    "line": row,
    "character": character,
}
BYTES_DAMAGES: Mapping[str, Bytes] = {
    "bits flipped": flip,
    "bytes overwritten": overwrite,
    "bytes deleted": delete,
    "bytes inserted": insert,
    "block twice": duplicate,
    "blocks swapped": swap,
    "truncated": truncate,
    "first or last bytes": ends,
    "something appended": append,
}
