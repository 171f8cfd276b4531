"""The command `bucket-policies add`: a customer's document and password, and MinIO made ready for it."""

import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bucket_policies import users
from bucket_policies.commands.options import AsJson, TheCustomer, ask_password, read_password
from bucket_policies.commands.plan import show_differences
from bucket_policies.constraints import Constraints
from bucket_policies.customer_documents import add_document, check_new_document, document_text
from bucket_policies.customers import Customer
from bucket_policies.errors import NotGivenError, SettingsError, UnreachableError
from bucket_policies.minio_parts import make_ready
from bucket_policies.mirror import Difference
from bucket_policies.settings import DocumentSettings, MirrorSettings, read_settings
from bucket_policies.store import open_administration

_WATCH = "`bucket-policies watch` or `apply` makes the buckets"
_GENERATED_BYTES = 12


def _option(name: str) -> Any:
    return typer.Option(help=Constraints.model_fields[name].description)


def add(
    customer: TheCustomer,
    formats: Annotated[str, typer.Option(help="Endings that a file may have, with commas between.")] = ".csv",
    number_files: Annotated[int, _option("number_files")] = 10,
    data_sizes: Annotated[int, _option("data_sizes")] = 4096,
    quota_kib: Annotated[int | None, _option("quota_kib")] = None,
    expanded_kib: Annotated[int | None, _option("expanded_kib")] = None,
    replay_days: Annotated[int | None, _option("replay_days")] = None,
    after_load: Annotated[str | None, _option("after_load")] = None,
    max_rejects: Annotated[str | None, _option("max_rejects")] = None,
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a customer in: write its document, set a password, make its buckets.

    The password is asked for on the terminal; an empty answer has one made and shown there, once.

    \b
    Examples:
      1. bucket-policies add acme
      2. bucket-policies add acme --formats .csv,.csv.gz --number-files 100 --data-sizes 2048
      3. pwgen 20 1 | bucket-policies add acme --quota-kib 1048576 --password-stdin --json
    """
    settings = read_settings(DocumentSettings)
    given = {
        "formats": [ending.strip() for ending in formats.split(",")],
        "number_files": number_files,
        "data_sizes": data_sizes,
        "quota_kib": quota_kib,
        "expanded_kib": expanded_kib,
        "replay_days": replay_days,
        "after_load": after_load,
        "max_rejects": int(max_rejects) if max_rejects and max_rejects.isdecimal() else max_rejects,
    }
    content = {key: value for key, value in given.items() if value is not None}
    check_new_document(settings.folder, customer, document_text(content))
    if settings.users_document.exists():
        users.read_users(settings.users_document)  # before anything is written
    password, is_generated = _password(customer, from_stdin=password_stdin)
    added = add_document(settings.folder, customer, content)
    users.set_password(settings.users_document, customer, password)
    if not as_json:
        typer.echo(f"{added.id}: customers/{added.id}.json is written, the password is set")
    if is_generated:
        _show_once(f"the password of {added.id}, shown this once: {password}")
    made = _make_ready(added)
    if as_json:
        typer.echo(json.dumps(_document(added, made, is_generated=is_generated), default=str))
    else:
        _tell(added, made)
    raise typer.Exit(1 if made.failed else 0)


def _password(customer: str, *, from_stdin: bool) -> tuple[str, bool]:
    """Return a password that may be set, and whether it was made here."""
    if not (from_stdin or sys.stdin.isatty()):
        raise SettingsError("there is no terminal to ask for a password on: add --password-stdin")
    password = read_password() if from_stdin else ask_password(f"Password of {customer} (empty: make one): ")
    is_generated = not (from_stdin or password)
    if is_generated:
        password = secrets.token_hex(_GENERATED_BYTES)
    users.check_password(password)
    return password, is_generated


def _show_once(line: str) -> None:
    with Path("/dev/tty").open("w") as terminal:  # standard output may go into a file
        terminal.write(f"{line}\n")


@dataclass(frozen=True)
class _Made:
    """What became of a customer's buckets: what MinIO did not take, or why it was not asked."""

    failed: Sequence[Difference] = ()
    why_not: str | None = None


def _make_ready(customer: Customer) -> _Made:
    """Make the customer's buckets now, where that can be done here.

    Raises:
        PolicyError: MinIO refuses something.
    """
    try:
        settings = read_settings(MirrorSettings)
        return _Made(make_ready(open_administration(settings), customer, settings))
    except NotGivenError:
        return _Made(why_not=f"MinIO's administrator is not known here: {_WATCH}")
    except UnreachableError as error:
        return _Made(why_not=f"{error}: {_WATCH} when it does")


def _document(customer: Customer, made: _Made, *, is_generated: bool) -> dict[str, object]:
    return {
        "customer": customer.id,
        "document": f"customers/{customer.id}.json",
        "password_generated": is_generated,
        "ready": not (made.failed or made.why_not),
        "why_not": made.why_not,
        "failed": [asdict(one) for one in made.failed],
    }


def _tell(customer: Customer, made: _Made) -> None:
    if made.failed:
        show_differences(made.failed, "")
        return
    ready = f"{customer.staging_bucket} and {customer.archive_bucket} are ready"
    typer.echo(f"{customer.id}: {made.why_not or ready}")
    app = f"customer_ingestapps/{customer.id}/app.toml"
    typer.echo(f"next: an app for its files, {app}, then bucket-policies plan")
