"""The score table of a backtest: every target, horizon, slice and model, with 95 % intervals.

`score_predictions` takes the predictions of `oresight backtest` (one row per model, target,
horizon, mineral, supplier and as_of) and gives plain JSON, null where a number is undefined::

    champion, n_draws, seed, alert_budget_frac, as_of_first, as_of_last
    targets: {target: {horizon: {
      outcomes: {forecasts, scored, void, unresolved, void_rate, void_reasons: {reason: count}}
      slices: {all | onset | continuation | major | onset_major | transit: {
        n, events, base_rate, pairs, insufficient
        models: {model: {metric: {value, low, high}}}}}
      differences: {baseline: {all | onset: {roc_auc | when: {value, low, high}}}}
      by_year: [{year, n, events, pairs, insufficient, roc_auc: {model: x}, brier: {model: x}}]
      by_mineral: the same, with `mineral` for `year`}}}

Metrics: `roc_auc`, `average_precision`, `brier`, `brier_skill_vs_pair_history`,
`brier_skill_vs_climatology`, `expected_calibration_error`, `when` (within-pair concordance),
`precision_at_budget`, `false_alarms_per_hit`, `missed_at_budget`. The budget alerts a tenth of
the slice's rows at each origin. Differences are champion minus baseline on the same rows and
draws. `by_year` and `by_mineral` hold onset rows only, for the champion and pair history. A group
with fewer than ten events or ten non-events is `insufficient`: shown, but not to be read.
`void_rate` is void / (scored + void).

Only resolved rows are scored, and all models on the same rows: a model that lacks one is an error.
"""

from __future__ import annotations

__all__ = ["ALERT_BUDGET_FRAC", "BASELINES", "CHAMPION", "SLICES", "markdown_table", "score_predictions"]

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import BadInput
from ml import scores as sc

Floats = NDArray[np.float64]
CHAMPION = "lightgbm"
BASELINES = ("pair_history", "climatology", "persistence", "logistic_regression")
TARGETS = ("supply_drop", "severe_supply_drop")
HORIZONS = ("current_year", "next_year")
SLICES = ("all", "onset", "continuation", "major", "onset_major", "transit")
ALERT_BUDGET_FRAC = 0.1
MIN_OF_EACH_CLASS = 10
KEY = ["mineral", "supplier", "as_of"]
REQUIRED = ["target", "horizon", *KEY, "model", "probability", "label", "void_reason"]
FLAGS = ["onset", "is_major", "is_transit"]


@dataclass(frozen=True, slots=True)
class Sample:
    """The scored rows of one target, horizon and slice; arrays (n_rows,), weights (n_rows, n_draws)."""

    label: Floats
    pair: NDArray[np.intp]
    origin: NDArray[np.intp]
    weights: Floats
    probability: dict[str, Floats]

    def take(self, rows: NDArray[np.bool_]) -> Sample:
        """Give the sample of some rows, under the same draws."""
        of = {model: p[rows] for model, p in self.probability.items()}
        return Sample(self.label[rows], self.pair[rows], self.origin[rows], self.weights[rows], of)


def score_predictions(predictions: pd.DataFrame, n_draws: int = 300, seed: int = 0) -> dict[str, Any]:
    """Give the score table of the module docstring.

    Raises:
        BadInput: a column is missing, a value is out of range, a row is there twice, or the
            models were not run on the same rows.
    """
    _check(predictions)
    targets: dict[str, Any] = {}
    for target in in_order(predictions["target"], TARGETS):
        of_target = predictions[predictions["target"] == target]
        targets[target] = {
            horizon: _score_horizon(of_target[of_target["horizon"] == horizon], n_draws=n_draws, seed=seed)
            for horizon in in_order(of_target["horizon"], HORIZONS)
        }
    return {
        "champion": CHAMPION,
        "n_draws": n_draws,
        "seed": seed,
        "alert_budget_frac": ALERT_BUDGET_FRAC,
        "as_of_first": predictions["as_of"].min().date().isoformat(),
        "as_of_last": predictions["as_of"].max().date().isoformat(),
        "targets": targets,
    }


def in_order(found: Iterable[str], preferred: Iterable[str]) -> list[str]:
    """Give the distinct names found: the preferred ones first, in their order, then by alphabet."""
    names = set(found)
    first = [name for name in preferred if name in names]
    return first + sorted(names - set(first))


