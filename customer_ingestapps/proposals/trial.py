"""The trial of one column: which readings every value of the sample allows, and what else its values show."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from customer_ingestapps.codecs.codec import shown
from customer_ingestapps.proposals.readings import TEXT, Reading

NULL_WORDS = (
    "NA", "N/A", "n/a", "na", "#N/A", "NULL", "Null", "null", "None", "none", "nil", "NaN", "nan", "\\N", "?",
    "-", "--", "missing",
)  # fmt: skip
"""What people write for no value; proposed only where the other values are no texts."""

_EXACT_DIGITS = 15  # of a decimal number that a double gives back
_AT_FIRST = 50  # values that most readings do not survive
_LEADING_ZERO, _PLUS, _WHOLE = r"^[+-]?0[0-9]", r"^\+", r"^[+-]?[0-9]+$"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is proposed for a column: the reading, why, and what was noticed beside."""

    reading: Reading
    evidence: str
    notes: tuple[str, ...] = ()
    null_words: tuple[str, ...] = ()
    trims: bool = False


@dataclass
class Trial:
    """Takes a column's texts, chunk by chunk."""

    alive: list[Reading]
    has_words: bool = True
    rows: int = 0
    values: int = 0
    without: int = 0
    """Rows without a value, or with an empty one."""
    words: Counter[str] = field(default_factory=Counter)
    is_padded: bool = False
    digits: int = 0
    """The most digits of a number, without leading zeros."""
    fractions: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    """Of what speaks against numbers: by what it is, the first one."""

    def take(self, text: pl.Series) -> None:
        """Try the readings that are left on more values."""
        bare = text.str.strip_chars()
        self.is_padded = self.is_padded or bool((bare != text).any())
        is_word = bare.is_in(NULL_WORDS if self.has_words else ()).fill_null(value=False)
        self.words.update(bare.filter(is_word).to_list())
        values = bare.filter(bare.is_not_null() & (bare != "") & ~is_word)
        self.rows += len(text)
        self.values += len(values)
        self.without += len(text) - len(values) - int(is_word.sum())
        if not len(values):
            return
        self._look_at(values)
        self.alive = [one for one in self.alive if one.may_be(values[0])]
        for some in (values.head(_AT_FIRST), values.slice(_AT_FIRST)):
            self.alive = [one for one in self.alive if not one.codec.parse(some).null_count()]

    def _look_at(self, values: pl.Series) -> None:
        for name, pattern in (("zero", _LEADING_ZERO), ("plus", _PLUS)):
            if name not in self.examples and (found := values.filter(values.str.contains(pattern))).len():
                self.examples[name] = shown(found[0])
        digits = values.str.replace_all("[^0-9]", "").str.strip_chars_start("0").str.len_chars()
        self.digits = max(self.digits, int(str(digits.max() or 0)))
        self.fractions += int((~values.str.contains(_WHOLE)).sum())

    def finding(self) -> Finding:
        """Say what the column is, once the whole sample was seen."""
        if not self.values:
            notes = ("the sample has no value of it", *self._word_notes())
            return Finding(TEXT, self._told("texts"), notes)
        if not self.alive:
            return Finding(TEXT, self._told("texts"), tuple(self._word_notes()))
        plainest = self.alive[0]
        if refusal := self._refusal(plainest.family):
            return Finding(TEXT, self._told("texts"), (refusal,))
        return self._of(self._wide_enough(plainest))

    def _refusal(self, family: str) -> str | None:
        """Say why a column that could be read so is better left as text."""
        if family in {"number", "marked"}:
            if example := self.examples.get("zero"):
                return f"leading zeros such as {example} would be lost in a number"
            if example := self.examples.get("plus"):
                return f"the plus sign, as in {example}, would be lost in a number"
            if not self.fractions and not self._has(family, "bigint"):
                return "whole numbers too large for a bigint, so perhaps identifiers; varint would hold them"
        if family == "local":
            return "times without a zone: with --zone, such as Europe/Berlin, they would be timestamps"
        meanings = {one.meaning for one in self.alive if one.family == family}
        if len(meanings) > 1 and "" not in meanings:
            return f"ambiguous, {' or '.join(sorted(meanings))}: if you know, declare it in place of text"
        return None

    def _wide_enough(self, reading: Reading) -> Reading:
        """Prefer a decimal where a double would lose digits."""
        if reading.type == "double" and self.digits > _EXACT_DIGITS and self._has(reading.family, "decimal"):
            alive = (one for one in self.alive if one.family == reading.family)
            return next(one for one in alive if one.type == "decimal")
        return reading

    def _has(self, family: str, kind: str) -> bool:
        return any(one.family == family and one.type == kind for one in self.alive)

    def _of(self, reading: Reading) -> Finding:
        if reading.type in {"double", "decimal"}:
            kind = f"numbers, {self.fractions:,} of them with decimals"
            if reading.type == "decimal":
                kind += f", up to {self.digits} digits: a double would lose some"
        else:
            kind = {"int": "whole numbers", "bigint": "whole numbers"}.get(reading.type, f"{reading.type}s")
        if reading.meaning:
            kind += f", {reading.meaning}"
        words = tuple(word for word, _ in self.words.most_common())
        return Finding(reading, self._told(kind), null_words=words, trims=self.is_padded)

    def _told(self, kind: str) -> str:
        told = f"{self.values:,} {kind}"
        if self.without:
            told += f"; {self.without:,} without a value"
        return told + "".join(f"; {count:,} {shown(word)}" for word, count in self.words.most_common(3))

    def _word_notes(self) -> Iterable[str]:
        for word, count in self.words.most_common(3):
            yield f"{shown(word)} ({count:,} times) is kept as a text; if it means no value: null_words"
