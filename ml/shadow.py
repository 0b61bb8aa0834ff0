"""The challenger's forecasts of a week, beside the published run and never in it.

They lie in `shadow/<run_id>/<version>/` of the home, as `shadow.parquet` with the columns of a forecast row and
`shadow.json`, which says `"kind": "shadow"`. What goes wrong here is said and stops nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from features.collection.payloads import sha256_of
from features.errors import ConfigError
from ml import tracking
from ml.contract import COLUMNS, check_forecasts, conform
from ml.forecasting import forecast_week
from ml.knowledge import Knowledge
from ml.registry import aliases
from ml.registry.registration import Served, load
from ml.settings import Settings

__all__ = ["FOLDER", "challenger_for_week", "run_shadow"]

FOLDER = "shadow"
Say = Callable[[str], None]


def challenger_for_week(settings: Settings, as_of: dt.datetime, *, say: Say) -> Served | None:
    """Give the challenger, None where there is none that is not champion already.

    Raises:
        ConfigError: it was trained after `as_of`.
        BadInput: the log names a version that the registry lacks, or the model's files were changed.
        ContractError: its contract is not the running code's.
    """
    with tracking.mlflow_at(settings) as mlflow:
        client = mlflow.MlflowClient()
        found = aliases.standing(client, settings.home, "challenger")
        champion = aliases.standing(client, settings.home, "champion")
        if found is None or (champion is not None and champion[0].version == found[0].version):
            return None
        version, line = found
        served = load(mlflow, version, say=say, alias="challenger", promotion_line=line.line)
    if served.trained_as_of > as_of:
        raise ConfigError(
            f"the challenger {served.version} knows what was known on {served.trained_as_of.date()}, "
            f"which is after {as_of.date()}"
        )
    return served


def run_shadow(
    settings: Settings,
    knowledge: Knowledge,
    as_of: dt.datetime,
    *,
    run_id: str,
    data_digest: str,
    champion: str,
    now: dt.datetime,
    say: Say,
) -> Path | None:
    """Write the challenger's forecasts beside a run, unless they lie there already; say what goes wrong, raise nothing.

    Args:
        knowledge: what was known at `as_of`, with every signal.
        champion: the version of the model whose run it is.

    Returns:
        The folder with `shadow.parquet` and `shadow.json`; None without a challenger or after a failure.
    """
    try:
        served = challenger_for_week(settings, as_of, say=say)
        if served is None:
            return None
        folder = settings.home / FOLDER / run_id / served.version
        if folder.exists():
            return folder
        rows, _ = forecast_week(knowledge, served, settings, None)
        rows = conform(rows.assign(run_id=run_id, data_digest=data_digest), COLUMNS)
        check_forecasts(rows)
        _write(folder, rows, _about(served, rows, as_of, run_id=run_id, champion=champion, now=now))
        say(f"The challenger {served.version} forecast the week in its shadow: {folder}")
    except Exception as problem:  # the week is published whatever becomes of its shadow
        say(f"No shadow of {run_id}: {type(problem).__name__}: {problem}. The published run is whole without it")
        return None
    return folder


def _about(
    served: Served, rows: pd.DataFrame, as_of: dt.datetime, *, run_id: str, champion: str, now: dt.datetime
) -> dict[str, object]:
    return {
        "kind": "shadow",
        "run_id": run_id,
        "as_of": as_of.date().isoformat(),
        "created_at": now.isoformat(timespec="seconds"),
        "model_version": served.version,
        "registered_as": served.registered_as,
        "promotion_line": served.promotion_line,
        "trained_as_of": served.trained_as_of.date().isoformat(),
        "signals": list(served.signals),
        "champion_version": champion,
        "rows": len(rows),
        "abstained": int(rows["abstained"].sum()),
    }


def _write(folder: Path, rows: pd.DataFrame, about: dict[str, object]) -> None:
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    rows.to_parquet(aside / "shadow.parquet", index=False, compression="zstd")
    text = json.dumps({**about, "files": {"shadow.parquet": sha256_of(aside / "shadow.parquet")}}, indent=1)
    (aside / "shadow.json").write_text(text + "\n")
    aside.replace(folder)
