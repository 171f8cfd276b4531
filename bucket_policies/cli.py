"""The admin's command: `bucket-policies plan | apply | watch | passwd | auth-service`.

Reads the settings, builds what the command needs, prints, and turns errors into one line and an exit code:
0 done or no difference, 1 a difference or a failure, 2 usage or settings, 4 a server does not answer.
"""

import getpass
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import structlog
import typer
import uvicorn

from bucket_policies import logs, mirror, usage, users, watch
from bucket_policies.auth_service import create_app
from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import DocumentError, PolicyError, SettingsError, UnreachableError
from bucket_policies.grant_store import CassandraSession
from bucket_policies.listening import open_listener
from bucket_policies.mirror import Difference, Part
from bucket_policies.settings import AuthSettings, DocumentSettings, MirrorSettings, read_settings
from bucket_policies.store import Administration, open_administration, open_object_store

app = typer.Typer(
    help="Who may put what where: MinIO made equal to the customers' documents, and the auth service.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def main() -> None:
    """Run the command; no traceback reaches its user."""
    try:
        sys.exit(usage.run(app, "bucket-policies"))
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


@app.command()
def plan(*, as_json: AsJson = False) -> None:
    """Show how MinIO differs from the documents; exit 1 if it does.

    \b
    Examples:
      1. bucket-policies plan
      2. bucket-policies plan --json
    """
    _mirror(mirror.plan, as_json=as_json)


@app.command()
def apply(*, as_json: AsJson = False) -> None:
    """Make MinIO equal to the documents: buckets, quotas, lifecycle, notifications, service users.

    \b
    Examples:
      1. bucket-policies apply
      2. BUCKET_POLICIES_DIR=/etc/ingestion bucket-policies apply --json
    """
    _mirror(mirror.apply, as_json=as_json)


@app.command("watch")
def watch_documents() -> None:
    """Apply the documents now and whenever one appears or changes, until interrupted.

    \b
    Examples:
      1. bucket-policies watch
      2. BUCKET_POLICIES_DIR=/etc/ingestion bucket-policies watch
    """
    settings = read_settings(MirrorSettings)
    _log_as(settings)
    minio = open_administration(settings)

    def apply_documents(customers: Iterable[Customer]) -> Sequence[Difference]:
        return mirror.apply(minio, mirror.wanted_parts(minio, customers, settings))

    over = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: over.set())
    watch.run(settings.customers_folder, apply_documents, over)


@app.command()
def passwd(customer: Annotated[str, typer.Argument(help="The customer's id.")]) -> None:
    """Set a customer's password, asked for on the terminal or read from standard input.

    \b
    Examples:
      1. bucket-policies passwd customer-1
      2. pwgen 20 1 | bucket-policies passwd customer-1
    """
    settings = read_settings(DocumentSettings)
    if customer not in CustomerDirectory(settings.customers_folder).current():
        raise DocumentError(f"there is no customer {customer!r}: write customers/{customer}.json first")
    users.set_password(settings.users_document, customer, _new_password())
    typer.echo(f"the password of {customer} is set")


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


def _mirror(act: Callable[[Administration, Iterable[Part]], Sequence[Difference]], *, as_json: bool) -> None:
    settings = read_settings(MirrorSettings)
    directory = CustomerDirectory(settings.customers_folder)
    customers = directory.current()
    minio = open_administration(settings)
    differences = act(minio, mirror.wanted_parts(minio, customers.values(), settings))
    for document, problem in directory.problems.items():
        typer.echo(f"{document}: refused: {problem}", err=True)
    if as_json:
        found = {"differences": [asdict(one) for one in differences], "refused": dict(directory.problems)}
        typer.echo(json.dumps(found, default=str))
    else:
        _show(differences, "was {}, is {}" if act is mirror.apply else "now {}, wanted {}")
    left = [one for one in differences if one.error or act is mirror.plan]
    if left or directory.problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"MinIO equals the documents of {len(customers)} customers")


def _show(differences: Sequence[Difference], wording: str) -> None:
    for one in differences:
        change = wording.format(json.dumps(one.now, default=str), json.dumps(one.wanted))
        typer.echo(f"{one.what}: {one.error or change}", err=bool(one.error))


def _new_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise DocumentError("the two differ, nothing is changed")
    return password
