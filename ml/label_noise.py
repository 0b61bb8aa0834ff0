"""How often an outcome would have been another one had other figures settled it, and what that leaves for a forecast.

A label compares yearly tonnes of BACI. The same comparison is made from what customs offices declared themselves, for
the pairs of which at least half is covered, and from BACI without or with other imputed quantities. What differs is
drawn onto the labels that forecasts are scored on: no forecast can be better than one that knows the truth.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.signals.trade import log_ratio
from ml import scores as sc
from models.targets import TARGETS

__all__ = ["at_usual_prices", "attenuation", "ceilings", "declared_ratios", "flips", "redrawn", "without_imputed"]

KEY = ["code", "supplier", "year"]
REFERENCE_YEARS = 3
# A pair is comparable where the flows that an office declared are at least this share of its tonnes in BACI.
LEAST_COVERAGE = 0.5
# As a pair is tracked from 1 % of world exports.
LEAST_SHARE = 0.01
# Prices of less are often those of samples.
LEAST_VALUE_USD = 1e5


def _grid(rows: pd.DataFrame, keys: pd.MultiIndex, years: np.ndarray, column: str) -> np.ndarray:
    # (n_keys, n_years) of sums; 0 where there is no row, missing where a row has no figure.
    found = np.zeros((len(keys), len(years)))
    at = keys.get_indexer(pd.MultiIndex.from_frame(rows[["code", "supplier", "importer"]]))
    column_at = (rows["year"] - years[0]).to_numpy()
    inside = (at >= 0) & (column_at >= 0) & (column_at < len(years))
    np.add.at(found, (at[inside], column_at[inside]), rows[column].to_numpy(dtype=float)[inside])
    return found


def declared_ratios(baci: pd.DataFrame, declared: pd.DataFrame, reporter: str) -> pd.DataFrame:
    """Hold exports against the mean of the three years before, by BACI and by what offices declared.

    A flow counts in a year if its office declared anything of the code in each of the four years, and no figure of the
    flow lacks its quantity; a flow without a row was zero then.

    Args:
        baci: code, supplier, importer, year, tonnes.
        declared: the same from offices, tonnes missing where the quantity is.
        reporter: "importer" or "supplier": whose office declared.

    Returns:
        code, supplier, year, label_ratio (BACI, all buyers), same_ratio (BACI, the flows declared), declared_ratio,
        coverage (of BACI's tonnes of the four years by the flows declared), share (of the code's world exports in the
        three years before); rows with a reference above zero in all three.
    """
    flows = pd.concat([baci, declared])[["code", "supplier", "importer"]].drop_duplicates()
    keys = pd.MultiIndex.from_frame(flows.sort_values(["code", "supplier", "importer"]))
    years = np.arange(baci["year"].min(), baci["year"].max() + 1)
    own, theirs = _grid(baci, keys, years, "tonnes"), _grid(declared, keys, years, "tonnes")
    offices = pd.MultiIndex.from_frame(declared[["code", reporter, "year"]].drop_duplicates())
    names = keys.to_frame(index=False)
    reports = np.column_stack(
        [pd.MultiIndex.from_arrays([names["code"], names[reporter], np.full(len(names), year)]).isin(offices)
         for year in years]
    )  # fmt: skip
    pairs = names.groupby(["code", "supplier"], sort=True)
    number, pair = pairs.ngroup().to_numpy(), pairs.size().index.to_frame(index=False)
    code = pair.groupby("code").ngroup().to_numpy()

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(number, weights=values, minlength=len(pair))

    found = []
    for at in range(REFERENCE_YEARS, len(years)):
        window = slice(at - REFERENCE_YEARS, at + 1)
        usable = reports[:, window].all(axis=1) & np.isfinite(theirs[:, window]).all(axis=1)
        before = slice(at - REFERENCE_YEARS, at)
        table = pair.assign(year=int(years[at]))
        used = usable[:, None]
        totals = {"label": own, "same": np.where(used, own, 0), "declared": np.where(used, theirs, 0)}
        for name, values in totals.items():
            reference = summed(values[:, before].mean(axis=1))
            with np.errstate(divide="ignore", invalid="ignore"):
                table[f"{name}_ratio"] = np.where(reference > 0, summed(values[:, at]) / reference, np.nan)
        whole = summed(own[:, window].sum(axis=1))
        world = np.bincount(code, weights=summed(own[:, before].sum(axis=1)))[code]
        with np.errstate(divide="ignore", invalid="ignore"):
            table["coverage"] = summed(np.where(usable, own[:, window].sum(axis=1), 0)) / whole
            table["share"] = summed(own[:, before].sum(axis=1)) / world
        found.append(table)
    table = pd.concat(found, ignore_index=True).dropna()
    return table[table["share"] >= LEAST_SHARE].reset_index(drop=True)


def without_imputed(trade: pd.DataFrame) -> pd.DataFrame:
    """Give trade without flows whose quantity was imputed."""
    return trade.assign(quantity_tonnes=trade["quantity_tonnes"].where(~trade["is_imputed"], 0.0))


def redrawn(trade: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Give trade with each imputed quantity drawn anew: the flow's value at the unit value of another flow.

    The other flow is any of the same product and year with a quantity of its own; where there is none, nothing changes.
    """
    rows = trade.reset_index(drop=True)
    tonnes, value = rows["quantity_tonnes"].to_numpy(copy=True), rows["value_usd"].to_numpy()
    group = rows.groupby(["hs_code", "year"], sort=False).ngroup().to_numpy()
    real = np.flatnonzero(~rows["is_imputed"].to_numpy() & (tonnes > 0) & (value > 0))
    real = real[np.argsort(group[real], kind="stable")]
    wanted = np.flatnonzero(rows["is_imputed"].to_numpy())
    first, last = (np.searchsorted(group[real], group[wanted], side=side) for side in ("left", "right"))
    wanted, first, last = (values[last > first] for values in (wanted, first, last))
    chosen = real[first + rng.integers(0, last - first)]
    tonnes[wanted] = value[wanted] * tonnes[chosen] / value[chosen]
    return rows.assign(quantity_tonnes=tonnes)


