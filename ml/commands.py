"""What the commands do, and how their results are printed; the command line only parses and chooses.

Dates given by users are read here, state is opened here, and nothing here computes
a feature, a forecast or a score.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from features import datasets
from features.catalog import load_catalog
from features.errors import ConfigError, OresightError, UnknownCode
from features.knowledge_time import UTC, as_moment, quarter_monday
from features.panel import feature_names
from ml import registry
from ml import weekly as weekly_job
from ml.asked import known_moment, reviewer
from ml.knowledge import Knowledge, open_store, signals_named
from ml.origins import weekly_date
from ml.runs import Run, find_run, is_held_back
from ml.screen import screen
from ml.settings import load_settings
from models.explanation import sentences_on_record
from models.targets import HORIZONS, TARGETS

Say = Callable[[str], None]


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)


def _date(text: str | None) -> dt.datetime:
    return known_moment(text, now=_now())


def signal_names(text: str | None) -> tuple[str, ...] | None:
    """Read feature families separated by commas; None stands for the champion's."""
    if text is None:
        return None
    return tuple(signal.name for signal in signals_named([name.strip() for name in text.split(",")]))


@dataclass(frozen=True)
class WeeklyResult:
    """A published run, whether it was made now, and the sinks that could not be brought up to date, with the reason."""

    run: Run
    is_new: bool
    not_published: dict[str, str] = field(default_factory=dict)
    not_warned: str = ""

    @property
    def summary(self) -> dict[str, Any]:
        """What `run.json` says, and where the files lie."""
        folder = self.run.folder
        files = {name: str(folder / f"forecasts.{name}") for name in ("parquet", "csv")}
        after = {"not_published": self.not_published, "not_warned": self.not_warned}
        return {**self.run.about, "is_new": self.is_new, **files, "report": str(folder / "report.html"), **after}

    @property
    def is_held_back(self) -> bool:
        """Whether the run was written but did not become current, as its data look wrong."""
        return is_held_back(self.run.about)

    @property
    def is_degraded(self) -> bool:
        """Whether any row rests on stale data, or not all could be told of the run."""
        return bool(self.run.about["stale"] or self.not_published or self.not_warned)


def weekly(as_of: str | None, *, home: Path | None, say: Say, accept_drift: str | None = None) -> WeeklyResult:
    """Run the weekly job, then publish to the sinks of the settings and warn; `accept_drift` says why a run may pass.

    The run stands in its folder before anybody is told: a database that is away loses nothing, and the next call of
    this or of `oresight publish` catches up.
    """
    # Database, migrations and channels take a second to load: no other command of this room needs them.
    from ml import alert_commands, publish_commands

    settings, now = load_settings(home), _now()
    accept = None if accept_drift is None else (accept_drift, reviewer())
    run, is_new = weekly_job.run_week(settings, weekly_date(as_of, now=now), now=now, say=say, accept=accept)
    published = publish_commands.publish_all(settings, now=now, say=say)
    not_published = {outcome.sink: outcome.problem for outcome in published if outcome.problem}
    # A week that is over warns nobody.
    told = alert_commands.warn_of_run(settings, run, now=now, say=say) if run.about["kind"] == "live" else {}
    given_up = f"{told['dead']} deliveries were given up" if told.get("dead") else ""
    return WeeklyResult(run, is_new, not_published, told.get("failed", given_up))


def held_back_lines(result: WeeklyResult) -> list[str]:
    """Say why a run did not become current, and what to do."""
    about = result.run.about
    return [
        f"Held back: the run of {about['week']} is written, and the one before it stays current.",
        *(f"  {reason}" for reason in about["drift"]["stops"]),
        f"Look at it with `oresight drift --as-of {about['as_of']}`. If the data are right: "
        f"`oresight weekly --as-of {about['as_of']} --accept-drift WHY`",
    ]


