"""The command `ingest-manager status-service`: the customers' view, until it is stopped."""

import logging

import uvicorn

from bucket_policies import logs
from bucket_policies.listening import open_listener
from ingest_manager import status_service
from ingest_manager.cassandra import cassandra_session
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.objects.connection import connect_store
from ingest_manager.settings import Settings


def serve_status() -> None:
    """Serve the customers' own history and rejects over HTTP.

    \b
    Examples:
      1. ingest-manager status-service
      2. INGEST_MANAGER_STATUS_LISTEN=127.0.0.1:8081 ingest-manager status-service
    """
    settings = Settings()
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
    with open_listener(settings.status_listen) as listener, cassandra_session.connect(settings) as session:
        token_key = settings.token_key.get_secret_value().encode()
        sources = status_service.Sources(
            connect_ledger(settings, session), connect_store(settings), token_key
        )
        config = uvicorn.Config(
            status_service.create_app(sources),
            ssl_certfile=settings.status_tls_certificate,
            ssl_keyfile=settings.status_tls_key,
            log_config=None,
            access_log=False,
        )
        uvicorn.Server(config).run(sockets=[listener])
