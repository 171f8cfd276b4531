"""Codecs of text, ascii and boolean."""

import polars as pl

_WORDS = {"true": True, "false": False}
_CELLS = {True: b"\1", False: b"\0", None: None}


class TextCodec:
    """text: any characters, also none."""

    allowed = "text"
    takes_empty = True

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the text itself."""
        return text

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give UTF-8."""
        return values.cast(pl.Binary).to_list()


class AsciiCodec(TextCodec):
    """ascii: text of the characters 0 to 127."""

    allowed = "text of ASCII characters"

    def parse(self, text: pl.Series) -> pl.Series:
        """Give the text where it is ASCII."""
        return text.set(text.str.contains(r"[^\x00-\x7F]"), None)


class BooleanCodec:
    """boolean: true or false, in any case."""

    allowed = "true or false"
    takes_empty = False

    def parse(self, text: pl.Series) -> pl.Series:
        """Give booleans."""
        return text.str.to_lowercase().replace_strict(_WORDS, default=None, return_dtype=pl.Boolean)

    def encode(self, values: pl.Series) -> list[bytes | None]:
        """Give one byte, 1 or 0."""
        return [_CELLS[value] for value in values.to_list()]
