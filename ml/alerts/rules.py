"""The rules of warnings: what `alerts.toml` may say, laid over the packaged defaults.

Every error names the file, the table and the key. What is refused here can't fail at three in the morning.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.catalog import load_catalog
from features.errors import ConfigError
from ml.alerts.channels.settings import Channel
from ml.contract import TIERS
from models.targets import HORIZONS, TARGETS

__all__ = ["Group", "Retries", "Rule", "Rules", "Step", "Web", "load_rules", "read_rules"]

DEFAULTS = Path(__file__).parent / "defaults.toml"
KNOWN_TARGETS = (*TARGETS, "restriction_onset", "price_spike", "production_drop")
KNOWN_HORIZONS = (*HORIZONS, "13_weeks", "26_weeks", "52_weeks")
HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")

Tier = Literal["low", "guarded", "elevated", "severe"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Frac = Annotated[float, Field(ge=0, le=1)]


def _known(kind: str, known: Any) -> AfterValidator:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [value for value in values if value not in known()]
        if unknown:
            raise ValueError(f"no {kind} is called {', '.join(map(repr, unknown))}")
        return values

    return AfterValidator(check)


def _lists() -> set[str]:
    catalog = load_catalog()
    return {entry.list_id for mineral in catalog.minerals for entry in catalog.lists_of(mineral)}


Minerals = Annotated[tuple[str, ...], _known("mineral", lambda: load_catalog().minerals)]
Lists = Annotated[tuple[str, ...], _known("policy list", _lists)]
Countries = Annotated[tuple[str, ...], _known("country (ISO 3166-1 alpha-3)", lambda: load_catalog().countries)]
Targets = Annotated[tuple[str, ...], _known("target", lambda: KNOWN_TARGETS), Field(min_length=1)]
Horizons = Annotated[tuple[str, ...], _known("horizon", lambda: KNOWN_HORIZONS), Field(min_length=1)]


class Strict(BaseModel):
    """A table of the file: unknown keys are refused, nothing changes it later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Strict):
    """When a warning is raised, told again and cleared; all conditions must hold."""

    id: Name
    targets: Targets = ("supply_drop",)
    horizons: Horizons = ("current_year", "next_year")
    lowest_tier: Tier = "elevated"
    alerts_only: bool = True
    raise_at: Annotated[float, Field(gt=0, le=1)] = 0.40
    clear_at: Annotated[float, Field(ge=0, lt=1)] = 0.30
    change: Frac = 0.0
    update_change: Annotated[float, Field(gt=0, le=1)] = 0.10
    min_confidence: Frac = 0.50
    above_normal: Annotated[float, Field(ge=0)] = 1.0
    minerals: Minerals = ()
    lists: Lists = ()
    suppliers: Countries = ()
    importers: Countries = ()
    min_importer_share: Frac = 0.05
    cool_down_days: Annotated[int, Field(ge=0, le=366)] = 28

    @model_validator(mode="after")
    def _clears_below(self) -> Rule:
        if self.clear_at >= self.raise_at:
            raise ValueError(f"clear_at ({self.clear_at}) must be below raise_at ({self.raise_at})")
        return self


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"no time zone is called {name!r}; write one such as Asia/Taipei") from None
    return name


class Group(Strict):
    """People who are told together: language, time zone, quiet hours, importer, and how they are reached."""

    id: Name
    language: Literal["en", "zh-Hant"] = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    quiet_hours: Annotated[str, Field(pattern=f"^$|{HOURS.pattern}")] = ""
    severe_breaks_quiet: bool = True
    importer: str = ""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> Group:
        if self.importer and self.importer not in load_catalog().countries:
            raise ValueError(f"importer: no country is called {self.importer!r}; write ISO 3166-1 alpha-3, such as TWN")
        ids = [channel.id for channel in self.channels]
        if len(set(ids)) < len(ids):
            raise ValueError(f"two channels have one id among {', '.join(ids)}; deliveries are told apart by it")
        return self

    @property
    def quiet(self) -> tuple[dt.time, dt.time] | None:
        """Begin and end of quiet hours on the group's clock, None without any."""
        found = HOURS.match(self.quiet_hours)
        if found is None:
            return None
        hours = [int(part) for part in found.groups()]
        return dt.time(hours[0], hours[1]), dt.time(hours[2], hours[3])


class Step(Strict):
    """Who is told, how long after the change; a later step only as long as nobody has acknowledged."""

    groups: Annotated[tuple[str, ...], Field(min_length=1)]
    after_minutes: Annotated[int, Field(ge=0, le=14 * 24 * 60)] = 0
    unless_acknowledged: bool = True


