"""The admin's command `bucket-policies`, and its two services, `watch` and `auth-service`.

Turns errors into one line and an exit code: 0 done or no difference, 1 a difference or a failure, 2 usage or
settings, 4 a server does not answer. The commands themselves are in `commands`.
"""

import sys

import typer

from bucket_policies import command_line
from bucket_policies.errors import PolicyError, SettingsError, UnreachableError

app = command_line.build(
    "Who may put what where: every system made equal to the customers' documents, and the auth service.",
    {
        "add": "bucket_policies.commands.add:add",
        "remove": "bucket_policies.commands.remove:remove",
        "passwd": "bucket_policies.commands.passwd:passwd",
        "plan": "bucket_policies.commands.plan:plan",
        "apply": "bucket_policies.commands.plan:apply",
        "usage": "bucket_policies.commands.usage:usage",
        "watch": "bucket_policies.commands.watch:watch_documents",
        "auth-service": "bucket_policies.commands.auth_service:auth_service",
    },
)


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
