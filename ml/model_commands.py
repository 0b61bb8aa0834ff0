"""What the commands about models do: list versions, name a challenger, promote through gates, roll back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.errors import ConfigError, ContractError
from features.knowledge_time import UTC, quarter_monday
from ml import tracking
from ml.asked import asked_moment, reviewer
from ml.knowledge import open_store
from ml.promotion import gates, judging, record
from ml.registry import MODEL_NAME, Served, aliases
from ml.registry.promotion_log import Promotion, line_that_stands, previous_champion, read_log
from ml.registry.registration import PAIR_HISTORY, contract_differences, load, register_pair_history, versions
from ml.settings import Settings, load_settings

__all__ = ["Promoted", "challenge", "list_models", "promote", "rollback"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Promoted:
    """What became of a promotion: the judgement, its record, and the log's line if the alias was moved."""

    judgement: record.Judgement
    folder: Path | None
    line: Promotion | None

    @property
    def summary(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            **self.judgement.as_json,
            "is_promoted": self.line is not None,
            "record": None if self.folder is None else str(self.folder),
            "promotion_line": None if self.line is None else self.line.line,
        }


def list_models(*, home: Path | None) -> dict[str, Any]:
    """Give every registered version, the newest first, and where registry and log disagree. Changes nothing."""
    settings = load_settings(home)
    if not (settings.home / "mlflow.db").exists() and settings.tracking_uri.startswith("sqlite:"):
        return {"models": [], "disagreements": []}
    lines = read_log(settings.home)
    standing = {alias: line_that_stands(lines, alias) for alias in aliases.ALIASES}
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        torn = [{"what": str(each), "remedy": each.remedy} for each in aliases.disagreements(client, settings.home)]
        rows = []
        for found in sorted(versions(client), key=lambda each: -int(each.version)):
            number = str(found.version)
            here = [alias for alias, line in standing.items() if line and line.registered_as == number]
            rows.append(
                {
                    "registered_as": number,
                    "version": found.tags["version"],
                    "aliases": here,
                    "kind": found.tags.get("kind", "forecaster"),
                    "trained_as_of": found.tags["trained_as_of"],
                    "signals": found.tags["signals"].split(","),
                    "data_digest": found.tags.get("data_digest"),
                    "contract_differences": contract_differences(mlflow, found),
                    "promotions": [
                        asdict(line) for line in lines if line.alias == "champion" and line.registered_as == number
                    ],
                }
            )
    return {"models": rows, "disagreements": torn}


def promote(
    model: str,
    *,
    dry_run: bool,
    force: bool,
    why: str | None,
    by: str | None,
    given: Path | None,
    first: int | None,
    last: int | None,
    as_of: str | None,
    bounds: gates.Bounds,
    home: Path | None,
    say: Say,
) -> Promoted:
    """Hold a model against the gates, write down what they said, and make it champion if they let it.

    Args:
        model: a number or digest of a registered version, or `challenger`.
        given: a folder with forecasts of both; None makes the backtests here.
        first, last: years of the origins; the ten that were resolved last by default.
        as_of: what is known for scoring; the start of this quarter by default, so that kept origins serve again.

    Raises:
        ConfigError: the model is unknown, is champion or the baseline already, or `force` gives no reason.
        OresightError: another champion was made meanwhile.
    """
    if force and not why:
        raise ConfigError("--force overrules gates: say why with --why, it is written down")
    settings, now = load_settings(home), dt.datetime.now(UTC)
    store = open_store(settings, now=now, say=say)
    who, moment = by or reviewer(), quarter_monday(now) if as_of is None else asked_moment(as_of, now=now)
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        if not dry_run:
            aliases.repair(client, settings.home, now=now, say=say)
        found = named(client, settings.home, model)
        stands = aliases.standing(client, settings.home, "champion")
        if stands is not None and stands[0].version == found.version:
            raise ConfigError(f"model {found.tags['version']} is champion already")
        champion = None if stands is None else load(mlflow, stands[0], say=say, alias="champion")
        try:
            challenger, contract = load(mlflow, found, say=say), ""
        except ContractError as problem:
            challenger, contract = None, str(problem)
    judgement = judging.judge(
        settings,
        store,
        judging.Candidate(found, challenger, None if challenger else contract),
        None if stands is None or champion is None else judging.Candidate(stands[0], champion),
        judging.Asked(given, first, last, moment, bounds),
        about={"at": now.isoformat(timespec="seconds"), "by": who, "why": why, "forced": force},
        say=say,
    )
    if dry_run:
        return Promoted(judgement, None, None)
    folder = record.write_record(settings.home, judgement, now=now)
    # The weekly run would refuse such a model: not even force makes it champion.
    if challenger is None or (judgement.refused and not force):
        return Promoted(judgement, folder, None)
    line = _move(
        settings,
        "champion",
        found,
        action="promoted",
        reason=why or ("passed every gate" if champion else "no champion yet"),
        by=who,
        now=now,
        say=say,
        evidence=str((folder / "record.json").relative_to(settings.home)),
        forced=bool(judgement.refused),
        expected=None if stands is None else str(stands[0].version),
    )
    _renew_baseline(settings, challenger, by=who, now=now, say=say)
    return Promoted(judgement, folder, line)


