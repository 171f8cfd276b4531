"""Structured logs of every process: JSON objects, one a line, or readable lines; on standard error.

No secrets and no row data: a traceback tells types and places but no messages, as these may quote either,
and libraries, whose lines take the same way, never tell what they send.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_QUIET = ("botocore", "boto3", "cassandra", "pika", "urllib3", "uvicorn")
_HANDLER = "structured"


def configure(
    log_format: LogFormat = "auto", level: LogLevel = "info", *, libraries: int = logging.CRITICAL
) -> None:
    """Set this process's logs up; calling it again changes them.

    Args:
        log_format: `auto` is JSON, unless a person reads along on a terminal.
        level: the least of our own lines to be written.
        libraries: the least of the libraries' lines; a command tells their faults in its own words.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _show_fault,
    ]
    structlog.configure(
        processors=[*shared, _renderer(log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_action,
                _renderer(log_format),
            ],
            use_get_message=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if one.get_name() != _HANDLER] + [handler]
    for name in _QUIET:  # whatever our own level: some show headers, addresses and statements below it
        logging.getLogger(name).setLevel(libraries)
    # The first passes the server's warnings on, which quote statements; the other tells of every retry.
    for name in ("cassandra.protocol", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(max(libraries, logging.ERROR))


def _renderer(log_format: LogFormat) -> Processor:
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        return structlog.processors.JSONRenderer()
    # Quoted, as keys are customers' text and a terminal would obey it.
    return structlog.dev.ConsoleRenderer(repr_native_str=True)


def _name_action(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    line.setdefault("action", "library")
    return line


def _show_fault(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Turn `exc_info` into types and places, from the first cause on."""
    given = line.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        line["exception"] = "\n".join(_places(error))
    return line


def _places(error: BaseException) -> list[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    kind = type(error)
    own = [*_frames(error.__traceback__), f"{kind.__module__}.{kind.__qualname__}"]
    return [*_places(cause), *own] if cause is not None else own


def _frames(of: TracebackType | None) -> list[str]:
    return [line.rstrip() for line in traceback.format_tb(of)]
