"""Structured logs: one JSON object a line, on standard error; never a secret in it."""

import logging
import sys

import structlog


def configure() -> None:
    """Set structlog up for this process, and quieten libraries that log what we answer for ourselves."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    for noisy in ("botocore", "cassandra", "pika", "urllib3", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
