"""The admin's command `bucket-policies`, and its two services, `watch` and `auth-service`.

Turns errors into one line and an exit code: 0 done or no difference, 1 a difference or a failure, 2 usage or
settings, 4 a server does not answer. The commands that end by themselves are in `commands`.
"""

import logging
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Annotated

import structlog
import typer
import uvicorn

from bucket_policies import command_line, logs, minio_parts, mirror, watch
from bucket_policies.auth_service import create_app
from bucket_policies.commands.add import add
from bucket_policies.commands.passwd import passwd
from bucket_policies.commands.plan import apply, plan
from bucket_policies.commands.remove import remove
from bucket_policies.commands.usage import usage
from bucket_policies.customers import Customer
from bucket_policies.errors import PolicyError, SettingsError, UnreachableError
from bucket_policies.grant_store import CassandraSession
from bucket_policies.listening import open_listener
from bucket_policies.mirror import Difference
from bucket_policies.settings import AuthSettings, DocumentSettings, MirrorSettings, read_settings
from bucket_policies.store import open_administration, open_object_store

app = typer.Typer(
    help="Who may put what where: every system made equal to the customers' documents, and the auth service.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (add, remove, passwd, plan, apply, usage):
    app.command()(command)


def main() -> None:
    """Run the command; no traceback reaches its user."""
    try:
        sys.exit(command_line.run(app, "bucket-policies"))
    except UnreachableError as error:
        _fail(str(error), 4)
    except SettingsError as error:
        _fail(str(error), 2)
    except PolicyError as error:
        _fail(str(error), 1)
    except Exception as error:  # noqa: BLE001 - whatever it is, one line is all that its user gets
        _fail(f"unexpected error: {error!r}", 1)


def _fail(message: str, code: int) -> None:
    typer.echo(f"bucket-policies: {message}", err=True)
    sys.exit(code)


@app.command("watch")
def watch_documents() -> None:
    """Apply the documents to MinIO now and whenever one appears or changes, until interrupted.

    \b
    Examples:
      1. bucket-policies watch
      2. BUCKET_POLICIES_DIR=/etc/ingestion bucket-policies watch
    """
    settings = read_settings(MirrorSettings)
    _log_as(settings)
    minio = open_administration(settings)

    def apply_documents(customers: Iterable[Customer]) -> Sequence[Difference]:
        return mirror.apply(minio, minio_parts.wanted_parts(minio, customers, settings))

    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    watch.run(settings.customers_folder, apply_documents, over)


@app.command()
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
    _log_as(settings)
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


def _log_as(settings: DocumentSettings) -> None:
    logs.configure(settings.log_format, settings.log_level, libraries=logging.WARNING)
