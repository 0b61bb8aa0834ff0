"""Settings: from the environment (`ORESIGHT_…`) and an optional `oresight.toml` in the working folder."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from features.errors import ConfigError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """Every setting with its default and one sentence; the environment wins over the file."""

    model_config = SettingsConfigDict(
        env_prefix="ORESIGHT_", env_ignore_empty=True, toml_file="oresight.toml", extra="forbid", frozen=True
    )

    home: Path = Field(Path(".oresight"), description="Folder of all state: payloads, datasets, runs, models, MLflow.")
    memory_limit: str = Field("4GB", pattern=r"^\d+(\.\d+)?(MB|GB)$", description="Most memory DuckDB may take.")
    workers: int = Field(2, ge=1, le=64, description="Processes that work side by side in a backtest.")
    tier_guarded: float = Field(0.15, gt=0, lt=1, description="Probability from which a pair is guarded.")
    tier_elevated: float = Field(0.30, gt=0, lt=1, description="Probability from which a pair is elevated.")
    tier_severe: float = Field(0.50, gt=0, lt=1, description="Probability from which a pair is severe.")
    endpoints: dict[str, str] = Field(
        {}, description="Address to download a source from, instead of its own, by source."
    )
    private_hosts: tuple[str, ...] = Field(
        (), description="Hosts, such as a mirror of your own, that may be private machines and speak plain HTTP."
    )
    fetch_seconds: float = Field(
        300, gt=0, le=86_400, description="Longest time one download may take, all attempts together."
    )
    fetch_attempts: int = Field(4, ge=1, le=10, description="How often a download is attempted before it fails.")
    fetchers: int = Field(4, ge=1, le=32, description="Sources that are downloaded side by side.")
    contact: str = Field("", description="Mail address or page that publishers see in our requests; empty says none.")

    database: str = Field(
        "",
        description="Address of a PostgreSQL database, such as postgresql://user@host/name; empty: SQLite in the home.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def datasets(self) -> Path:
        """Where the store lives."""
        return self.home / "datasets"

    @property
    def runs(self) -> Path:
        """Where published weekly runs live."""
        return self.home / "runs"

    @property
    def database_url(self) -> str:
        """Where the relational store lives: what `database` names, else `oresight.db` in the home."""
        return self.database or f"sqlite:///{(self.home / 'oresight.db').resolve()}"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow's experiments live: a server if `MLFLOW_TRACKING_URI` names one, else SQLite in the home."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(self.home / 'mlflow.db').resolve()}"


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings; `home` from the command line wins over both sources.

    Raises:
        ConfigError: a setting is unknown or out of range, or the file is not TOML; the message names it.
    """
    try:
        settings = Settings(home=home) if home is not None else Settings()
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"setting {name}: {first['msg']}, found {first['input']!r}. See ORESIGHT_{name.upper()} and oresight.toml."
        ) from None
    except SettingsError as problem:
        remedy = "Lists and tables are given as JSON, such as ORESIGHT_PRIVATE_HOSTS='[\"localhost\"]'."
        raise ConfigError(f"{problem}. {remedy}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"oresight.toml in {Path.cwd()} is not TOML: {problem}. Correct it there.") from None
    if not settings.tier_guarded < settings.tier_elevated < settings.tier_severe:
        raise ConfigError("the tier limits must rise: tier_guarded < tier_elevated < tier_severe")
    return settings
