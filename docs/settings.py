"""Writes settings.md from the settings themselves: python docs/settings.py > docs/settings.md."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from bucket_policies.settings import AuthSettings, MirrorSettings
from ingest_manager.settings import Settings

CHECKOUT = Path(__file__).parent.parent
HEAD = """# Settings

Written by `python docs/settings.py` from the code. Each is an environment variable, else a line of
`.local/env` in the folder where a command runs, else a file of that name, in any case, in the folder of
secrets ([containers.md](containers.md#secrets)): `/run/secrets`, or what `INGEST_MANAGER_SECRETS_DIR` or
`BUCKET_POLICIES_SECRETS_DIR` of the environment names. `bucket-policies plan`, `apply` and `remove` take the
ingest manager's settings, too, and `usage` the auth service's of Cassandra; without them they leave out what
they cannot ask. What `fetchdata` takes from the environment is in
[customer.md](customer.md).
"""


def page() -> str:
    """Return the whole page."""
    sections = {
        "Ingest manager, status service": rows(Settings),
        "Auth service": rows(AuthSettings),
        "`bucket-policies add`, `remove`, `plan`, `apply`, `usage`, `watch`": rows(MirrorSettings),
    }
    return HEAD + "".join(section(title, list(lines)) for title, lines in sections.items())


def section(title: str, lines: list[str]) -> str:
    """Return one table."""
    return "\n".join([f"\n## {title}\n", "| variable | default | is |", "|---|---|---|", *lines, ""])


def rows(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield a line for each setting."""
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        variable = str(field.validation_alias or f"{prefix}{name}".upper())
        yield f"| `{variable}` | {shown(field.default)} | {field.description} |"


def shown(default: object) -> str:
    """Show a default value."""
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, Path):
        return f"`{default.relative_to(CHECKOUT)}` of the checkout"
    if isinstance(default, Mapping | tuple):
        return f"`{json.dumps(default)}`"
    return "none" if default in (None, "") else f"`{default}`"


if __name__ == "__main__":
    print(page(), end="")
