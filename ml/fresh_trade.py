"""What fresher trade figures buy: the same backtest with trade known earlier, and with buyers' own figures.

Each scenario is the whole rolling-origin backtest of the current year: trade known to two
years before the target year (as BACI gives it) or to one year before (as UN Comtrade gives it in the second half
of a year), with and without mirror trade; on the Mondays after 1 February, 15 July and 1 December, learned from rows
of the same time of year. Every scenario is compared with plain trade at the same date, on the same rows and draws.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput
from features.knowledge_time import UTC
from ml import tracking
from ml.backtest import default_plan
from ml.comparison import ROW_KEY, compare, markdown_rows
from ml.knowledge import Knowledge, open_store, signals_named
from ml.origins import JULY, DayOfYear
from ml.results import write_page
from ml.settings import load_settings
from ml.studies import checked_origins, predict

__all__ = ["SCENARIOS", "FreshTradeResult", "Scenario", "fresh_trade"]

COVERED_FRAC = 0.05
FEBRUARY, DECEMBER = DayOfYear(2, 1), DayOfYear(12, 1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which trade figures are known, how early, and on which day of the year."""

    trade_years_early: int
    with_mirror: bool
    day: DayOfYear

    @property
    def name(self) -> str:
        """What it is called in the table."""
        known = "one year before" if self.trade_years_early else "two years before"
        return f"trade to {known}" + (" + mirror trade" if self.with_mirror else "")

    @property
    def folder(self) -> str:
        """Where its forecasts are kept."""
        mirror = "-mirror" if self.with_mirror else ""
        return f"{self.day.month:02d}{self.day.day:02d}-early{self.trade_years_early}{mirror}"


# In February nobody has the year before; in July some reporters do.
SCENARIOS = tuple(
    Scenario(early, with_mirror, day)
    for day, years in ((JULY, (0, 1)), (FEBRUARY, (0,)), (DECEMBER, (0, 1)))
    for early in years
    for with_mirror in (False, True)
)
HEADLINES = ("onset", "onset, covered", "onset, covered from 5 %")


@dataclass(frozen=True)
class FreshTradeResult:
    """One row per scenario, target and slice; and the page that says what they mean."""

    rows: list[dict[str, Any]]
    page: str


