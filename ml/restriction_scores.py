"""The scores of `restriction_onset` forecasts: the common table, and what a rare event asks for besides.

`score_onsets` gives plain JSON, null where a number is undefined::

    table: `ml.score_table.score_predictions` of every third date (a quarter apart, so that few windows share an act)
    announcements: {on_record, on_tracked_pairs, undated, by_supplier: [{supplier, n, tracked, before, first}]}
    horizons: {13w | 26w | 52w: {
      who: {model: {value, low, high}}
      held_out: {n, events, models: {model: {average_precision | roc_auc | brier_skill_vs_pair_history:
        {value, low, high}}}}   every third date from 2017 on: the families were chosen on forecasts before
      slices: {china | others | from_2017 | others_onset:
        {n, events, roc_auc: {model: x}, average_precision: {model: x}}}
      by_year: [{year, n, events, roc_auc: {model: x}, average_precision: {model: x}}]
      reliability: [{from, to, n, events, mean_probability, observed_frac}]   the champion's, fixed bins
      alerts: {rule: {model: {alerts_per_date, precision: {value, low, high}, caught: {value, low, high}}}}
      lead_time: {rule: {model: {all | onset | continuation: {announcements, warned, share, median_weeks}}}}}}

Rules: `top_20` alerts the 20 highest probabilities of a date, `tier` what `ml.forecasting.alert_of` does, with the
chance by pair history as what is normal; `china` alerts every Chinese pair and asks no model. An announcement is warned
of if a forecast whose window holds it stood under an alert; the lead is the weeks from the first such.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml import scores as sc
from ml.contract import tier_of
from ml.forecasting import alert_of
from ml.score_table import aligned, score_predictions
from models.restriction_onset import HORIZONS_WEEKS

__all__ = ["CHAMPION", "HELD_OUT_FROM", "RULES", "TOP", "lead_time", "score_onsets"]

Floats = NDArray[np.float64]
CHAMPION, NORMAL = "lightgbm", "pair_history"
TOP, EVERY = 20, 3
RULES = ("top_20", "tier", "china")
CHINA, HELD_OUT_FROM = "CHN", 2017
PAIR = ["mineral", "supplier"]
EDGES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)


def score_onsets(
    predictions: pd.DataFrame, acts: pd.DataFrame, *, limits: tuple[float, float, float], n_draws: int
) -> dict[str, Any]:
    """Give the scores of the module docstring.

    Args:
        predictions: what `ml.restriction_backtest.run` gave.
        acts: `models.restriction_onset.announcements`.
        limits: where the tiers begin.
    """
    dates = np.sort(predictions["as_of"].unique())[::EVERY]
    quarterly = predictions[predictions["as_of"].isin(dates)]
    horizons = [horizon for horizon in HORIZONS_WEEKS if predictions["horizon"].eq(horizon).any()]
    return {
        "n_draws": n_draws,
        "table": score_predictions(quarterly, n_draws=n_draws),
        "announcements": _announcements(predictions, acts),
        "horizons": {
            horizon: _of_horizon(predictions[predictions["horizon"].eq(horizon)], acts, limits, dates, n_draws)
            for horizon in horizons
        },
    }


def _announcements(predictions: pd.DataFrame, acts: pd.DataFrame) -> dict[str, Any]:
    dated = acts[acts["announced_at"].ge(predictions["as_of"].min())].copy()
    pairs = pd.MultiIndex.from_frame(predictions[PAIR].drop_duplicates())
    dated["tracked"] = pd.MultiIndex.from_frame(dated[PAIR]).isin(pairs)
    first = acts.groupby("supplier")["available_at"].min()
    dated["before"] = dated["announced_at"] >= dated["supplier"].map(first)
    own = acts.groupby(PAIR)["available_at"].min()
    own_first = own.reindex(pd.MultiIndex.from_frame(dated[PAIR])).to_numpy()
    dated["before_pair"] = dated["announced_at"].dt.tz_localize(None).to_numpy() >= _naive(own_first)
    groups = dated.groupby("supplier")[["tracked", "before", "before_pair"]].agg(["sum", "size"])
    table = [
        {
            "supplier": str(supplier),
            "n": int(row["tracked", "size"]),
            **{name: int(row[name, "sum"]) for name in ("tracked", "before", "before_pair")},
        }
        for supplier, row in groups.iterrows()
    ]
    return {
        "on_record": len(dated),
        "acts": int(dated["event_id"].nunique()),
        "on_tracked_pairs": int(dated["tracked"].sum()),
        "undated": int(acts["announced_at"].isna().sum()),
        "by_supplier": sorted(table, key=lambda row: (-row["n"], row["supplier"])),
    }


def _naive(moments: Any) -> NDArray[np.datetime64]:
    return pd.DatetimeIndex(moments).tz_localize(None).to_numpy() if len(moments) else np.array([], "datetime64[us]")


def _of_horizon(
    one: pd.DataFrame, acts: pd.DataFrame, limits: tuple[float, float, float], dates: Any, n_draws: int
) -> dict[str, Any]:
    facts, probability = aligned(one)
    sparse = facts["as_of"].isin(dates).to_numpy()
    some = {model: p[sparse] for model, p in probability.items()}
    alerts = _alerts(one, facts, probability, limits)
    return {
        "who": _who(facts[sparse], some, n_draws),
        "held_out": _held_out(facts[sparse], some, n_draws),
        "slices": _slices(facts, probability),
        "by_year": [
            {"year": int(year)} | _plain(facts, probability, facts["as_of"].dt.year.eq(year).to_numpy())
            for year in sorted(facts["as_of"].dt.year.unique())
        ],
        "reliability": _reliability(facts["label"].to_numpy(), probability[CHAMPION]),
        "alerts": {rule: _worth(facts, of, n_draws) for rule, of in alerts.items()},
        "lead_time": {
            rule: {model: lead_time(facts, share, acts) for model, share in of.items()} for rule, of in alerts.items()
        },
    }


def _who(facts: pd.DataFrame, probability: Mapping[str, Floats], n_draws: int) -> dict[str, Any]:
    label, date = facts["label"].to_numpy(), facts["as_of"].astype("int64").to_numpy()
    year = facts["as_of"].dt.year
    return {
        model: sc.block_bootstrap(
            partial(sc.concordance_draws, label, p, date), facts["mineral"], year, n_draws=n_draws
        ).as_json()
        for model, p in probability.items()
    }


def _is_held_out(facts: pd.DataFrame) -> NDArray[np.bool_]:
    return facts["as_of"].dt.year.ge(HELD_OUT_FROM).to_numpy()


def _held_out(facts: pd.DataFrame, probability: Mapping[str, Floats], n_draws: int) -> dict[str, Any]:
    late = _is_held_out(facts)
    rows, label = facts[late], facts.loc[late, "label"].to_numpy(dtype="float64")
    given = {model: p[late] for model, p in probability.items()}

    def measured(p: Floats) -> dict[str, Any]:
        formulas: dict[str, sc.Statistic] = {
            "average_precision": partial(sc.average_precision_draws, label, p),
            "roc_auc": partial(sc.roc_auc_draws, label, p),
            f"brier_skill_vs_{NORMAL}": partial(sc.brier_skill_draws, label, p, given[NORMAL]),
        }
        year = rows["as_of"].dt.year
        return {
            name: sc.block_bootstrap(formula, rows["mineral"], year, n_draws=n_draws).as_json()
            for name, formula in formulas.items()
        }

    models = {model: measured(p) for model, p in given.items()} if len(rows) else {}
    return {"n": len(rows), "events": int(label.sum()), "models": models}


def _slices(facts: pd.DataFrame, probability: Mapping[str, Floats]) -> dict[str, Any]:
    is_china, onset = facts["supplier"].eq(CHINA).to_numpy(), facts["onset"].to_numpy(dtype=bool)
    masks = {"china": is_china, "others": ~is_china, "others_onset": ~is_china & onset}
    masks["from_2017"] = _is_held_out(facts)
    return {name: _plain(facts, probability, mask) for name, mask in masks.items()}


def _plain(facts: pd.DataFrame, probability: Mapping[str, Floats], mask: NDArray[np.bool_]) -> dict[str, Any]:
    label = facts.loc[mask, "label"].to_numpy(dtype="float64")
    formulas: dict[str, Callable[[Floats, Floats], float]] = {
        "roc_auc": sc.roc_auc,
        "average_precision": sc.average_precision,
    }
    scores = {
        name: {model: sc.finite(formula(label, p[mask])) for model, p in probability.items()}
        for name, formula in formulas.items()
    }
    return {"n": len(label), "events": int(label.sum()), **scores}


def _reliability(label: Floats, probability: Floats) -> list[dict[str, Any]]:
    bins = np.digitize(probability, EDGES[1:-1])
    rows: list[dict[str, Any]] = []
    for number, (low, high) in enumerate(itertools.pairwise(EDGES)):
        at = bins == number
        n, events = int(at.sum()), int(label[at].sum())
        mean = float(probability[at].mean()) if n else None
        observed = events / n if n else None
        counts: dict[str, Any] = {"from": low, "to": high, "n": n, "events": events}
        rows.append(counts | {"mean_probability": mean, "observed_frac": observed})
    return rows


def _alerts(
    one: pd.DataFrame, facts: pd.DataFrame, probability: Mapping[str, Floats], limits: tuple[float, float, float]
) -> dict[str, dict[str, Floats]]:
    """Give per rule and model how much of each row is alerted."""
    date = facts["as_of"].astype("int64").to_numpy()
    low = one[one["model"].eq(CHAMPION)].set_index([*PAIR, "as_of"])["p_low"]
    told = facts.assign(
        p_low=low.reindex(pd.MultiIndex.from_frame(facts[[*PAIR, "as_of"]])).to_numpy(),
        base_rate=probability[NORMAL],
        tier=tier_of(pd.Series(probability[CHAMPION], index=facts.index), limits),
    )
    china = facts["supplier"].eq(CHINA).to_numpy(dtype="float64")
    return {
        "top_20": {model: sc.alert_share(p, date, top=TOP) for model, p in probability.items()},
        "tier": {CHAMPION: alert_of(told).to_numpy(dtype="float64")},
        "china": {CHAMPION: china},
    }


def _worth(facts: pd.DataFrame, of: Mapping[str, Floats], n_draws: int) -> dict[str, Any]:
    label, dates = facts["label"].to_numpy(dtype="float64"), facts["as_of"].nunique()
    # Alerts, hits and events are sums, so blocks of one mineral and year can be added up before they are drawn.
    block = facts["mineral"] + "|" + facts["as_of"].dt.year.astype("str")
    worth = {}
    for model, share in of.items():
        sums = pd.DataFrame({"alerts": share, "hits": share * label, "events": label}).groupby(block.to_numpy()).sum()
        parts = sums.index.str.split("|", expand=True)
        weights = sc.block_weights(parts.get_level_values(0), parts.get_level_values(1), n_draws=n_draws, seed=0)
        drawn, now = sums.to_numpy().T @ weights, sums.to_numpy().sum(axis=0)
        worth[model] = {
            "alerts_per_date": float(now[0] / dates),
            "precision": _ratio(now[1], now[0], drawn[1], drawn[0]),
            "caught": _ratio(now[1], now[2], drawn[1], drawn[2]),
        }
    return worth


def _ratio(top: float, bottom: float, tops: Floats, bottoms: Floats) -> dict[str, float | None]:
    draws = np.divide(tops, bottoms, out=np.full(len(tops), np.nan), where=bottoms > 0)
    return sc.estimate(float(top / bottom) if bottom else float("nan"), draws).as_json()


def lead_time(facts: pd.DataFrame, share: Floats, acts: pd.DataFrame) -> dict[str, Any]:
    """Tell how many announcements were warned of, and how long before, from rows with how much of each is alerted."""
    # An alert that is shared with rows tied at the cut counts where more than half of it falls on the row.
    rows = facts[[*PAIR, "as_of", "window_end", "onset"]].assign(alert=share > 0.5)
    near = rows.merge(acts[acts["announced_at"].notna()], on=PAIR)
    near = near[near["announced_at"].ge(near["as_of"]) & near["announced_at"].lt(near["window_end"])]
    near = near[near["available_at"].gt(near["as_of"])]
    weeks = (near["announced_at"] - near["as_of"]) / pd.Timedelta(weeks=1)
    near = near.assign(weeks=weeks, lead=weeks.where(near["alert"])).sort_values("weeks")
    each = near.groupby(["event_id", *PAIR]).agg(onset=("onset", "first"), lead=("lead", "max"))
    masks = {"all": each["onset"].notna(), "onset": each["onset"].eq(True), "continuation": each["onset"].eq(False)}
    return {name: _led(each.loc[mask, "lead"]) for name, mask in masks.items()}


def _led(lead: pd.Series) -> dict[str, Any]:
    n, warned = len(lead), int(lead.notna().sum())
    median = float(lead.median()) if warned else None
    return {"announcements": n, "warned": warned, "share": warned / n if n else None, "median_weeks": median}