def print_weekly(result: WeeklyResult, *, top: int) -> None:
    """Print the top of the table and where everything lies."""
    rows, about, catalog = result.run.forecasts(), result.run.about, load_catalog()
    rows = rows[rows["target"].eq("supply_drop") & rows["horizon"].eq("current_year") & ~rows["abstained"]].head(top)
    table = Table(
        title=f"Exports below 70 % of normal in {about['as_of'][:4]}, as seen on {about['as_of']} ({about['week']})",
        box=box.SIMPLE,
    )
    for name in ("mineral", "supplier", "P", "range", "normal", "tier"):
        table.add_column(name, style="bold" if name == "P" else "", no_wrap=True)
    # A narrow screen takes from what can be wrapped, and not from the figures.
    table.add_column("main reason")
    for row in rows.itertuples():
        table.add_row(
            row.mineral,
            catalog.country(row.supplier).name_en,
            f"{row.probability:.0%}",
            f"{row.p_low:.0%}-{row.p_high:.0%}",
            f"{row.base_rate:.0%}",
            row.tier,
            row.driver_1,
        )
    console = screen(150)
    if top:
        console.print(table)
    tiers = ", ".join(f"{about['tiers'].get(tier, 0)} {tier}" for tier in ("severe", "elevated", "guarded", "low"))
    summary = result.summary
    console.print(f"{about['pairs']} pairs: {tiers}; {about['abstained']} rows abstained, {about['stale']} stale.")
    console.print(
        f"{'Published' if result.is_new else 'Unchanged'} run {about['run_id']} ({about['kind']})", soft_wrap=True
    )
    for name in ("parquet", "csv", "report"):
        console.print(f"  {name:8} {summary[name]}", soft_wrap=True, highlight=False)


def train(
    as_of: str | None, *, promote: bool, reason: str, signals: str | None, home: Path | None, say: Say
) -> dict[str, Any]:
    """Train and register a model."""
    settings, now = load_settings(home), _now()
    moment = quarter_monday(now) if as_of is None else as_moment(as_of)
    if moment > now:
        raise ConfigError(f"{moment.date()} is in the future; nothing is known then yet")
    store = open_store(settings, now=now)
    served = registry.train(
        settings,
        store,
        moment,
        promote=promote,
        now=now,
        say=say,
        signals=signal_names(signals),
        reason=reason,
        by=reviewer(),
    )
    return {
        "version": served.version,
        "trained_as_of": served.trained_as_of.date().isoformat(),
        "registered_as": served.registered_as,
        "signals": list(served.signals),
        "champion": promote,
    }


def explain(
    mineral: str, supplier: str, *, target: str, horizon: str, as_of: str | None, home: Path | None
) -> dict[str, Any]:
    """Give the forecast of one pair with its reasons, families and features."""
    catalog = load_catalog()
    supplier = supplier.upper()
    try:
        known, country = catalog.mineral(mineral), catalog.country(supplier)
    except UnknownCode as problem:
        there_are = f"minerals are {', '.join(catalog.minerals)}; suppliers are ISO 3166-1 alpha-3 codes, such as COD"
        raise ConfigError(f"there is no {problem.kind} {problem.code!r}; {there_are}") from None
    for value, names in ((target, TARGETS), (horizon, HORIZONS)):
        if value not in names:
            raise ConfigError(f"{value!r} is none of {', '.join(names)}")
    run = find_run(load_settings(home), None if as_of is None else as_moment(as_of))
    rows = run.forecasts()
    pair = rows["mineral"].eq(mineral) & rows["supplier"].eq(supplier)
    found = rows[pair & rows["target"].eq(target) & rows["horizon"].eq(horizon)]
    if found.empty:
        others = ", ".join(sorted(rows.loc[rows["mineral"].eq(mineral), "supplier"].unique())) or "nobody"
        raise OresightError(
            f"{known.name_en} from {country.name_en} is not tracked in run {run.run_id}: under 1 % of world exports, "
            f"or no trade data. Tracked suppliers: {others}"
        )
    parts = run.explanations()
    parts = parts[parts["mineral"].eq(mineral) & parts["supplier"].eq(supplier)]
    parts = parts[parts["target"].eq(target) & parts["horizon"].eq(horizon)]
    by_signal = parts.groupby("signal", sort=False)["contribution"].sum()
    order = parts.assign(size=parts["contribution"].abs()).sort_values("size", ascending=False)
    on_record = sentences_on_record(parts).get((mineral, supplier), [])
    features = order.loc[order["feature"].ne("base"), ["signal", "feature", "value", "contribution"]]
    return {
        "run_id": run.run_id,
        "names": {"mineral": known.name_en, "mineral_zh_tw": known.name_zh_tw, "supplier": country.name_en},
        "forecast": json.loads(found.to_json(orient="records", date_format="iso"))[0],
        "by_signal_log_odds": by_signal.to_dict(),
        "raw_score_log_odds": float(parts["contribution"].sum()),
        "on_record_without_weight": on_record,
        "features": json.loads(features.to_json(orient="records")),
    }