def slice_masks(rows: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Give which rows belong to each slice of `SLICES`."""
    onset, major, transit = (rows[flag].to_numpy(dtype=bool) for flag in FLAGS)
    masks = (np.ones(len(rows), dtype=bool), onset, ~onset, major, onset & major, transit)
    return dict(zip(SLICES, masks, strict=True))


def aligned(one: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Give the scored rows of one target and horizon, sorted by key, and each model's probabilities."""
    scored = one[one["label"].notna()]
    wide = scored.pivot(index=KEY, columns="model", values="probability")  # noqa: PD010 — never aggregate
    for model in wide.columns[wide.isna().any()]:
        missing = wide.index[wide[model].isna()]
        raise BadInput(
            where=f"predictions of {model}",
            expected="a probability for every scored row of the other models",
            found=f"{len(missing)} of {len(wide)} missing, first {missing[0]}",
            remedy="Run all models on the same rows, so that their scores can be compared.",
        )
    stated = scored.groupby(KEY)[["label", *FLAGS]]
    for column in stated.max().columns[(stated.max() != stated.min()).any()]:
        raise BadInput(
            where=f"predictions, column {column}",
            expected="one value per mineral, supplier and as_of",
            found="models that disagree on it",
            remedy="Resolve it once and give every model the same.",
        )
    models = in_order(wide.columns, (CHAMPION, *BASELINES))
    facts = scored.drop_duplicates(KEY).set_index(KEY).loc[wide.index].reset_index()
    return facts, {model: wide[model].to_numpy(dtype=float) for model in models}


def _score_horizon(one: pd.DataFrame, *, n_draws: int, seed: int) -> dict[str, Any]:
    facts, probability = aligned(one)
    year = facts["as_of"].dt.year.to_numpy()
    sample = Sample(
        label=facts["label"].to_numpy(dtype=float),
        pair=pd.factorize(facts["mineral"] + "/" + facts["supplier"])[0],
        origin=pd.factorize(facts["as_of"])[0],
        weights=sc.block_weights(facts["mineral"].to_numpy(), year, n_draws=n_draws, seed=seed),
        probability=probability,
    )
    masks = slice_masks(facts)
    results: dict[str, dict[str, Any]] = {}
    for name, mask in masks.items():
        part = sample.take(mask)
        results[name] = {model: _statistics(part, model) for model in probability}
    return {
        "outcomes": _outcomes(one),
        "slices": {
            name: {
                **_counts(sample.take(mask)),
                "models": {m: {k: sc.estimate(*x).as_json() for k, x in of.items()} for m, of in results[name].items()},
            }
            for name, mask in masks.items()
        },
        "differences": {
            baseline: {
                name: {k: _difference(results[name], baseline, k) for k in ("roc_auc", "when")}
                for name in ("all", "onset")
            }
            for baseline in probability
            if baseline in BASELINES and CHAMPION in probability
        },
        "by_year": _by_group(sample, year, within=masks["onset"], name="year"),
        "by_mineral": _by_group(sample, facts["mineral"].to_numpy(), within=masks["onset"], name="mineral"),
    }


def _statistics(sample: Sample, model: str) -> dict[str, tuple[float, Floats]]:
    """Give each metric's value and draws, both by the same formula."""
    y, p, once = sample.label, sample.probability[model], np.ones((len(sample.label), 1))
    formulas: dict[str, sc.Statistic] = {
        "roc_auc": partial(sc.roc_auc_draws, y, p),
        "average_precision": partial(sc.average_precision_draws, y, p),
        "brier": partial(sc.brier_draws, y, p),
        "expected_calibration_error": partial(sc.expected_calibration_error_draws, y, p),
        "when": partial(sc.concordance_draws, y, p, sample.pair),
    }
    for reference in ("pair_history", "climatology"):
        other = sample.probability.get(reference, np.full(len(y), np.nan))
        formulas[f"brier_skill_vs_{reference}"] = partial(sc.brier_skill_draws, y, p, other)
    share = sc.alert_share(p, sample.origin, budget=ALERT_BUDGET_FRAC)
    now, drawn = sc.budget_draws(y, share, once), sc.budget_draws(y, share, sample.weights)
    return {name: (float(f(once)[0]), f(sample.weights)) for name, f in formulas.items()} | {
        name: (float(now[name][0]), drawn[name]) for name in now
    }


def _counts(sample: Sample) -> dict[str, Any]:
    n, events = len(sample.label), int(sample.label.sum())
    return {
        "n": n,
        "events": events,
        "base_rate": events / n if n else None,
        "pairs": len(np.unique(sample.pair)),
        "insufficient": min(events, n - events) < MIN_OF_EACH_CLASS,
    }


def _by_group(sample: Sample, group: NDArray[Any], *, within: NDArray[np.bool_], name: str) -> list[dict[str, Any]]:
    shown = [model for model in (CHAMPION, "pair_history") if model in sample.probability]
    table = []
    for key in np.unique(group[within]):
        part = sample.take(within & (group == key))
        row: dict[str, Any] = {name: key.item() if isinstance(key, np.generic) else key, **_counts(part)}
        for metric, formula in (("roc_auc", sc.roc_auc), ("brier", sc.brier)):
            row[metric] = {m: sc.finite(formula(part.label, part.probability[m])) for m in shown}
        table.append(row)
    return table


def _difference(results: dict[str, Any], baseline: str, metric: str) -> dict[str, float | None]:
    (ours, our_draws), (theirs, their_draws) = results[CHAMPION][metric], results[baseline][metric]
    return sc.estimate(ours - theirs, our_draws - their_draws).as_json()


def _outcomes(one: pd.DataFrame) -> dict[str, Any]:
    rows = one.drop_duplicates(KEY)
    scored, reasons = int(rows["label"].notna().sum()), rows.loc[rows["label"].isna(), "void_reason"]
    void = int(reasons.notna().sum())
    return {
        "forecasts": len(rows),
        "scored": scored,
        "void": void,
        "unresolved": len(rows) - scored - void,
        "void_rate": void / (scored + void) if scored + void else None,
        "void_reasons": {str(reason): int(n) for reason, n in sorted(reasons.value_counts().items())},
    }


def _check(predictions: pd.DataFrame) -> None:
    def refuse(where: str, expected: str, found: object, remedy: str) -> None:
        raise BadInput(where=f"predictions{where}", expected=expected, found=str(found), remedy=remedy)

    if missing := [name for name in REQUIRED + FLAGS if name not in predictions]:
        refuse("", "all columns of the contract", f"{missing} missing", "Add them in the backtest.")
    if predictions.empty:
        refuse("", "at least one row", "none", "Choose origins whose windows have passed.")
    if not isinstance(predictions["as_of"].dtype, pd.DatetimeTZDtype):
        refuse(", column as_of", "moments in UTC", predictions["as_of"].dtype, "Read it with time zone UTC.")
    scored = predictions[predictions["label"].notna()]
    if len(odd := scored.loc[~scored["label"].isin([0, 1]), "label"]):
        refuse(", column label", "0, 1 or missing", odd.iloc[0], "Resolve each label to one event.")
    if len(odd := scored.loc[~scored["probability"].between(0, 1), "probability"]):
        refuse(", column probability", "numbers from 0 to 1", odd.iloc[0], "Leave no scored row without one.")
    for flag in FLAGS:
        if scored[flag].isna().any():
            refuse(f", column {flag}", "true or false in each scored row", "missing values", "Fill it.")
    if (twice := predictions.duplicated(["model", "target", "horizon", *KEY])).any():
        first = predictions.loc[twice, KEY].iloc[0].tolist()
        refuse("", "one row per model, target, horizon and key", f"{first} twice", "Drop the repeats.")


def markdown_table(scores: dict[str, Any]) -> str:
    """Give the compact table for the README and the model card: all and onset rows, every model."""
    head = ["target", "horizon", "rows", "model", "AUC", "AP", "when", "Brier skill vs pair history"]
    head += ["ECE", "n", "events"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * 4 + " ---: |" * 7]
    for target, horizons in scores["targets"].items():
        for horizon, of in horizons.items():
            for name in ("all", "onset"):
                part = of["slices"][name]
                for model, metrics in part["models"].items():
                    words = [x.replace("_", " ") for x in (target, horizon, name, model)]
                    numbers = [
                        _cell(metrics["roc_auc"]),
                        _cell({"value": metrics["average_precision"]["value"]}),
                        _cell(metrics["when"]),
                        "reference" if model == "pair_history" else _cell(metrics["brier_skill_vs_pair_history"]),
                        _cell({"value": metrics["expected_calibration_error"]["value"]}),
                    ]
                    counts = [f"{part['n']:,}", f"{part['events']:,}"]
                    lines.append("| " + " | ".join(words + numbers + counts) + " |")
    return "\n".join(lines) + "\n"


def _cell(metric: dict[str, float | None]) -> str:
    if metric["value"] is None:
        return "–"
    low, high = metric.get("low"), metric.get("high")
    interval = f" [{low:.3f} to {high:.3f}]" if low is not None and high is not None else ""
    return f"{metric['value']:.3f}{interval}"
