"""Gradient boosting with probabilities calibrated out of time.

The calibration scores come from boosters that were fitted only on labels resolved
before the rows they score: the resolved target years are cut into consecutive blocks,
and the block's first `as_of` is the cut-off. The final booster then learns from all rows. The same blocks, and
forecasts of them from figures one and two years older, tell how wide intervals must be (`models.intervals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.errors import ContractError
from features.signals.trade import TRACKED_SHARE_FRAC
from models.calibration import Calibrator
from models.gradient_boosting import GradientBoosting, Parameters
from models.intervals import AdaptiveInterval
from models.support import Support
from models.targets import resolved_by

__all__ = ["CalibratedBoosting", "calibration_blocks", "can_calibrate"]

PAIR = ["mineral", "supplier"]
# Ages at which the blocks are forecast again, to learn what age costs.
STALE_YEARS = (1, 2)


def calibration_blocks(rows: pd.DataFrame, *, years: int = 3, most: int = 3) -> Iterator[tuple[pd.Index, pd.Index]]:
    """Cut labelled rows into (train, calibrate) index pairs, newest block first.

    Args:
        rows: labelled rows with `as_of`, `target_year`, `resolved_at`, `share`.
        years: target years per block.
        most: how many blocks at most.

    Yields:
        Rows resolved by the block's first `as_of` (at least two target years of them), and the block's
        tracked rows.
    """
    newest, oldest = int(rows["target_year"].max()), int(rows["target_year"].min())
    for number in range(most):
        last = newest - number * years
        block = rows[rows["target_year"].between(last - years + 1, last)]
        if last - years + 1 < oldest or block.empty:
            return
        cutoff = block["as_of"].min()
        train = rows[resolved_by(rows, cutoff) & (rows["as_of"] < cutoff)]
        if train["target_year"].nunique() < 2 or train["label"].nunique() < 2:
            return
        yield train.index, block.index[block["share"] >= TRACKED_SHARE_FRAC]


def _blocks_that_fit(rows: pd.DataFrame) -> list[tuple[pd.Index, pd.Index]]:
    # A short record has no room for blocks of three years: take shorter ones rather than none.
    for years in (3, 2, 1):
        blocks = list(calibration_blocks(rows, years=years))
        if blocks:
            return blocks
    return []


def can_calibrate(rows: pd.DataFrame) -> bool:
    """Tell whether labelled rows hold enough target years to calibrate out of time."""
    return bool(_blocks_that_fit(rows))


@dataclass
class CalibratedBoosting:
    """A booster and its calibrator; a `Model`.

    Attributes:
        adaptive: whether to learn an interval that adapts, too; its rows then need mineral and supplier.
        interval, support: what it is made of; None for a model without.
    """

    features: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "lightgbm"
    boosting: GradientBoosting | None = None
    calibrator: Calibrator | None = None
    adaptive: bool = False
    interval: AdaptiveInterval | None = None
    support: Support | None = None

    def fit(self, rows: pd.DataFrame) -> CalibratedBoosting:
        """Learn booster and calibrator from labelled rows.

        Raises:
            ContractError: the rows hold too few target years to calibrate out of time.
        """
        rows = rows.reset_index(drop=True)
        raw, label, judged = [], [], []
        for train, block in _blocks_that_fit(rows):
            booster = GradientBoosting(self.features, self.parameters).fit(rows.loc[train])
            # A feature that first goes missing inside the block is no error here: the block is judged, not served.
            booster.never_missing = ()
            raw.append(booster.raw_score(rows.loc[block]))
            label.append(rows.loc[block, "label"].to_numpy())
            if self.adaptive:
                judged += _judged(booster, rows, train, block, raw[-1])
        if not raw or len(np.unique(np.concatenate(label))) < 2:
            raise ContractError("too few resolved target years to calibrate out of time; at least five are needed")
        self.calibrator = Calibrator.fit(np.concatenate(raw), np.concatenate(label))
        self.boosting = GradientBoosting(self.features, self.parameters).fit(rows)
        if self.adaptive:
            told = pd.concat(judged, ignore_index=True)
            told = told.assign(probability=self.calibrator.probability(told["raw"].to_numpy()))
            self.interval, self.support = AdaptiveInterval.fit(told), Support.fit(rows, self.features)
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the calibrated probability."""
        boosting, calibrator = self.parts()
        return calibrator.probability(boosting.raw_score(rows))

    def predict_with_interval(self, rows: pd.DataFrame, stale_years: np.ndarray) -> pd.DataFrame:
        """Give raw_score, probability, p_low, p_high per row, in the order of `rows`; the interval is calibration's.

        Args:
            stale_years: shape (n_rows,); how many years older the trade data are than any the model learned from.
        """
        boosting, calibrator = self.parts()
        raw = boosting.raw_score(rows)
        low, high = calibrator.interval(raw, stale_years)
        return pd.DataFrame(
            {"raw_score": raw, "probability": calibrator.probability(raw), "p_low": low, "p_high": high},
            index=rows.index,
        )

    def predict_with_support(self, rows: pd.DataFrame, stale_years: np.ndarray) -> pd.DataFrame:
        """Give what `predict_with_interval` does with the interval that adapts, and what it was made from.

        Returns:
            raw_score, probability, p_low, p_high, calibration_low, calibration_high (calibration's own interval, which
            the other one holds as long as no figures are stale), distance (share of features in the tails of the
            training rows) and stale_years. A model without an interval that adapts gives calibration's twice, and no
            distance.
        """
        told = self.predict_with_interval(rows, stale_years)
        told = told.assign(calibration_low=told["p_low"], calibration_high=told["p_high"])
        if self.interval is None or self.support is None:
            return told.assign(distance=np.nan, stale_years=stale_years)
        # What age costs is learned here; calibration's fixed widening is left to its own interval.
        bare_low, bare_high = told["calibration_low"].to_numpy(), told["calibration_high"].to_numpy()
        if (stale_years > 0).any():
            bare_low, bare_high = self.parts()[1].interval(told["raw_score"].to_numpy(), np.zeros(len(rows)))
        distance = self.support.distance(rows)
        low, high = self.interval.bounds(told["probability"].to_numpy(), stale_years, distance)
        return told.assign(
            p_low=np.minimum(bare_low, low),
            p_high=np.maximum(bare_high, high),
            distance=distance,
            stale_years=stale_years,
        )

    def parts(self) -> tuple[GradientBoosting, Calibrator]:
        """Give the fitted booster and calibrator.

        Raises:
            ContractError: the model has not been fitted.
        """
        if self.boosting is None or self.calibrator is None:
            raise ContractError("the model has not been fitted; call fit first")
        return self.boosting, self.calibrator


def _judged(
    booster: GradientBoosting, rows: pd.DataFrame, train: pd.Index, block: pd.Index, raw: np.ndarray
) -> list[pd.DataFrame]:
    """Give a block's rows with year, stale_years, distance, raw and label: as they were, and from older figures."""
    own = rows.loc[block]
    near = Support.fit(rows.loc[train], booster.features)
    facts = own[[*PAIR, "target_year", "label"]].rename(columns={"target_year": "year"})
    tables = [facts.assign(stale_years=0, distance=near.distance(own), raw=raw)]
    at = pd.Series(rows.index, index=pd.MultiIndex.from_frame(rows[[*PAIR, "target_year"]]))
    for years in STALE_YEARS:
        wanted = pd.MultiIndex.from_arrays([own["mineral"], own["supplier"], own["target_year"] - years])
        found = at.reindex(wanted).to_numpy()
        is_there = ~np.isnan(found)
        if is_there.any():
            older = rows.loc[found[is_there].astype("int64")]
            told = facts[is_there].assign(stale_years=years, distance=near.distance(older))
            tables.append(told.assign(raw=booster.raw_score(older)))
    return tables
