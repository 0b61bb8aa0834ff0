"""What comes out: this week's probabilities against last week's and against what is normal, and what has resolved."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.drift.limits import LIMITS, Limits, level_of
from ml.drift.measures import Row, row
from ml.scores import Estimate, block_bootstrap
from models.drift import bin_counts, quantile_edges, stability_index
from models.targets import MAX_IMPUTED_FRAC, TARGETS

__all__ = ["ISSUED", "check_calibration", "check_predictions", "resolved"]

# What calibration needs of an issued forecast.
ISSUED = ("target", "horizon", "mineral", "supplier", "as_of", "window_start", "probability", "base_rate")
FEWEST_PAIRS = 50
# `signal` of rows that are about no family.
MODEL = "model"
DRAWS = 200


def check_predictions(forecasts: pd.DataFrame, *, limits: Limits = LIMITS) -> list[Row]:
    """Hold the probabilities of one week against the week before and against what is normal for the same pairs.

    Args:
        forecasts: forecast rows (`ml.contract`): target, horizon, probability, probability_previous, base_rate.

    Returns:
        Rows of kind `mean_change`, `week_psi` and `against_normal` per target and horizon.
    """
    rows: list[Row] = []
    given = forecasts[forecasts["probability"].notna()]
    for (target, horizon), part in given.groupby(["target", "horizon"], sort=True):
        name = f"{target}.{horizon}"
        both = part[part["probability_previous"].notna()]
        if len(both) >= FEWEST_PAIRS:
            rows += _against_last_week(name, both, limits)
        if len(part) >= FEWEST_PAIRS:
            now, normal = part["probability"].mean(), part["base_rate"].mean()
            gap = float(_log_odds(now) - _log_odds(normal))
            sentence = (
                f"The mean probability of {name} is {now:.1%}, where {normal:.1%} would be normal for these pairs."
            )
            level = level_of(abs(gap), limits.against_normal)
            rows.append(row(level, "against_normal", MODEL, name, gap, limits.against_normal.note, sentence))
    return rows


def _against_last_week(name: str, both: pd.DataFrame, limits: Limits) -> list[Row]:
    now, before = (both[column].to_numpy(dtype="float64") for column in ("probability", "probability_previous"))
    change = float(now.mean() - before.mean())
    edges = quantile_edges(before)
    psi = stability_index(bin_counts(before, edges), bin_counts(now, edges))
    sentence = f"The mean probability of {name} went from {before.mean():.1%} to {now.mean():.1%} within a week."
    spread = f"The probabilities of {name} are spread otherwise than a week ago: stability index {psi:.2f}."
    return [
        row(
            level_of(abs(change), limits.mean_change),
            "mean_change",
            MODEL,
            name,
            change,
            limits.mean_change.note,
            sentence,
        ),
        row(level_of(psi, limits.week_psi), "week_psi", MODEL, name, psi, limits.week_psi.note, spread),
    ]


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return float(np.log(clipped / (1 - clipped)))


def resolved(issued: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Join what was issued with what came of it: one row per target, horizon, pair and year, weeks averaged.

    Args:
        issued: forecast rows of any number of weeks.
        labels: what `models.targets.label_table` gave, as known at one date.

    Returns:
        target, horizon, mineral, supplier, year, probability (mean over the weeks), label (1.0 or 0.0); void years out.
    """
    given = issued[issued["probability"].notna()]
    given = given.assign(year=given["window_start"].dt.year.astype("int64"))
    key = ["target", "horizon", "mineral", "supplier", "year"]
    mean = given.groupby(key, sort=True)["probability"].mean().reset_index()
    settled = labels[~(labels["imputed_value_frac"] > MAX_IMPUTED_FRAC)][["mineral", "supplier", "year", "ratio"]]
    both = mean.merge(settled.astype({"year": "int64"}), on=["mineral", "supplier", "year"], validate="many_to_one")
    limit = both["target"].map({name: target.ratio for name, target in TARGETS.items()})
    limit = limit.astype("float64")
    return both.assign(label=(both["ratio"] < limit).astype("float64")).drop(columns="ratio")


def check_calibration(issued: pd.DataFrame, labels: pd.DataFrame, *, limits: Limits = LIMITS) -> list[Row]:
    """Compare forecast and observed frequency over the last resolved years of each target and horizon.

    The interval resamples minerals and years as blocks (`ml.scores`), so with one resolved year it is too narrow and no
    more than a note is given. The finding never stops a run: what resolves now was forecast years ago.

    Returns:
        Rows of kind `calibration`; `value` is observed minus forecast.
    """
    rows: list[Row] = []
    if issued.empty or labels.empty:
        return rows
    for (target, horizon), part in resolved(issued, labels).groupby(["target", "horizon"], sort=True):
        years = sorted(part["year"].unique())[-limits.calibration_windows :]
        last = part[part["year"].isin(years)]
        if len(last) < FEWEST_PAIRS:
            continue
        gap = _gap(last)
        one_sided = gap.low > 0 or gap.high < 0
        reached = level_of(abs(gap.value), limits.calibration, most="watch" if len(years) > 1 else "note")
        level = reached if one_sided else "fine"
        sentence = (
            f"Of {target}, {horizon}, {last['label'].mean():.1%} happened in {years[0]}-{years[-1]} where "
            f"{last['probability'].mean():.1%} was forecast: {gap.value:+.1%}, 95 % interval {gap.low:+.1%} to "
            f"{gap.high:+.1%}. Train the model again, and look at the reliability in the backtest report."
        )
        name = f"{target}.{horizon}"
        rows.append(row(level, "calibration", MODEL, name, gap.value, limits.calibration.note, sentence))
    return rows


def _gap(rows: pd.DataFrame) -> Estimate:
    difference = (rows["label"] - rows["probability"]).to_numpy(dtype="float64")

    def mean(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=0)
        return np.divide(difference @ weights, total, out=np.full(total.shape, np.nan), where=total > 0)

    return block_bootstrap(mean, rows["mineral"], rows["year"], n_draws=DRAWS)
