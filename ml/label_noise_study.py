"""The measurement of label noise from start to finish: which figures are compared, the flips, and the ceilings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import UTC
from features.signals.trade import TRACKED_SHARE_FRAC, drop_ratio, log_ratio
from ml import label_noise as noise
from ml import tracking
from ml.experiments.trial import SPAN, labelled, opened
from ml.knowledge import Knowledge
from ml.label_slips import slip_scores
from ml.settings import load_settings
from ml.studies import checked_origins
from models.targets import MAX_IMPUTED_FRAC, TARGETS

__all__ = ["CHECKS", "Check", "PairYears", "declarations", "study"]

# Headings all of whose traded products are in the extract of BACI: only these can be compared with it.
WHOLE_HEADINGS = ("2504", "2601", "2602", "2603", "2606", "2609", "2610", "2611", "2846", "8106")
FULL_YEAR = 12
# Flows that are a smaller part of their pair's tonnes tell little of how well a pair is counted.
LEAST_FLOW = 0.1
# A tonne that costs so many times more, or less, than it does for the pair in other years is taken for a slip.
ODD_PRICES = (5, 10, 20)
REDRAWS = 5
REPEATS = 50


@dataclass(frozen=True)
class Check:
    """One kind of declaration that labels are held against."""

    name: str
    source: str
    reported_by: str


CHECKS = (
    Check("buyers' declarations to UN Comtrade", "comtrade", "importer"),
    Check("suppliers' declarations to UN Comtrade", "comtrade", "supplier"),
    Check("imports counted by the United States", "usitc_dataweb", "importer"),
)


def declarations(mirror: pd.DataFrame, check: Check) -> pd.DataFrame:
    """Give what offices declared of whole years: code, supplier, importer, year, tonnes, missing where not told.

    Args:
        mirror: the newest versions of the dataset `mirror_trade`.
    """
    rows = mirror[mirror["source"].eq(check.source) & mirror["reported_by"].eq(check.reported_by)]
    rows = rows[rows["hs_code"].isin(WHOLE_HEADINGS) | rows["hs_code"].str.len().eq(6)]
    first, last = rows["first_month"].dt, rows["last_month"].dt
    months = FULL_YEAR * (last.year - first.year) + last.month - first.month + 1
    whole = rows[months.eq(FULL_YEAR) & first.month.eq(1)]
    names = {"hs_code": "code", "quantity_tonnes": "tonnes"}
    found = whole.assign(year=whole["first_month"].dt.year.astype("int64")).rename(columns=names)
    # A value without its quantity is no zero.
    unknown = found["tonnes"].isna() | (found["tonnes"].eq(0) & found["value_usd"].gt(0))
    found = found.assign(tonnes=found["tonnes"].mask(unknown))
    return found[["code", "supplier", "importer", "year", "tonnes"]].reset_index(drop=True)


def _baci_of(trade: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    parts = [trade[trade["hs_code"].str.startswith(code)].assign(code=code) for code in codes]
    rows = pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else trade.head(0).assign(code="")
    rows = rows.rename(columns={"quantity_tonnes": "tonnes"}).astype({"year": "int64"})
    return rows[["code", "supplier", "importer", "year", "tonnes"]].reset_index(drop=True)


@dataclass(frozen=True)
class PairYears:
    """Trade rows of used codes, and where each belongs in a table of pairs and years."""

    rows: pd.DataFrame
    pairs: pd.DataFrame
    years: np.ndarray
    at: np.ndarray
    column: np.ndarray

    @classmethod
    def of(cls, trade: pd.DataFrame, catalog: Catalog) -> PairYears:
        """Arrange the newest versions of trade."""
        used = catalog.used_hs_codes().drop_duplicates(["mineral", "hs_code"])
        rows = trade.merge(used[["mineral", "hs_code", "valid_from_year", "valid_to_year"]], on="hs_code")
        first, last = (rows[f"valid_{end}_year"].astype("float64") for end in ("from", "to"))
        rows = rows[~(rows["year"] < first) & ~(rows["year"] > last)].reset_index(drop=True)
        grouped = rows.groupby(["mineral", "supplier"], sort=True)
        pairs = grouped.size().index.to_frame(index=False)
        years = np.arange(int(rows["year"].min()), int(rows["year"].max()) + 1)
        return cls(rows, pairs, years, grouped.ngroup().to_numpy(), rows["year"].to_numpy(dtype=int) - years[0])

    def table(self, figure: np.ndarray) -> np.ndarray:
        """Sum `figure` (n_rows,) to (n_pairs, n_years)."""
        flat = self.at * len(self.years) + self.column
        size = len(self.pairs) * len(self.years)
        return np.bincount(flat, weights=figure, minlength=size).reshape(len(self.pairs), -1)

    def ratios(self, tonnes: np.ndarray) -> np.ndarray:
        """Give exports over the mean of the three years before, missing in years the mineral is not covered."""
        return self.ratios_of(self.table(tonnes))

    def ratios_of(self, table: np.ndarray) -> np.ndarray:
        """Give the same from tonnes by pair and year."""
        return drop_ratio(np.where(self._covered(), table, np.nan))

    def tracked(self) -> np.ndarray:
        """Tell which pair-years have a label: 1 % of world exports in the three years before, and not void."""
        own = np.where(self._covered(), self.table(self.rows["quantity_tonnes"].to_numpy()), np.nan)
        world = self._of_mineral(np.nan_to_num(own))
        value = self.rows["value_usd"].to_numpy()
        imputed = self.table(np.where(self.rows["is_imputed"], value, 0.0)) > MAX_IMPUTED_FRAC * self.table(value)
        share = np.zeros(own.shape)
        for back in (1, 2, 3):
            share[:, 3:] += np.nan_to_num(own)[:, 3 - back : own.shape[1] - back]
        worlds = np.ones(own.shape)
        worlds[:, 3:] = sum(world[:, 3 - back : own.shape[1] - back] for back in (1, 2, 3))
        with np.errstate(divide="ignore", invalid="ignore"):
            return (share / worlds >= TRACKED_SHARE_FRAC) & ~imputed

    def _of_mineral(self, table: np.ndarray) -> np.ndarray:
        mineral = pd.factorize(self.pairs["mineral"])[0]
        return np.stack([np.bincount(mineral, weights=column) for column in table.T], axis=1)[mineral]

    def _covered(self) -> np.ndarray:
        return self._of_mineral(self.table(np.ones(len(self.rows)))) > 0


def _newest(rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    newest = rows.sort_values("available_at", kind="stable").drop_duplicates(list(key), keep="last")
    return newest[~newest["is_retracted"]].reset_index(drop=True)


def _told(name: str, what: str, table: pd.DataFrame, other: str, draws: int) -> list[dict[str, Any]]:
    rows = []
    pair = (table["code"] + "/" + table["supplier"]).to_numpy()
    for target, about in TARGETS.items():
        block = (pair, table["year"].to_numpy())
        ratios = table["label_ratio"].to_numpy(), table[other].to_numpy()
        found = noise.flips(*ratios, about.ratio, block, draws=draws) if len(table) else {"n": 0}
        rows.append({"check": name, "what": what, "target": target, "pairs": int(pd.Series(pair).nunique()), **found})
    return rows


def _errors(table: pd.DataFrame) -> np.ndarray:
    # The same flows by two counts; a stop in both is no difference.
    ones = np.ones(len(table))
    one, two = (log_ratio(table[name].to_numpy(), ones) for name in ("declared_ratio", "same_ratio"))
    return one - two


def _spread(errors: np.ndarray) -> dict[str, float]:
    quantiles = {"median": 50, "p75": 75, "p90": 90, "p95": 95}
    sizes = np.abs(errors)
    return {"n": len(sizes)} | {name: float(np.percentile(sizes, at)) for name, at in quantiles.items()}


def _imputed(trade: pd.DataFrame, catalog: Catalog, draws: int) -> list[dict[str, Any]]:
    years = PairYears.of(trade, catalog)
    is_scored = years.tracked()
    own = years.ratios(years.rows["quantity_tonnes"].to_numpy())
    is_scored &= np.isfinite(own)
    pair, column = np.nonzero(is_scored)
    base = pd.DataFrame(
        {
            "code": years.pairs["mineral"].to_numpy()[pair],
            "supplier": years.pairs["supplier"].to_numpy()[pair],
            "year": years.years[column],
            "label_ratio": own[is_scored],
        }
    )
    left_out = years.ratios(noise.without_imputed(years.rows)["quantity_tonnes"].to_numpy())[is_scored]
    told = base.assign(other=left_out).dropna()
    rows = _told("BACI without imputed quantities", "all tracked pairs", told, "other", draws)
    rng = np.random.default_rng(0)
    drawn = [
        base.assign(other=years.ratios(noise.redrawn(years.rows, rng)["quantity_tonnes"].to_numpy())[is_scored])
        for _ in range(REDRAWS)
    ]
    name = f"BACI with imputed quantities drawn anew, {REDRAWS} times"
    rows += _told(name, "all tracked pairs", pd.concat(drawn, ignore_index=True), "other", draws)
    mineral = pd.factorize(years.pairs["mineral"])[0]
    tonnes, value = (years.table(years.rows[name].to_numpy()) for name in ("quantity_tonnes", "value_usd"))
    for factor in ODD_PRICES:
        usual = years.ratios_of(noise.at_usual_prices(tonnes, value, mineral, factor=factor))[is_scored]
        name = f"BACI with tonnes at prices {factor} times off put right"
        rows += _told(name, "all tracked pairs", base.assign(other=usual).dropna(), "other", draws)
    return rows


def _scored_rows(knowledge: Knowledge, target: str) -> pd.DataFrame:
    origins = checked_origins(*SPAN, knowledge.as_of)
    rows = labelled(knowledge, origins, target)
    dates = {pd.Timestamp(origin.as_of) for origin in origins}
    wanted = rows["as_of"].isin(dates) & rows["share"].ge(TRACKED_SHARE_FRAC) & rows["onset"] & rows["label"].notna()
    return rows[wanted].reset_index(drop=True)


def study(
    *,
    draws: int = 300,
    as_of: str | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Compare labels with other figures and simulate what their noise leaves.

    Returns:
        What it follows from, `flips` (rows of `ml.label_noise.flips` by check, what is compared and target),
        `differences` (quantiles of the log difference per check), `ceilings` (rows by error and target), `slips` (rows
        of `ml.label_slips.slip_scores`), and
        `revised`: yearly figures of `trade` of which the store knows more than one version.
    """
    settings = load_settings(home)
    knowledge = opened(settings, ["trade"], as_of, now=dt.datetime.now(UTC), say=say)
    history = knowledge.tables["trade"]
    key = ["source", "year", "hs_code", "supplier", "importer"]
    trade = _newest(history, key)
    say("Imputed quantities")
    rows = _imputed(trade, knowledge.catalog, draws)
    mirror = knowledge.store.read("mirror_trade", as_of=knowledge.as_of)
    tables = {}
    for check in CHECKS:
        declared = declarations(mirror, check)
        baci = _baci_of(trade, sorted(declared["code"].unique()))
        declared = declared[declared["code"].isin(set(baci["code"]))]
        if declared.empty:
            say(f"{check.name}: the store has none")
            continue
        say(check.name)
        anything = noise.declared_ratios(baci, declared, check.reported_by)
        flows = anything[anything["coverage"] >= LEAST_FLOW]
        flows = flows.assign(label_ratio=flows["same_ratio"])
        rows += _told(check.name, "the same flows, from a tenth of the pair on", flows, "declared_ratio", draws)
        found = anything[anything["coverage"] >= noise.LEAST_COVERAGE]
        tables[check.name] = found
        same = found.assign(label_ratio=found["same_ratio"])
        rows += _told(check.name, "the same flows, from half of the pair on", same, "declared_ratio", draws)
        rows += _told(check.name, "BACI's label of all buyers", found, "declared_ratio", draws)
    say("Ceilings")
    errors = {name: _errors(table) for name, table in tables.items() if len(table)}
    told = []
    for target in TARGETS:
        scored = _scored_rows(knowledge, target)
        for name, drawn in errors.items():
            # Two counts differ by the errors of both: were they alike and independent, one has half the variance.
            for share, scale in (("the whole difference", 1.0), ("half its variance", np.sqrt(0.5))):
                found = noise.ceilings(scored, drawn * scale, target, repeats=REPEATS)
                factor = noise.attenuation(found["lost"], found["gained"])
                about = {"error": name, "share": share, "target": target, "n": len(scored)}
                told.append({**about, **found, "attenuation": factor})
    say("Forecasts with and without slips")
    slips = slip_scores(knowledge, draws=draws, workers=settings.workers, say=say)
    versions = history.groupby(key, observed=True).size()
    return {
        "as_of": knowledge.as_of.date().isoformat(),
        "data_digest": knowledge.digest,
        "git_commit": tracking.git_commit(),
        "draws": draws,
        "origins": f"{SPAN[0]}-{SPAN[1]}",
        "revised": int((versions > 1).sum()),
        "figures": len(versions),
        "flips": rows,
        "differences": [{"check": name, **_spread(drawn)} for name, drawn in errors.items()],
        "ceilings": told,
        "slips": slips,
    }