def challenge(model: str | None, *, why: str, by: str | None, home: Path | None, say: Say) -> Promotion:
    """Name the model that runs in the champion's shadow each week, or with None nobody.

    Raises:
        ConfigError: the model is unknown, or is the champion or the baseline.
        ContractError: it cannot serve with the running code.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    who = by or reviewer()
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        aliases.repair(client, settings.home, now=now, say=say)
        found = None if model is None else named(client, settings.home, model)
        champion = aliases.standing(client, settings.home, "champion")
        if found is not None and champion is not None and champion[0].version == found.version:
            raise ConfigError(f"model {found.tags['version']} is champion; the challenger is another one")
        if found is not None:
            load(mlflow, found, say=say)
        served = None if champion is None else load(mlflow, champion[0], say=say)
    action = "cleared" if found is None else "assigned"
    line = _move(settings, "challenger", found, action=action, reason=why, by=who, now=now, say=say)
    if served is not None:
        _renew_baseline(settings, served, by=who, now=now, say=say)
    return line


def rollback(model: str | None, *, why: str, by: str | None, home: Path | None, say: Say) -> Promotion:
    """Make the champion before the present one champion again, or the version named.

    Raises:
        ConfigError: there is no earlier champion, or the one named never was one or is it now.
        ContractError: it cannot serve with the running code.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        aliases.repair(client, settings.home, now=now, say=say)
        lines = read_log(settings.home)
        stands = line_that_stands(lines, "champion")
        before = previous_champion(lines)
        if model is None and (before is None or before.registered_as is None):
            raise ConfigError("there was no champion before the present one; `oresight models` lists what there is")
        found = named(client, settings.home, model or str(before.registered_as if before else ""))
        number = str(found.version)
        if stands is not None and stands.registered_as == number:
            raise ConfigError(f"model {found.tags['version']} is champion already")
        if all(line.alias != "champion" or line.registered_as != number for line in lines):
            raise ConfigError(
                f"model {found.tags['version']} never was champion: `oresight promote {number}` tries it at the gates"
            )
        served = load(mlflow, found, say=say)
    line = _move(
        settings,
        "champion",
        found,
        action="rolled_back",
        reason=why,
        by=by or reviewer(),
        now=now,
        say=say,
        expected=None if stands is None else stands.registered_as,
    )
    _renew_baseline(settings, served, by=by or reviewer(), now=now, say=say)
    return line


def named(client: Any, home: Path, model: str) -> Any:
    """Give the registered version that a user names: a number, the beginning of a digest, or an alias.

    Raises:
        ConfigError: none or several are called so, or it is the baseline.
    """
    if model in aliases.ALIASES:
        found = aliases.standing(client, home, model)
        if found is None:
            raise ConfigError(f"there is no {model}; name one with `oresight challenge VERSION`, or give a version")
        hits = [found[0]]
    else:
        known = versions(client)
        hits = [each for each in known if str(each.version) == model] or [
            each
            for each in known
            if len(model) >= 4 and each.tags["version"].startswith(model) and each.tags.get("kind") != PAIR_HISTORY
        ]
    if len(hits) != 1:
        what = (
            "no model is" if not hits else f"{len(hits)} models ({', '.join(str(each.version) for each in hits)}) are"
        )
        raise ConfigError(f"{what} called {model!r}; `oresight models` lists them by number and digest")
    if hits[0].tags.get("kind") == PAIR_HISTORY:
        raise ConfigError(f"{MODEL_NAME} {hits[0].version} is the baseline, pair history; it cannot serve")
    return hits[0]


def _move(settings: Settings, alias: str, found: Any | None, **how: Any) -> Promotion:
    with tracking.mlflow_at(settings) as mlflow:
        return aliases.move(mlflow.MlflowClient(), settings.home, alias, found, **how)


def _renew_baseline(settings: Settings, served: Served, *, by: str, now: dt.datetime, say: Say) -> None:
    # The champion's own pair history; what goes wrong here must not undo a promotion that is done.
    try:
        number = register_pair_history(settings, served, now=now)
        with tracking.mlflow_at(settings) as mlflow:
            client = mlflow.MlflowClient()
            stands = line_that_stands(read_log(settings.home), "baseline")
            if stands is None or stands.registered_as != number:
                found = aliases.version_numbered(client, number)
                reason = f"pair history of champion {served.version}"
                aliases.move(
                    client, settings.home, "baseline", found, action="assigned", reason=reason, by=by, now=now, say=say
                )
    except Exception as problem:  # whatever it is: the champion stands, and the next command tries again
        say(f"The baseline was not renewed: {type(problem).__name__}: {problem}")