def print_explanation(result: dict[str, Any], *, top: int) -> None:
    """Print the reasons of one pair."""
    console, row, names = screen(150), result["forecast"], result["names"]
    title = f"{names['mineral']} {names['mineral_zh_tw']} from {names['supplier']}: {row['target']}, {row['horizon']}"
    console.print(f"[bold]{title}[/bold]  (run {result['run_id']}, as of {row['as_of'][:10]})", soft_wrap=True)
    if row["abstained"]:
        console.print(f"No forecast: {row['reason']}")
        return
    console.print(
        f"P = {row['probability']:.1%}, interval {row['p_low']:.1%} to {row['p_high']:.1%}; "
        f"normal for this pair {row['base_rate']:.1%}; tier {row['tier']}; data as of {row['data_as_of'][:10]}"
    )
    if row["change"] is not None:
        console.print(
            f"Since last week {row['change']:+.1%}: new data {row['change_data']:+.1%}, revisions "
            f"{row['change_revision']:+.1%}, model {row['change_model']:+.1%}"
        )
    for number in (1, 2, 3):
        if row[f"driver_{number}"]:
            console.print(f"  {number}. {row[f'driver_{number}']}", soft_wrap=True)
    for sentence in result["on_record_without_weight"]:
        console.print(f"  on record, without weight: {sentence}", soft_wrap=True)
    families = Table(title="By family, in log-odds (they sum to the raw score)", box=box.SIMPLE)
    families.add_column("family")
    families.add_column("contribution", justify="right")
    for signal, value in result["by_signal_log_odds"].items():
        families.add_row(signal, f"{value:+.3f}")
    families.add_row("raw score", f"{result['raw_score_log_odds']:+.3f}", style="bold")
    console.print(families)
    features = Table(title=f"The {top} features that weigh most", box=box.SIMPLE)
    for name in ("family", "feature", "value", "contribution"):
        features.add_column(name, justify="right" if name in ("value", "contribution") else "left")
    for part in result["features"][:top]:
        value = "missing" if part["value"] is None else f"{part['value']:.3f}"
        features.add_row(part["signal"], part["feature"], value, f"{part['contribution']:+.3f}")
    console.print(features)


def write_panel(out: Path, *, as_of: str | None, home: Path | None) -> dict[str, Any]:
    """Write the feature matrix of one date."""
    settings, moment = load_settings(home), _date(as_of)
    _check_is_parquet(out)
    knowledge = Knowledge(open_store(settings, now=_now()), moment)
    rows = knowledge.panel([moment])
    _write_parquet(rows, out)
    return {"rows": len(rows), "features": len(feature_names()), "as_of": moment.date().isoformat(), "out": str(out)}


def write_dataset(name: str, out: Path, *, as_of: str | None, home: Path | None) -> dict[str, Any]:
    """Write a dataset as known at a date."""
    if name not in datasets.DATASETS:
        raise ConfigError(f"no dataset is called {name!r}; there are {', '.join(datasets.DATASETS)}")
    moment = _date(as_of)
    _check_is_parquet(out)
    rows = open_store(load_settings(home), now=_now()).read(name, as_of=moment)
    _write_parquet(rows, out)
    return {"dataset": name, "rows": len(rows), "as_of": moment.date().isoformat(), "out": str(out)}


def _check_is_parquet(out: Path) -> None:
    # Before anything is computed: a wrong name is no reason to wait.
    if out.suffix != ".parquet":
        raise ConfigError(f"--out {out}: the file is Parquet, so give it a name that ends in .parquet")


def _write_parquet(rows: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_suffix(".parquet.part")
    rows.to_parquet(aside, index=False)
    aside.replace(out)
