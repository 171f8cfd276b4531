"""The process of a transform in Python: batches in, `transform(frame)`, answers out, until there are no more.

Started by its path with `python -I -S`, in the sandbox: the only place where a customer's code is imported.
What the transform prints goes to its standard error, as standard output is for answers.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

OUT_OF_MEMORY = 77
"""The exit code that says so."""


def main() -> None:
    """Serve batches; arguments are the app's `transform.py` and the folders of libraries."""
    code, *libraries = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - line by line, to the end
    sys.path += [*libraries, str(Path(code).parent)]
    try:
        _serve(_transform(Path(code)), sys.stdin.buffer, answers)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends this process, in one line more
        traceback.print_exception(error)
        place = _place(error.__traceback__, code)
        print(
            f"{place}{type(error).__name__}: {str(error).partition(chr(10))[0]}", file=sys.stderr, flush=True
        )
        os._exit(1)


def _transform(code: Path) -> Callable[[Any], Any]:
    spec = importlib.util.spec_from_file_location("transform", code)
    assert spec is not None  # noqa: S101 - it ends in .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules["transform"] = module
    spec.loader.exec_module(module)
    function: Callable[[Any], Any] = module.transform
    return function


def _serve(transform: Callable[[Any], Any], batches: BinaryIO, answers: BinaryIO) -> None:
    import polars as pl  # noqa: PLC0415 - found by the path that was given
    import pyarrow as pa  # noqa: PLC0415

    while batches.peek(1):  # type: ignore[attr-defined]  # a buffered reader
        frame = pl.DataFrame(pa.ipc.open_stream(batches).read_all())
        answer = transform(frame)
        if not isinstance(answer, pl.DataFrame):
            raise TypeError(f"transform() must return a polars.DataFrame, not {type(answer).__name__}")
        table = answer.to_arrow()
        with pa.ipc.new_stream(answers, table.schema) as stream:
            stream.write_table(table)
        answers.flush()


def _place(trace: TracebackType | None, code: str) -> str:
    """Give the last line of the transform that took part."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == code]
    return f"{Path(code).name} line {lines[-1]}: " if lines else ""


if __name__ == "__main__":
    main()