def at_usual_prices(tonnes: np.ndarray, value: np.ndarray, mineral: np.ndarray, *, factor: float) -> np.ndarray:
    """Give tonnes (n_pairs, n_years), those at an odd price put right: the value at the pair's usual price.

    A price is told against the median of the mineral's suppliers that year; usual is the median of that over the three
    years on either side. It is odd where it is `factor` times that or a `factor`th, for values from `LEAST_VALUE_USD`.

    Args:
        mineral: (n_pairs,); which mineral each pair is of.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.log(value / tonnes)
    price = np.where(np.isfinite(price) & (value >= LEAST_VALUE_USD), price, np.nan)
    level = pd.DataFrame(price).groupby(mineral).transform("median").to_numpy()
    against = price - level
    count = tonnes.shape[1]
    with warnings.catch_warnings():
        # A pair that sold nothing else around a year has no usual price then.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        usual = np.column_stack(
            [
                np.nanmedian(np.delete(against, at, axis=1)[:, max(0, at - 3) : min(count, at + 4) - 1], axis=1)
                for at in range(count)
            ]
        )
    is_odd = np.abs(against - usual) > np.log(factor)
    return np.where(is_odd, value / np.exp(level + usual), tonnes)


def flips(
    ratio: np.ndarray, other: np.ndarray, limit: float, block: Sequence[np.ndarray], *, draws: int
) -> dict[str, Any]:
    """Count outcomes that another figure turns round.

    Args:
        ratio: exports over normal of the label (n_rows,); `other`: the same by other figures.
        block: two arrays that the bootstrap draws as blocks, such as pairs and years.

    Returns:
        n, events, other_events and {value, low, high} of `lost` (of events, how many are none by the other figure),
        `gained` (of non-events, how many are events by it) and `flipped` (of all).
    """
    event, twin = (ratio < limit).astype(float), (other < limit).astype(float)
    differs = (event != twin).astype(float)
    weights = np.column_stack([np.ones(len(event)), sc.block_weights(*block, n_draws=draws, seed=0)])
    found: dict[str, Any] = {"n": len(event), "events": int(event.sum()), "other_events": int(twin.sum())}
    for name, among in (("lost", event), ("gained", 1 - event), ("flipped", np.ones(len(event)))):
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = (differs * among) @ weights / (among @ weights)
        found[name] = sc.estimate(float(rate[0]), rate[1:]).as_json()
    return found


def attenuation(lost: float, gained: float) -> float:
    """Give what noise leaves of an AUC's distance from 0.5: 1 - P(no event | label 1) - P(event | label 0).

    For label noise that depends on the class alone (Menon et al. 2015, "Learning from corrupted binary labels via
    class-probability estimation"). Which of two figures is the truth is not known; here the other one is taken for it.

    Args:
        lost: of the label's events, the share that are none; `gained`: of its non-events, the share that are events.
    """
    return 1 - lost - gained


def ceilings(
    rows: pd.DataFrame, errors: np.ndarray, target: str, *, repeats: int, seed: int = 0
) -> Mapping[str, float]:
    """Score what knows the outcome against labels that were measured with error.

    Args:
        rows: scored rows: mineral, supplier, ratio, label.
        errors: differences of the log of exports over normal between two figures; drawn with replacement.
        repeats: simulated sets of labels, averaged.

    Returns:
        lost, gained, twin_auc (the label itself as the forecast of its noisy twin), and of a forecast that knows the
        true outcome exactly: auc, average_precision, when (within one pair).
    """
    rng = np.random.default_rng(seed)
    limit = TARGETS[target].ratio
    ratio = rows["ratio"].to_numpy()
    label = rows["label"].to_numpy(dtype=float)
    score = -log_ratio(ratio, np.ones(len(ratio)))
    pair = pd.factorize(rows["mineral"] + "/" + rows["supplier"])[0]
    found = []
    for _ in range(repeats):
        twin = (ratio * np.exp(rng.choice(errors, size=len(ratio))) < limit).astype(float)
        found.append(
            {
                "lost": float(np.mean(twin[label == 1] == 0)),
                "gained": float(np.mean(twin[label == 0] == 1)),
                "twin_auc": sc.roc_auc(twin, label),
                "auc": sc.roc_auc(twin, score),
                "average_precision": sc.average_precision(twin, score),
                "when": sc.within_pair_concordance(twin, score, pair),
            }
        )
    return {name: float(np.mean([row[name] for row in found])) for name in found[0]}
