"""Why the model says what it says: contributions by feature, by signal, and as sentences.

Contributions are the booster's own (exact tree SHAP, in log-odds, before calibration):
with the base value they sum to the raw score, which is checked. A sentence names the
strongest feature of a theme (`models.phrases`) whose summed contribution is among the
three largest; nothing is said that did not enter the model.
"""

from __future__ import annotations

__all__ = ["BASE", "DRIVERS", "EXPLANATION_COLUMNS", "driver_sentences", "explanation_rows", "signal_totals"]

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.errors import ContractError
from features.panel import family_of
from features.signals.news_features import REPORTED_TYPES
from models.gradient_boosting import GradientBoosting
from models.phrases import THEMES, Facts, phrase, theme_of

BASE = "base"
EXPLANATION_COLUMNS = ["mineral", "supplier", "signal", "feature", "value", "contribution"]
TOLERANCE = 1e-6
DRIVERS = ("driver_1", "driver_2", "driver_3")
# What an analyst wants to see of a pair even where the model gives it no weight, each if above a value.
ON_RECORD = {
    "restrictions_pair_in_force": 0.0,
    "restrictions_pair_new_52w": 0.0,
    "restrictions_pair_eased_52w": 0.0,
    "incidents_pair_new_156w": 0.0,
    "geopolitics_sanctions_programmes": 0.0,
    "geopolitics_sanctions_programmes_new": 0.0,
    # A coup of the last year; the risk index, and tension, as rarely as once in some forty months.
    "geopolitics_coup_attempts": 0.5,
    "geopolitics_irregular_change_52w": 0.0,
    "geopolitics_election_next_26w": 0.0,
    "geopolitics_conflict_intensity": 1.0,
    "geopolitics_gpr_surprise": 2.0,
    "geopolitics_tension": 2.0,
    # A hundredth of the country's output.
    "hazards_hit_13w": 0.01,
    **{f"news_pair_{name}_13w": 0.0 for name in REPORTED_TYPES},
}
# The same, each if below a value: a fifth of the ships are missing.
ON_RECORD_BELOW = {"logistics_worst_strait_13w": float(np.log(0.8))}
PAIR = ["mineral", "supplier"]


def explanation_rows(model: GradientBoosting, rows: pd.DataFrame) -> pd.DataFrame:
    """Split each pair's raw score into the base value and one contribution per feature.

    Args:
        model: a fitted booster.
        rows: one panel row per pair, with the model's features.

    Returns:
        Columns `EXPLANATION_COLUMNS`; contributions in log-odds. Sorted by mineral and supplier; within a
        pair first the base (signal and feature `base`, no value), then the features in the model's order.

    Raises:
        ContractError: a pair stands in several rows, or contributions do not sum to the raw score to 1e-6.
    """
    rows = rows.sort_values(PAIR, ignore_index=True)
    _check_unique(rows)
    if rows.empty:
        empty = pd.DataFrame({name: pd.Series(dtype="str") for name in EXPLANATION_COLUMNS})
        return empty.astype({"value": "float64", "contribution": "float64"})
    contributions, base = model.contributions(rows)
    _check_sum(rows, contributions.sum(axis=1) + base, model.raw_score(rows))
    names = list(model.features)
    width = 1 + len(names)
    values = rows[names].to_numpy(dtype="float64")
    return pd.DataFrame(
        {
            "mineral": rows["mineral"].repeat(width).array,
            "supplier": rows["supplier"].repeat(width).array,
            "signal": pd.array([BASE, *map(family_of, names)] * len(rows), dtype="str"),
            "feature": pd.array([BASE, *names] * len(rows), dtype="str"),
            "value": np.column_stack([np.full(len(rows), np.nan), values]).ravel(),
            "contribution": np.column_stack([base, contributions]).ravel(),
        }
    )


def context_rows(features: Sequence[str], rows: pd.DataFrame) -> pd.DataFrame:
    """Give features that the model does not use, with their values and a contribution of exactly zero.

    They stay visible to the analyst, and a reader sees that they moved nothing.

    Args:
        features: their names, in the order wanted.
        rows: the panel rows that were explained.

    Returns:
        Columns `EXPLANATION_COLUMNS`, sorted as `explanation_rows` sorts.
    """
    rows = rows.sort_values(PAIR, ignore_index=True)
    names = list(features)
    return pd.DataFrame(
        {
            "mineral": rows["mineral"].repeat(len(names)).array,
            "supplier": rows["supplier"].repeat(len(names)).array,
            "signal": pd.array([family_of(name) for name in names] * len(rows), dtype="str"),
            "feature": pd.array(names * len(rows), dtype="str"),
            "value": rows[names].to_numpy(dtype="float64").ravel(),
            "contribution": 0.0,
        }
    )


