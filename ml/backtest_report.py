"""The backtest report: one HTML file that a minister can read and an analyst can check.

`render_backtest_report` takes the predictions, their score table (`ml.score_table`) and facts about
the run, and gives the whole page as text: no script, nothing loaded from elsewhere, the same bytes
for the same input. Every sentence with a number in it is worded here from the score table, losses
included.
"""

from __future__ import annotations

__all__ = ["headline_sentences", "render_backtest_report", "shortfall_sentences"]

import re
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from features.errors import BadInput
from ml import charts
from ml.pages import (
    HORIZON_NAMES,
    MODEL_NAMES,
    SLICE_NAMES,
    TARGET_NAMES,
    against,
    hundred,
    is_above,
    name_of,
    number,
    template_environment,
    with_range,
)
from ml.score_table import BASELINES, aligned, slice_masks

METRIC_NAMES = {"roc_auc": "AUC", "when": "concordance"}
Json = Mapping[str, Any]
Key = tuple[str, str]  # target, horizon
Floats = NDArray[np.float64]

META_NAMES = {
    "as_of_range": "Forecast dates",
    "git_commit": "Git commit",
    "data_digest": "Data digest",
    "lock_hash": "Hash of the locked requirements",
    "command": "Command",
}


def render_backtest_report(predictions: pd.DataFrame, scores: Json, meta: Mapping[str, object]) -> str:
    """Give the report of a backtest as one HTML page.

    Args:
        predictions: what `score_predictions` was given.
        scores: what it gave back.
        meta: facts to repeat the run, shown in their order: as_of_range, git_commit, data_digest,
            lock_hash, command; others are shown under their own name.

    Raises:
        BadInput: champion or pair history are missing, or the scores are of other predictions.
    """
    parts = {(t, h): part for t, of in scores["targets"].items() for h, part in of.items()}
    samples = {key: _checked(predictions, *key, part, scores["champion"]) for key, part in parts.items()}
    context = {
        "period": f"{_day(scores['as_of_first'])} to {_day(scores['as_of_last'])}",
        "minerals": predictions["mineral"].nunique(),
        "pairs": len(predictions[["mineral", "supplier"]].drop_duplicates()),
        "budget": f"{100 * scores['alert_budget_frac']:.0f}",
        "n_draws": scores["n_draws"],
        "champion": scores["champion"],
        "slice_names": SLICE_NAMES,
        "headline": headline_sentences(scores),
        "sections": [
            {
                "id": "-".join(key).replace("_", "-"),
                "event": _event(key),
                "part": part,
                "when_gain": _best_at_when(part)[1],
                "shortfalls": shortfall_sentences(part, scores["champion"]),
                "figures": _figures(key, part, *samples[key]),
            }
            for key, part in parts.items()
        ],
        "meta": [(META_NAMES.get(name, name_of(name, {})), str(value)) for name, value in meta.items()],
    }
    return template_environment().get_template("backtest.html.j2").render(context)


def headline_sentences(scores: Json) -> list[str]:
    """Say who, when and what was missed, for new drops of the first target and horizon.

    Returns:
        One sentence that sums up, then one each on who, when and misses, with intervals and
        verdicts; a single sentence when there are too few new drops.
    """
    target, horizons = next(iter(scores["targets"].items()))
    horizon, part = next(iter(horizons.items()))
    onset = part["slices"]["onset"]
    few = f"{onset['events']} in {onset['n']:,} scored cases"
    if onset["insufficient"]:
        return [f"Too few new drops to judge the forecasts: {few}."]
    ours, history = onset["models"][scores["champion"]], onset["models"]["pair_history"]
    event, budget = _event((target, horizon)).lower(), f"{100 * scores['alert_budget_frac']:.0f} %"
    gain, (rival, when_gain) = part["differences"]["pair_history"]["onset"]["roc_auc"], _best_at_when(part)
    best = name_of(rival, MODEL_NAMES).lower()
    chance = f"alerts at random would have been right {100 * onset['base_rate']:.0f} times"
    return [
        f"Asked which of two suppliers newly enters a {event}, oresight is right {hundred(ours['roc_auc'])} "
        f"times in 100, pair history {hundred(history['roc_auc'])} times. Asked at which of two dates one "
        f"supplier does, it is right {hundred(ours['when'])} times, {best} {hundred(onset['models'][rival]['when'])} "
        f"times. With alerts for {budget} of the pairs not in a drop, it misses "
        f"{hundred(ours['missed_at_budget'])} of 100 new drops.",
        f"Who: {against(gain, 0)} pair history. AUC {with_range(ours['roc_auc'], 2)}; the difference is "
        f"{with_range(gain, 2)}.",
        f"When: {against(when_gain, 0)} {best}, the best baseline. Within-pair concordance "
        f"{with_range(ours['when'], 2)}; the difference is {with_range(when_gain, 2)}.",
        f"Alerts: {hundred(ours['precision_at_budget'])} of 100 were right, where {chance}; "
        f"{number(ours['false_alarms_per_hit'], 1)} false alarms per hit.",
    ]


def _best_at_when(part: Json) -> tuple[str, Json]:
    # Pair history lies far below the others by how it is made: who beats it need not know anything of timing.
    models = part["slices"]["onset"]["models"]
    known = [name for name in BASELINES if name in part["differences"] and models[name]["when"]["value"] is not None]
    best = max(known, key=lambda name: models[name]["when"]["value"], default="pair_history")
    return best, part["differences"][best]["onset"]["when"]