def fresh_trade(
    out: Path,
    *,
    first: int = 2006,
    last: int = 2024,
    draws: int = 300,
    page: Path | None = None,
    home: Path | None = None,
    log: bool = True,
) -> FreshTradeResult:
    """Run every scenario and compare it with plain trade known to two years before, at the same date.

    Args:
        page: where to write the page a second time.

    Raises:
        BadInput: the store holds no mirror trade.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    store = open_store(settings, now=now)
    if store.newest("mirror_trade", as_of=now) is None:
        raise BadInput(
            where=str(store.folder),
            expected="mirror trade",
            found="none",
            remedy="Collect it, or ingest a workbook: oresight ingest usitc_dataweb FILE.xlsx",
        )
    rows: list[dict[str, Any]] = []
    bases: dict[DayOfYear, pd.DataFrame] = {}
    covered: dict[DayOfYear, pd.DataFrame] = {}
    # Which pairs are covered is told from what is really known, once per date.
    real = Knowledge(store, now, signals_named(["trade", "mirror_trade"]))
    for scenario in SCENARIOS:
        names = ["trade", "mirror_trade"] if scenario.with_mirror else ["trade"]
        knowledge = Knowledge(store, now, signals_named(names), scenario.trade_years_early)
        origins = checked_origins(first, last, now, day=scenario.day)
        plan = default_plan(knowledge, origins, day=scenario.day, with_baselines=False, horizons=["current_year"])
        title = f"{scenario.day}: {scenario.name}"
        own = predict(knowledge, plan, out / scenario.folder, workers=settings.workers, title=title)
        base = bases.setdefault(scenario.day, own)
        reference = None if base is own else base
        if scenario.day not in covered:
            covered[scenario.day] = coverage_of(real, [origin.as_of for origin in origins])
        slices = _slices(own, base, covered[scenario.day])
        about = {"on": str(scenario.day), "known": scenario.name}
        rows += compare(own, reference, slices, draws=draws, **about)
    text = page_text(rows, f"oresight fresher-trade --first {first} --last {last} --draws {draws} --out DIR")
    (out / "fresh_trade.json").write_text(json.dumps(rows, indent=1) + "\n")
    write_page(out / "fresher-trade.md", text, page)
    if log:
        with tracking.mlflow_at(settings) as mlflow:
            params = {"first": first, "last": last, "draws": draws, "data_digest": real.digest}
            with tracking.parent_run(mlflow, "fresher trade", params, {"kind": "study"}):
                mlflow.log_artifact(str(out / "fresh_trade.json"))
                mlflow.log_artifact(str(out / "fresher-trade.md"))
    return FreshTradeResult(rows, text)


def coverage_of(knowledge: Knowledge, dates: list[dt.datetime]) -> pd.DataFrame:
    """Give mineral, supplier, as_of and the share of its exports that reporters bought, where they can be compared."""
    panel = knowledge.panel(dates)
    is_known = panel["mirror_ytd_vs_3y"].notna() | panel["mirror_last_vs_3y"].notna()
    chosen = panel.loc[is_known & panel["mirror_coverage"].gt(0), ["mineral", "supplier", "as_of", "mirror_coverage"]]
    return chosen.reset_index(drop=True)


def _slices(own: pd.DataFrame, base: pd.DataFrame, covered: pd.DataFrame) -> dict[str, pd.Series]:
    # Onset is what it is in the base: a scenario that knows one year more calls other rows onset, and rows must be
    # the same to be compared. Part of its gain there is to know which pairs fell meanwhile, so its own onset rows
    # stand beside them.
    state = base.set_index(ROW_KEY)["onset"].reindex(pd.MultiIndex.from_frame(own[ROW_KEY])).to_numpy()
    is_onset = pd.Series(state, index=own.index).eq(True)
    is_continuation = pd.Series(state, index=own.index).eq(False)
    share = own[["mineral", "supplier", "as_of"]].merge(covered, how="left")["mirror_coverage"].to_numpy()
    is_covered = pd.Series(share > 0, index=own.index)
    return {
        "onset": is_onset,
        "onset as it knows it": own["onset"] & (is_onset | is_continuation),
        "onset, covered": is_onset & is_covered,
        "onset, covered from 5 %": is_onset & pd.Series(share >= COVERED_FRAC, index=own.index),
        "continuation": is_continuation,
        "continuation, covered": is_continuation & is_covered,
    }


def page_text(rows: list[dict[str, Any]], command: str) -> str:
    """Give the page: what fresher figures bought, in sentences made from the rows, and the table."""
    lines = [
        "# What fresher trade buys: measured",
        "",
        f"Generated by `{command}` on a store with buyers' customs figures; edit nothing here by hand.",
        "",
        "The event is that of the current year. *Who* is concordance within one date, *when* within one pair; 0.5 is",
        "a coin. Gains are against plain trade at the same date, on the same rows and bootstrap draws; one whose",
        "interval holds zero is no gain. *Covered*: the reporting offices bought some of the supplier's exports in the",
        "last known trade year, and its figures can be compared. Onset is as plain trade knows it; a scenario that",
        "knows a year more also knows which pairs fell meanwhile, so its own onset rows stand beside them.",
        "",
    ]
    told = [row for row in rows if row["slice"] in HEADLINES and row["target"] == "supply_drop" and "when_gain" in row]
    lines += [f"- {_sentence(row)}" for row in told]
    columns = ["on", "known", "target", "slice"]
    return "\n".join([*lines, "", markdown_rows(rows, columns), ""])


def _sentence(row: dict[str, Any]) -> str:
    when, gain, auc = row["when"], row["when_gain"], row["roc_auc_gain"]
    verdict = "" if gain["low"] > 0 else " (the interval holds zero)"
    return (
        f"{row['on']}, {row['known']}, {row['slice']}: *when* {when['value']:.3f}, {gain['value']:+.3f} "
        f"[{gain['low']:+.3f}, {gain['high']:+.3f}]{verdict}; AUC {row['roc_auc']['value']:.3f}, {auc['value']:+.3f}."
    )
