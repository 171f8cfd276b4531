"""Bad input number N of a seed: always the same file, whoever makes it, whichever were made before."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.reliability.damage import BYTES_DAMAGES, TEXT_DAMAGES, cell
from benchmarks.reliability.forms import ENDINGS, FORMS, Form, encoded, parquet_of, text_of
from benchmarks.reliability.tables import Cells, sound_rows

CHUNK_ROWS = (6, 10_000, 10_000, 10_000)
BLOCK_BYTES = (50, 1000, 256 << 10)


@dataclass(frozen=True)
class Input:
    """A bad file, how it was made, and how it is to be read."""

    form: Form
    ending: str
    damages: tuple[str, ...]
    data: bytes
    chunk_rows: int = 10_000
    block_bytes: int = 256 << 10

    @property
    def key(self) -> str:
        """The object's key."""
        return f"orders.{self.form.format}{self.ending}"


def make_input(seed: int, number: int) -> Input:
    """Make one bad file; forms take turns."""
    rng = random.Random(f"{seed}/{number}")
    form = FORMS[number % len(FORMS)]
    ending = "" if form.format == "parquet" else rng.choice(list(ENDINGS))
    rows = sound_rows(rng, form.letters)
    where = rng.choice(_places(form, ending))
    times = rng.choice((1, 1, 2))
    data, damages = _damaged(rng, form, ending, rows, where=where, times=times)
    return Input(form, ending, damages, data, rng.choice(CHUNK_ROWS), rng.choice(BLOCK_BYTES))


def _places(form: Form, ending: str) -> Sequence[str]:
    if form.format == "parquet":
        return ("stored bytes", "stored bytes") if form.is_typed else ("cells", "stored bytes")
    places = ("cells", "text", "text", "stored bytes")
    return (*places, "stored bytes", "bytes before compression") if ending else places


def _damaged(
    rng: random.Random, form: Form, ending: str, rows: Sequence[Cells], *, where: str, times: int
) -> tuple[bytes, tuple[str, ...]]:
    damages: list[str] = []
    if where == "cells":
        cell(rng, rows)
        damages = ["values"]
    if form.format == "parquet":
        data = parquet_of(form, rows)
    else:
        text = text_of(form, rng, rows)
        if where == "text":
            damages = rng.choices(list(TEXT_DAMAGES), k=times)
            for damage in damages:
                text = TEXT_DAMAGES[damage](rng, text)
        data = encoded(form, text)
        if where == "bytes before compression":
            data, damages = _damaged_bytes(rng, data, times)
        data = ENDINGS[ending](rng, data)
    if where == "stored bytes":
        data, damages = _damaged_bytes(rng, data, times)
        damages = [f"{damage} (compressed)" for damage in damages] if ending else damages
    return data, tuple(damages)


def _damaged_bytes(rng: random.Random, data: bytes, times: int) -> tuple[bytes, list[str]]:
    damages = rng.choices(list(BYTES_DAMAGES), k=times)
    for damage in damages:
        data = BYTES_DAMAGES[damage](rng, data)
    return data, damages