class Retries(Strict):
    """How often a delivery is tried, and how long is waited in between."""

    attempts: Annotated[int, Field(ge=1, le=50)] = 8
    first_wait_seconds: Annotated[float, Field(ge=0)] = 60
    factor: Annotated[float, Field(ge=1)] = 4
    longest_wait_seconds: Annotated[float, Field(gt=0)] = 21600
    time_out_seconds: Annotated[float, Field(gt=0, le=120)] = 20
    lease_seconds: Annotated[float, Field(gt=0)] = 300

    @model_validator(mode="after")
    def _outlasts(self) -> Retries:
        # Else a second process would send what the first is still sending.
        if self.lease_seconds <= 2 * self.time_out_seconds:
            raise ValueError("lease_seconds must be more than twice time_out_seconds")
        return self


class Web(Strict):
    """The public page, the feed and the CAP files."""

    address: Annotated[str, Field(pattern=r"^$|^https?://[^\s<>\"]+$")] = ""
    sender: Annotated[str, Field(pattern=r"^[^\s,<&]+$")] = "oresight@localhost"
    entries: Annotated[int, Field(ge=1, le=2000)] = 200
    expires_grace_hours: Annotated[int, Field(ge=0, le=168)] = 24


class Rules(Strict):
    """The whole file."""

    drill: bool = False
    budget: Annotated[int, Field(ge=0, le=500)] = 10
    digest_lines: Annotated[int, Field(ge=1, le=200)] = 20
    notice_groups: tuple[str, ...] = ()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    groups: tuple[Group, ...] = ()
    plans: dict[Tier, tuple[Step, ...]] = {}
    retries: Retries = Retries()
    web: Web = Web()

    @model_validator(mode="after")
    def _names_agree(self) -> Rules:
        for what, ids in (("rules", [rule.id for rule in self.rules]), ("groups", [each.id for each in self.groups])):
            if len(set(ids)) < len(ids):
                raise ValueError(f"two {what} have one id among {', '.join(ids)}")
        known = {group.id for group in self.groups}
        named = {name: f"plans.{tier}" for tier, steps in self.plans.items() for step in steps for name in step.groups}
        named |= dict.fromkeys(self.notice_groups, "notice_groups")
        for name, where in named.items():
            if name not in known:
                raise ValueError(f"{where} names the group {name!r}; there are {', '.join(sorted(known)) or 'none'}")
        for tier, steps in self.plans.items():
            if [step.after_minutes for step in steps] != sorted(step.after_minutes for step in steps):
                raise ValueError(f"plans.{tier}: the steps' after_minutes must not fall")
        return self

    @property
    def digest(self) -> str:
        """A digest of the rules, to see from a record under which ones a run was read."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def group(self, name: str) -> Group | None:
        """Give a group, None if the file names it no more."""
        return next((group for group in self.groups if group.id == name), None)

    def first_groups(self) -> tuple[str, ...]:
        """Give who gets digests and notices: `notice_groups`, else the first step of every plan."""
        if self.notice_groups:
            return self.notice_groups
        named = [name for tier in reversed(TIERS) for step in self.plans.get(tier, ())[:1] for name in step.groups]  # type: ignore[call-overload]
        return tuple(dict.fromkeys(named))


def load_rules(path: Path) -> Rules:
    """Read the file laid over the defaults; without a file the defaults hold.

    Raises:
        ConfigError: it is not TOML, or says what it can't; the message names file, table and key.
    """
    if not path.exists():
        return read_rules("", where=str(path))
    try:
        return read_rules(path.read_text(encoding="utf-8"), where=str(path))
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: not UTF-8 text: {problem}") from None


def read_rules(text: str, *, where: str) -> Rules:
    """Read rules from TOML text laid over the defaults; see `load_rules`."""
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{where}: not TOML: {problem}; correct it there") from None
    whole = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    for key, value in own.items():
        is_table = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = {**whole[key], **value} if is_table else value
    try:
        return Rules.model_validate(whole)
    except ValidationError as problem:
        # That a list is too short where its entries are wrong is no news.
        errors = [each for each in problem.errors() if each["type"] != "too_short"] or problem.errors()
        first = errors[0]
        place = _place(first["loc"], whole)
        told = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        told = told.removeprefix("Value error, ")
        found = "" if isinstance(first["input"], Mapping | BaseModel) else f", found {first['input']!r}"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise ConfigError(f"{where}: {place}: {told}{found}{more}") from None


def _place(loc: tuple[int | str, ...], whole: Any) -> str:
    # `rules[2] 'tin'.raise_at`: counted from one, as people do, and with the id if it has one.
    told, at = "", whole
    for part in loc:
        if isinstance(part, int):
            at = at[part] if isinstance(at, list) and part < len(at) else None
            told += f"[{part + 1}]" + (f" {at['id']!r}" if isinstance(at, dict) and "id" in at else "")
        elif isinstance(at, dict) and at.get("kind") == part:
            pass  # pydantic names the kind of a channel; people know it
        else:
            at = at.get(part) if isinstance(at, dict) else None
            told += f"{'.' if told else ''}{part}"
    return told or "the file"
