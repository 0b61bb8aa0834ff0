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
    publish_to: tuple[str, ...] = Field(
        ("database",), description="Where the weekly job publishes runs: database, parquet, csv."
    )
    keep_runs: int = Field(0, ge=0, description="How many of the newest runs the database keeps; 0 keeps all.")
    keep_explanations: int = Field(
        13, ge=0, description="Of how many of the newest runs the database keeps explanations."
    )

    host: str = Field("127.0.0.1", description="Address that `oresight serve` listens on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port that `oresight serve` listens on; 0 takes a free one.")
    serve_workers: int = Field(1, ge=1, le=64, description="Processes of `oresight serve`; each has its own copy.")
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may read the service from a browser, such as https://board.example.org."
    )
    anonymous: bool | None = Field(
        None, description="Whether the service answers without a key; unset: only where it listens on loopback."
    )
    ready_days: float = Field(
        9, gt=0, le=366, description="Age in days from which the current run is too old for the service to be ready."
    )
    quota_anonymous: int = Field(
        6_000, ge=0, description="Requests a minute from one address without a key, none on loopback; 0 sets no limit."
    )
    quota_key: int = Field(
        120_000, ge=0, description="Requests a minute with one key, unless the key has its own; 0 sets no limit."
    )
    query_seconds: float = Field(5, gt=0, le=300, description="Longest time one query of the service may take.")
    switch_seconds: float = Field(
        2, ge=0, le=60, description="Time from the publication of a run to the moment all processes switch to it."
    )
    cursor_secret: str = Field("", description="Text that cursors are signed with; empty: the address of the database.")

    alerts_rules: Path | None = Field(
        None, description="File of the rules of warnings (default: alerts.toml in the home folder)."
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
    def alerts_file(self) -> Path:
        """Where the rules of warnings are: what `alerts_rules` names, else `alerts.toml` in the home."""
        return self.alerts_rules or self.home / "alerts.toml"

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
