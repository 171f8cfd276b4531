"""Transforms: what an `app.toml` may declare of a customer's own code, and what the readers ask of it.

How it is run, and what keeps it from doing harm, is left to whoever reads: this package starts nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from customer_ingestapps.columns import Declared

if TYPE_CHECKING:  # a declaration is read without them
    import polars as pl
    import pyarrow as pa

ROW, REJECT, DROP = "_row", "_reject", "_drop"
"""Columns of batches and answers: the number of a row within its batch; why the app rejects or drops it."""

RESERVED = frozenset({ROW, REJECT, DROP})
CODE = "transform.py"
"""The file, beside `app.toml`, of a transform in Python."""

Wire = Literal["ndjson", "arrow"]
_Part = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]


class TransformDeclaration(Declared):
    """`[transform]`: the app's own code, between the file's columns and the table's."""

    kind: Literal["python", "program"]
    """`python`: `transform.py` beside the declaration; `program`: any command."""

    command: tuple[_Part, ...] = ()
    """Of a program: what is started, in the app's folder."""

    wire: Wire = "ndjson"
    """Of a program: how batches and answers are written."""

    columns: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """What is read of the file; else every column, of JSON those that `[columns]` names."""

    missing_rows: Literal["refuse", "drop"] = "refuse"
    """What a row means that is not in the answer: a fault of the app, or that it is dropped."""

    memory_mib: Annotated[int, Field(strict=True, ge=64)] = 512
    """What the app's processes may take together."""

    seconds_per_batch: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 30
    """How long one answer may take."""

    cpu_seconds_per_batch: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 30
    """How much time of the processor one answer may take."""

    answer_mib: Annotated[int, Field(strict=True, ge=1)] = 32
    """How large one answer may be."""

    @model_validator(mode="after")
    def _suits_the_kind(self) -> Self:
        if (self.kind == "program") != bool(self.command):
            raise ValueError('a command is what kind = "program" needs, and nothing else takes')
        if self.kind == "python" and self.wire != "ndjson":
            raise ValueError('wire is for kind = "program"')
        return self


class Transform(Protocol):
    """A customer's code, ready to be asked: one batch after the other, in the order of the file."""

    def __call__(self, batch: "pl.DataFrame", /) -> "Callable[[], pa.Table]":
        """Hand over a batch, columns of text and `_row`; what is returned waits for the answer.

        Raises:
            FileRejected: (the waiting) the answer is none, which asking again will not mend.
        """
