"""The ideas: what each changes, in a sentence, and how. Names are kept for good, so that the record stays readable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from features.errors import ConfigError
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.experiments import neighbours
from ml.experiments.inputs import (
    KNOWN_PLACES,
    Features,
    against_own_past,
    all_rows,
    knowing,
    last_years,
    only_cells,
    places_known,
    same,
    tracked,
    with_cells,
    with_forecasts,
    with_neighbours,
    with_odd_prices,
    with_stage,
    without,
)
from models.alternatives import (
    Boosted,
    ManyThresholds,
    RankedWithinPairs,
    WholeDistribution,
    analogues,
    linear_in_ranks,
    random_trees,
)
from models.combinations import Corrected, MeanOf, NeverSeen, PerGroup, ShrunkLevels, Stacked
from models.gradient_boosting import Parameters
from models.model import Model
from models.targets import TARGETS

__all__ = ["IDEAS", "ODD_PRICES", "REFERENCE", "TRUTHS", "Idea", "ideas_named"]

OWN_RECORD = ("trade_drop_rate", "trade_severe_rate", "trade_drops_5y", "trade_years_since_drop")
BUYERS = ("trade_effective_buyers", "trade_steady_frac", "trade_regular_frac", "trade_buyer_spread")
# A supplier whose exports swing more, that is smaller or sells to fewer regular buyers was never the safer one.
RISING = ("trade_volatility_5y", "trade_volatility_10y", "trade_usual_change_10y", "trade_buyer_spread")
FALLING = ("trade_tonnes", "trade_regular_frac", "trade_steady_frac", "trade_share_3y")
ODD_PRICES = "odd_prices"
# Columns beside the features that tell of the target year itself: for ceilings only.
TRUTHS = ("true_world_ratio", "true_supplier_ratio")
A_YEAR = pd.Timedelta(days=365.25)


@dataclass(frozen=True)
class Idea:
    """One change against the reference.

    Attributes:
        make: features and target -> an unfitted model.
        inputs: features and panel -> features to use and a panel that has them; never of later rows.
        learn: which of the rows to learn from.
        needs: a feature without which the idea says nothing; empty for none.
        adds: what is joined to the rows beside the features: the forecasts of cells by this column of trade
            (`ml.experiments.cells`), or `ODD_PRICES` (`ml.experiments.odd_prices`); empty for nothing.
    """

    name: str
    sentence: str
    make: Callable[[Features, str], Model]
    inputs: Callable[[Features, pd.DataFrame], tuple[list[str], pd.DataFrame]] = same
    learn: Callable[[pd.DataFrame], pd.DataFrame] = all_rows
    needs: str = ""
    adds: str = ""


def _boosted(names: Features, target: str, **how: object) -> Model:
    return Boosted(names, **how)  # type: ignore[arg-type]


def _never_seen(names: Features, target: str, *, column: str) -> Model:
    return NeverSeen(partial(Boosted, names), column)


def _monotone(names: Features, target: str) -> Model:
    signs = [1 if name in RISING else -1 if name in FALLING else 0 for name in names]
    return Boosted(names, options={"monotone_constraints": signs})


def _recent(rows: pd.DataFrame) -> np.ndarray:
    age = (rows["as_of"].max() - rows["as_of"]) / A_YEAR
    return np.power(0.93, age.to_numpy(dtype="float64"))


def _large(rows: pd.DataFrame) -> np.ndarray:
    return np.clip(rows["share"].to_numpy() / TRACKED_SHARE_FRAC, 0.3, 1.0)


def _three(names: Features) -> list[Callable[[], Model]]:
    return [partial(Boosted, names), partial(random_trees, names), partial(linear_in_ranks, names)]


REFERENCE = Idea("reference", "The champion's booster and settings, uncalibrated.", _boosted)
IDEAS = (
    REFERENCE,
    Idea(
        "without-buyer-history",
        "Without what buyers did over five years: how much of today's skill that is.",
        _boosted,
        partial(without, (*BUYERS, "trade_usual_change_10y")),
    ),
    Idea("without-own-record", "Without how often the pair fell before.", _boosted, partial(without, OWN_RECORD)),
    Idea("eight-seeds", "The mean of eight boosters with other seeds.", partial(_boosted, seeds=8)),
    Idea(
        "small-trees",
        "Four leaves, twice the rounds.",
        partial(_boosted, parameters=Parameters(rounds=300, num_leaves=4, min_data_in_leaf=100)),
    ),
    Idea("random-splits", "Splits at random thresholds.", partial(_boosted, options={"extra_trees": True})),
    Idea("many-thresholds", "Boosters for drops of 10 to 50 %, joined.", lambda names, target: ManyThresholds(names)),
    Idea(
        "whole-distribution",
        "Mean and spread of the log of the outcome, the probability read off.",
        lambda names, target: WholeDistribution(names, TARGETS[target].ratio),
    ),
    Idea("linear-in-ranks", "Logistic regression on normal scores.", lambda names, target: linear_in_ranks(names)),
    Idea("random-trees", "Extremely randomised trees.", lambda names, target: random_trees(names)),
    Idea("analogues", "The 150 most similar rows of the past.", lambda names, target: analogues(names)),
    Idea(
        "mean-of-three", "Booster, random trees and linear: mean log-odds.", lambda names, target: MeanOf(_three(names))
    ),
    Idea("stacked", "The same three, weighted on earlier years.", lambda names, target: Stacked(_three(names))),
    Idea(
        "per-stage",
        "A booster each for ores and for refined products.",
        lambda names, target: PerGroup(partial(Boosted, names), "stage"),
    ),
    Idea("recent-years-more", "A year back counts 7 % less.", partial(_boosted, weights=_recent)),
    Idea("large-pairs-more", "Pairs under 1 % of world exports count less.", partial(_boosted, weights=_large)),
    Idea("tracked-pairs-only", "Learned from pairs of at least 1 % only.", _boosted, learn=tracked),
    Idea(
        "ranked-within-pairs",
        "A second booster ranks the years of each pair; both joined on earlier years.",
        lambda names, target: RankedWithinPairs(names),
    ),
    Idea("against-own-past", "Each feature also against the pair's own mean so far.", _boosted, against_own_past),
    Idea("never-safer", "More swing never lowers the risk, more size never raises it.", _monotone),
    Idea("five-years", "Learned from the last five target years only.", _boosted, learn=partial(last_years, 5)),
    Idea("ten-years", "Learned from the last ten target years only.", _boosted, learn=partial(last_years, 10)),
    Idea(
        "minerals-never-seen",
        "Each mineral by a model that learned nothing of it.",
        partial(_never_seen, column="mineral"),
    ),
    Idea(
        "suppliers-never-seen",
        "Each supplier by a model that learned nothing of it.",
        partial(_never_seen, column="supplier"),
    ),
    Idea("three-years", "Learned from the last three target years only.", _boosted, learn=partial(last_years, 3)),
    Idea("eight-years", "Learned from the last eight target years only.", _boosted, learn=partial(last_years, 8)),
    Idea("fifteen-years", "Learned from the last fifteen target years only.", _boosted, learn=partial(last_years, 15)),
    Idea("stage-told", "Whether the product is refined, as a feature.", _boosted, with_stage),
    Idea(
        "stage-corrected",
        "One booster of all, corrected by a few trees for ores and for refined products each.",
        lambda names, target: Corrected(partial(Boosted, names), names, "stage"),
    ),
    Idea(
        "mineral-corrected",
        "One booster of all, its level corrected per mineral as far as the mineral's record speaks for it.",
        lambda names, target: ShrunkLevels(partial(Boosted, names), "mineral"),
    ),
    Idea(
        "buyers-summed",
        "Tonnes to each buyer forecast by one pooled booster, summed up; a curve fitted on earlier years.",
        lambda names, target: linear_in_ranks(names),
        partial(only_cells, "importer"),
        partial(with_forecasts, "importer"),
        adds="importer",
    ),
    Idea(
        "buyers-told",
        "The reference, told what the buyers' forecasts add up to.",
        _boosted,
        partial(with_cells, "importer"),
        adds="importer",
    ),
    Idea(
        "codes-summed",
        "Tonnes of each product code forecast by one pooled booster, summed up; a curve fitted on earlier years.",
        lambda names, target: linear_in_ranks(names),
        partial(only_cells, "hs_code"),
        partial(with_forecasts, "hs_code"),
        adds="hs_code",
    ),
    Idea(
        "codes-told",
        "The reference, told what the product codes' forecasts add up to.",
        _boosted,
        partial(with_cells, "hs_code"),
        adds="hs_code",
    ),
    Idea(
        "by-products-told",
        "Told what the supplier's exports did of the metals it is a by-product of, and of its own by-products.",
        _boosted,
        partial(with_neighbours, neighbours.by_products),
    ),
    Idea(
        "others-told",
        "Told the mean level and growth of the supplier's other minerals and of the mineral's other suppliers.",
        _boosted,
        partial(with_neighbours, neighbours.others),
    ),
    Idea(
        "shocks-apart",
        "World demand, the mineral's own market and the pair's own change told apart.",
        _boosted,
        partial(with_neighbours, neighbours.shocks),
    ),
    Idea(
        "odd-prices-told",
        "Told how odd the pair's latest prices per tonne are, as a wrong quantity makes an event of the years after.",
        _boosted,
        with_odd_prices,
        adds=ODD_PRICES,
    ),
    Idea(
        "ceiling-world-total",
        "No forecast: told the mineral's world exports of the target year against the three years before.",
        _boosted,
        partial(knowing, TRUTHS[:1]),
    ),
    Idea(
        "ceiling-supplier-total",
        "No forecast: told also the value of all the supplier's exports of other minerals in the target year.",
        _boosted,
        partial(knowing, TRUTHS),
    ),
    Idea(
        "places-known",
        "Of hazards only whether the catalogue knows a place of the pair: what is hindsight in that family.",
        _boosted,
        places_known,
        needs=KNOWN_PLACES,
    ),
)


def ideas_named(names: Sequence[str] | None = None) -> tuple[Idea, ...]:
    """Give the ideas called `names`, all when None, the reference always first.

    Raises:
        ConfigError: a name is unknown.
    """
    known = {idea.name: idea for idea in IDEAS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ConfigError(f"unknown idea(s) {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = set(names or known) | {REFERENCE.name}
    return tuple(idea for idea in IDEAS if idea.name in chosen)
