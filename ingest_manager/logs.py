"""Structured logs: one JSON object a line, or coloured lines on a terminal. No secrets, no row data."""

import logging
import sys

import structlog


def configure() -> None:
    """Set structlog up for this process; logs go to standard error."""
    on_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for noisy in ("cassandra", "pika", "botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
