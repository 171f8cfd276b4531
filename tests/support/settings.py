"""Settings as a component reads them from the environment, made in this process."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic_settings import BaseSettings

from ingest_manager.settings import Settings

S = TypeVar("S", bound=BaseSettings)


def settings_of(environment: Mapping[str, str], kind: type[S] = Settings, **values: Any) -> S:
    """Return settings of a kind: what an environment says, and values beside or instead of it."""
    prefix = kind.model_config["env_prefix"]
    told = {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }
    return kind(_env_file=None, **(told | values))
