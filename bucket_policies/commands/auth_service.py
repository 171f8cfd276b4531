"""The command `bucket-policies auth-service`."""

import logging
import signal
import sys
from contextlib import closing
from typing import Annotated

import structlog
import typer
import uvicorn

from bucket_policies import logs
from bucket_policies.auth_service import create_app
from bucket_policies.grant_store import CassandraSession
from bucket_policies.listening import open_listener
from bucket_policies.settings import AuthSettings, read_settings
from bucket_policies.store import open_object_store


def auth_service(
    *,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Accept the published passwords of the demo.")] = False,
) -> None:
    """Serve logins, constraints and grants until interrupted.

    \b
    Examples:
      1. bucket-policies auth-service --listen 127.0.0.1:8080
      2. bucket-policies auth-service --demo
    """
    settings = read_settings(AuthSettings, **({"listen": listen} if listen else {}))
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
    session = CassandraSession(settings)
    service = create_app(settings, store=open_object_store(settings), session=session, demo=demo)
    config = uvicorn.Config(
        service,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )
    for ending in (signal.SIGINT, signal.SIGTERM):  # raised once more by uvicorn, when it has shut down
        signal.signal(ending, lambda *_: sys.exit(0))
    with open_listener(settings.listen) as listener, closing(session):
        host, port = listener.getsockname()[:2]
        structlog.get_logger(__name__).info(
            "listening", action="start", host=host, port=port, tls=bool(settings.tls_key), demo=demo
        )
        uvicorn.Server(config).run(sockets=[listener])