def sentences_on_record(explanations: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """Say, per pair, what is on record without weight in its forecast: measures, incidents, news, and the world around.

    Args:
        explanations: explanation rows with context rows, for one target and horizon.
    """
    told = explanations[explanations["contribution"].eq(0.0)]
    above, below = (told["feature"].map(limits).astype("float64") for limits in (ON_RECORD, ON_RECORD_BELOW))
    told = told[told["value"].gt(above) | told["value"].lt(below)]
    # A region's or the world's index says nothing about this supplier.
    is_borrowed = told["feature"].eq("geopolitics_gpr_surprise") & _has_no_index(explanations, told)
    told = told[~is_borrowed]
    found: dict[tuple[str, str], list[str]] = {}
    for name in (*ON_RECORD, *ON_RECORD_BELOW):
        for row in told[told["feature"].eq(name)].itertuples():
            found.setdefault((row.mineral, row.supplier), []).append(phrase(name, row.value))
    return found


def _has_no_index(explanations: pd.DataFrame, told: pd.DataFrame) -> pd.Series:
    flags = explanations[explanations["feature"].eq("geopolitics_gpr_is_fallback") & explanations["value"].gt(0)]
    pairs = pd.MultiIndex.from_frame(told[PAIR])
    return pd.Series(pairs.isin(pd.MultiIndex.from_frame(flags[PAIR])), index=told.index)


def signal_totals(explanations: pd.DataFrame) -> pd.DataFrame:
    """Sum contributions by signal.

    Args:
        explanations: what `explanation_rows` gave, for one target and horizon.

    Returns:
        mineral, supplier, signal, contribution (log-odds); the base value is a signal of its own. Pairs and
        signals keep their order.
    """
    totals = explanations.groupby([*PAIR, "signal"], sort=False)[["contribution"]].sum()
    return totals.reset_index()


def driver_sentences(explanations: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Say the three strongest reasons of each pair, strongest first.

    Contributions are summed within a theme. The sentence words the strongest feature of those that push the
    way the theme does, and says which way that is.

    Args:
        explanations: what `explanation_rows` gave, for one target and horizon.
        rows: the panel rows it was given; phrases take years and kinds of measures from them.

    Returns:
        mineral, supplier, driver_1, driver_2, driver_3, sorted by mineral and supplier. A driver is missing
        where fewer themes moved the score.

    Raises:
        ContractError: a pair has no row in `rows`, or several.
    """
    facts = _facts(rows)
    pairs = explanations[PAIR].drop_duplicates().sort_values(PAIR, ignore_index=True)
    said: dict[tuple[str, str], list[str]] = {pair: [] for pair in pairs.itertuples(index=False, name=None)}
    if unknown := [pair for pair in said if pair not in facts]:
        raise ContractError(f"explained pairs {unknown[:3]} have no panel row; pass the rows that were explained")
    columns = [*PAIR, "feature", "value", "total"]
    for mineral, supplier, feature, value, total in _leading(explanations)[columns].itertuples(index=False):
        pair = (mineral, supplier)
        said[pair].append(_sentence(feature, value, total, facts[pair]))
    for at, driver in enumerate(DRIVERS):
        sentences = [found[at] if at < len(found) else None for found in said.values()]
        pairs[driver] = pd.array(sentences, dtype="str")
    return pairs


def _leading(explanations: pd.DataFrame) -> pd.DataFrame:
    """Give per pair the strongest feature of its three strongest themes, with the theme's `total`."""
    # What moved nothing (most of what is shown) is in no theme's sum.
    rows = explanations[explanations["signal"].ne(BASE) & explanations["contribution"].ne(0.0)]
    names = rows["feature"].unique()
    known, missing = ({name: theme_of(name, is_missing=gap) for name in names} for gap in (False, True))
    theme = rows["feature"].map(known).where(rows["value"].notna(), rows["feature"].map(missing))
    rows = rows.assign(theme=theme)
    total = rows.groupby([*PAIR, "theme"])["contribution"].transform("sum")
    rows = rows.assign(total=total, size=total.abs(), strength=rows["contribution"].abs())
    rows = rows[np.sign(rows["contribution"]).eq(np.sign(total)) & rows["size"].gt(0)]
    rows = rows.assign(order=rows["theme"].map({name: at for at, name in enumerate(THEMES)}))
    rows = rows.sort_values(
        [*PAIR, "size", "order", "strength"], ascending=[True, True, False, True, False], kind="stable"
    )
    return rows.drop_duplicates([*PAIR, "theme"]).groupby(PAIR).head(len(DRIVERS))


def _sentence(feature: str, value: float, total: float, facts: Facts) -> str:
    return f"{phrase(feature, value, facts)} ({'raises' if total > 0 else 'lowers'} the risk)"


def _facts(rows: pd.DataFrame) -> dict[tuple[str, str], Facts]:
    _check_unique(rows)
    numbers = rows.select_dtypes("float64")
    pairs = zip(rows["mineral"], rows["supplier"], strict=True)
    columns = [str(name) for name in numbers.columns]
    values = numbers.to_numpy().tolist()
    return {pair: dict(zip(columns, row, strict=True)) for pair, row in zip(pairs, values, strict=True)}


def _check_unique(rows: pd.DataFrame) -> None:
    twice = rows.loc[rows.duplicated(PAIR), PAIR]
    if len(twice):
        pair = tuple(twice.iloc[0])
        raise ContractError(f"the pair {pair} stands in several rows; explain one as_of at a time")


def _check_sum(rows: pd.DataFrame, total: np.ndarray, raw: np.ndarray) -> None:
    off = np.abs(total - raw)
    if not (off <= TOLERANCE).all():
        at = int(np.nanargmax(np.where(np.isnan(off), np.inf, off)))
        raise ContractError(
            f"contributions of {tuple(rows.loc[at, PAIR])} sum to {total[at]:.9f}, but the raw score is "
            f"{raw[at]:.9f}; they may differ by {TOLERANCE:g}, so the explanation is not the model's"
        )