def shortfall_sentences(part: Json, champion: str) -> list[str]:
    """Say where the champion is not shown to be better, for one target and horizon."""
    onset = part["slices"]["onset"]
    ours, found = onset["models"][champion], []
    if onset["insufficient"]:
        found.append(f"Only {onset['events']} new drops in {onset['n']:,} cases: too few to judge.")
    for metric, question in (("when", "When"), ("roc_auc", "Who")):
        for baseline in BASELINES:
            gain = part["differences"].get(baseline, {}).get("onset", {}).get(metric)
            if gain and not is_above(gain, 0):
                rival, name = name_of(baseline, MODEL_NAMES).lower(), METRIC_NAMES[metric]
                found.append(f"{question}: {against(gain, 0)} {rival}; {name} difference {with_range(gain, 2)}.")
    for name in ("onset", "all"):
        skill = part["slices"][name]["models"][champion]["brier_skill_vs_pair_history"]
        if not is_above(skill, 0):
            rows, verdict = SLICE_NAMES[name].lower(), against(skill, 0)
            found.append(f"Probabilities, {rows}: {verdict} pair history; Brier skill {with_range(skill, 3)}.")
    errors = {m: of["expected_calibration_error"] for m, of in part["slices"]["all"]["models"].items()}
    best = min(errors, key=lambda m: (errors[m]["value"] is None, errors[m]["value"]))
    if best != champion:
        off, least = (number(errors[m], 1, times=100) for m in (champion, best))
        rival = name_of(best, MODEL_NAMES).lower()
        found.append(f"Calibration, all pairs: {off} percentage points off on average; {rival} {least}.")
    for key in ("year", "mineral"):
        rows = part[f"by_{key}"]
        judged = [row for row in rows if not row["insufficient"]]
        if bad := [name_of(str(row[key]), {}) for row in judged if row["roc_auc"][champion] < 0.5]:
            found.append(f"Ranked worse than by a coin flip, {key} by {key}: {', '.join(bad)}.")
        if few := len(rows) - len(judged):
            found.append(f"Too few new drops or quiet cases to judge: {few} of {len(rows)} {key}s.")
    missed, false = hundred(ours["missed_at_budget"]), number(ours["false_alarms_per_hit"], 1)
    return [*found, f"At the alert budget: {missed} of 100 new drops missed, {false} false alarms per hit."]


def _checked(
    predictions: pd.DataFrame, target: str, horizon: str, part: Json, champion: str
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Give the scored rows of one target and horizon after comparing them with their scores."""
    chosen = (predictions["target"] == target) & (predictions["horizon"] == horizon)
    facts, probability = aligned(predictions[chosen])
    counts = (len(facts), int(facts["label"].sum()), sorted(probability))
    everything = part["slices"]["all"]
    scored = (everything["n"], everything["events"], sorted(everything["models"]))
    if counts != scored or not {champion, "pair_history"} <= set(probability):
        raise BadInput(
            where=f"scores of {target}, {horizon}",
            expected=f"rows, events, models {counts}, {champion} and pair_history among them",
            found=str(scored),
            remedy="Score these predictions again, with the champion and its baselines.",
        )
    return facts, probability


def _figures(key: Key, part: Json, facts: pd.DataFrame, probability: dict[str, Floats]) -> list[dict[str, Any]]:
    label, onset = facts["label"].to_numpy(dtype=float), slice_masks(facts)["onset"]
    new, of_new = label[onset], {model: p[onset] for model, p in probability.items()}
    event = _event(key).lower()
    drawn: list[dict[str, Any]] = []

    def add(name: str, caption: str, chart: alt.LayerChart, *, tall: bool = False) -> None:
        svg = Markup(re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", charts.to_svg(chart)))
        drawn.append({"label": f"{name}: {event}. {caption}", "caption": caption, "svg": svg, "tall": tall})

    if len(label):
        chart = charts.reliability_chart(label, probability, title=f"Reliability: {event}")
        caption = "All pairs in ten groups by probability. Bars: 95 % intervals, if cases were unrelated."
        add("Reliability diagram", caption, chart)
    if 0 < new.sum() < len(new):
        chart = charts.roc_chart(new, of_new, title=f"Ranking: {event}")
        add(
            "ROC curves",
            "New drops. Each point is a cut-off: upwards drops caught, to the right false alarms.",
            chart,
        )
    if any(not row["insufficient"] for row in part["by_mineral"]):
        chart = charts.mineral_chart(part["by_mineral"], title=f"By mineral: {event}")
        add(
            "AUC by mineral",
            "Pair history right of oresight: it was better. Minerals with under ten drops are left out.",
            chart,
            tall=True,
        )
    if 0 < new.sum() < len(new):
        chart = charts.precision_recall_chart(new, of_new, title=f"Alerts: {event}")
        add("Precision and recall", "New drops. On the left few alerts are sent, on the right many.", chart)
    if part["by_year"]:
        chart = charts.year_chart(part["by_year"], title=f"By year: {event}")
        add(
            "AUC by year of the forecast",
            "Pair history above oresight: it was better in that year.",
            chart,
        )
    if any(not of["insufficient"] for of in part["slices"].values()):
        chart = charts.slice_chart(part["slices"], title=f"By kind of case: {event}")
        add(
            "AUC by kind of case",
            "In brackets: drops of all cases. Kinds with too few drops are left out.",
            chart,
        )
    return drawn


def _event(key: Key) -> str:
    return f"{name_of(key[0], TARGET_NAMES)} {name_of(key[1], HORIZON_NAMES)}"


def _day(iso: str) -> str:
    day = pd.Timestamp(iso)
    return f"{day.day} {day:%B %Y}"
