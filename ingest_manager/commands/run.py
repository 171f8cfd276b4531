"""The command `ingest-manager run`: the manager itself."""

import logging

from bucket_policies import logs
from ingest_manager import app
from ingest_manager.settings import Settings


def run() -> None:
    """Load what arrives, until SIGTERM or Ctrl-C.

    \b
    Examples:
      1. ingest-manager run
      2. INGEST_MANAGER_WORKERS=8 ingest-manager run
    """
    settings = Settings()
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
    app.run(settings)
