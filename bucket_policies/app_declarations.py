"""A customer's own app declarations, for checks on its machine: the text of each `app.toml`, never code.

What a declaration means is left to `customer_ingestapps`, which runs on the customer's machine too; only its
keys are looked at here, so that a file that no app takes need not be sent.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from bucket_policies.api import AppDeclaration
from bucket_policies.customers import is_customer_id
from bucket_policies.errors import DocumentError
from bucket_policies.rules import Violation, escaped
from customer_ingestapps import globs

DECLARATION = "app.toml"
TRANSFORM = "transform.py"


def read_declarations(folder: Path, customer_id: str) -> tuple[AppDeclaration, ...]:
    """Read what a customer's folder declares: `app.toml`, or `<app>/app.toml` for each of several.

    Raises:
        DocumentError: it is no customer's id, or a declaration cannot be read.
    """
    if not is_customer_id(customer_id):  # so it is the name of a folder and no path
        raise DocumentError(f"{customer_id!r} cannot be a customer")
    own = folder / customer_id
    found = sorted([*own.glob(DECLARATION), *own.glob(f"*/{DECLARATION}")])
    return tuple(map(_read, found))


def no_app_violation(apps: Iterable[AppDeclaration], key: str) -> Violation | None:
    """Find out whether none of a customer's apps takes an object.

    A customer without apps is only being set up, and declarations that break their rules leave the last good
    ones in force, which are not known here: neither refuses anything.
    """
    taken: list[str] = []
    for app in apps:
        try:
            files = tomllib.loads(app.toml)["files"]
            taken += [str(glob) for glob in (*files["keys"], *files.get("csv_keys", ()))]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    if not taken or any(globs.matches(glob, key) for glob in taken):
        return None
    names = ", ".join(taken)
    message = f"no ingest app takes '{escaped(key)}'; names that are taken: {escaped(names)}"
    return Violation(rule="no_app", value=escaped(key), limit=escaped(names), message=message)


def _read(declaration: Path) -> AppDeclaration:
    try:
        toml = declaration.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{declaration}: cannot be read: {error}") from error
    app = declaration.parent
    has_transform = _declares_code(toml) or (app / TRANSFORM).exists()
    return AppDeclaration(name=app.name, toml=toml, has_transform=has_transform)


def _declares_code(toml: str) -> bool:
    try:
        return "transform" in tomllib.loads(toml)
    except tomllib.TOMLDecodeError:  # whoever reads it will say so
        return False
