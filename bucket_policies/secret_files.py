"""Settings out of files, one per secret, as containers get them: the file's name is the variable's.

The settings of this package and of the ingest manager build on `SecretFileSettings`: the environment wins. A
folder or file that cannot be used is told in one line, never passed over.
"""

import os
import warnings
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource
from pydantic_settings import SettingsError as SourceError
from typing_extensions import override

from bucket_policies.errors import SettingsError

USUAL_FOLDER = Path("/run/secrets")  # where containers have them


class SecretFiles(SecretsSettingsSource):
    """The files of the folder that `<PREFIX>SECRETS_DIR` names, else of the usual one."""

    def __init__(self, kind: type[BaseSettings]) -> None:
        variable = f"{kind.model_config.get('env_prefix', '')}SECRETS_DIR"
        named = os.environ.get(variable)
        if named and not Path(named).is_dir():
            raise SettingsError(f"{variable}: {named} is no folder")
        super().__init__(kind, named or (USUAL_FOLDER if USUAL_FOLDER.is_dir() else None))

    @override
    def __call__(self) -> dict[str, Any]:
        """Read the files that there are.

        Raises:
            SettingsError: one is empty, no file, or cannot be read.
        """
        try:
            return super().__call__()
        except SourceError as error:  # the library wraps whatever `get_field_value` raises
            raise SettingsError(str(error.__cause__ or error)) from None  # a cause may show the value

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read one file; what the library would pass over with a warning is a fault."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                value, key, is_complex = super().get_field_value(field, field_name)
        except OSError as error:
            raise SettingsError(f"{error.filename}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SettingsError(f"{self.secrets_dir}: the file of {field_name} is no text") from None
        if value == "":
            raise SettingsError(f"{self.secrets_dir}: the file of {field_name} is empty")
        return value, key, is_complex


class SecretFileSettings(BaseSettings):
    """Settings that come from the environment, else from its file, else from secret files."""

    @field_validator("*")
    @classmethod
    def _refuse_empty_logins(cls, value: Any, info: ValidationInfo) -> Any:
        is_key = str(info.field_name).endswith("_access_key")
        if (isinstance(value, SecretStr) and not value.get_secret_value()) or (is_key and not value):
            raise PydanticCustomError("empty", "it is empty")
        return value

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put our reading of secret files in the place of the library's."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)
