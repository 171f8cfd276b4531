"""A CSV reader that is right at a glance: one character after the other, by RFC 4180 and nothing else."""

from dataclasses import dataclass, field

Fields = list[str | None]


class FaultError(Exception):
    """What the file is refused for: reason and line."""


@dataclass
class Record:
    """One row that is not blank."""

    line: int
    size: int
    fields: Fields
    raw: list[str]


@dataclass
class Slow:
    """The reader; `records` has what came before a fault."""

    text: str
    delimiter: str = ","
    quote: str = '"'
    at: int = 0
    line: int = 1
    records: list[Record] = field(default_factory=list)

    def read(self) -> None:
        """Read to the end, or raise FaultError."""
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"
        while self.at < len(self.text):
            start, line, (fields, raw) = self.at, self.line, self._record()
            text = self.text[start : self.at]
            if text not in {"\n", "\r\n"}:
                self.records.append(Record(line, len(text.encode()), fields, raw))

    def _record(self) -> tuple[Fields, list[str]]:
        fields: Fields = []
        raw: list[str] = []
        while True:
            start = self.at
            fields.append(self._quoted() if self.text[self.at] == self.quote else self._plain())
            raw.append(self.text[start : self.at])
            if self.text[self.at] == "\r":
                self.at += 1
            self.at += 1
            if self.text[self.at - 1] == "\n":
                self.line += 1
                return fields, raw

    def _plain(self) -> str | None:
        start = self.at
        while self.text[self.at] not in {self.delimiter, "\r", "\n"}:
            if self.text[self.at] == self.quote:
                raise FaultError("misplaced_quote", self.line)
            self.at += 1
        self._check_return()
        return self.text[start : self.at] or None

    def _quoted(self) -> str:
        opened, value = self.line, ""
        self.at += 1
        while self.at < len(self.text):
            if self.text.startswith(self.quote * 2, self.at):
                value += self.quote
                self.at += 2
            elif self.text[self.at] == self.quote:
                self.at += 1
                if self.text[self.at] not in {self.delimiter, "\r", "\n"}:
                    raise FaultError("misplaced_quote", self.line)
                self._check_return()
                return value
            else:
                value += self.text[self.at]
                self.line += self.text[self.at] == "\n"
                self.at += 1
        raise FaultError("unclosed_quote", opened)

    def _check_return(self) -> None:
        if self.text[self.at] == "\r" and self.text[self.at + 1] != "\n":
            raise FaultError("bare_carriage_return", self.line)
