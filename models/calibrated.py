"""Gradient boosting with probabilities calibrated out of time.

The calibration scores come from boosters that were fitted only on labels resolved
before the rows they score: the resolved target years are cut into consecutive blocks,
and the block's first `as_of` is the cut-off. The final booster then learns from all rows.
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
from models.targets import resolved_by

__all__ = ["CalibratedBoosting", "calibration_blocks", "can_calibrate"]


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
    """A booster and its calibrator; a `Model`."""

    features: Sequence[str]
    parameters: Parameters = field(default_factory=Parameters)
    name: str = "lightgbm"
    boosting: GradientBoosting | None = None
    calibrator: Calibrator | None = None

    def fit(self, rows: pd.DataFrame) -> CalibratedBoosting:
        """Learn booster and calibrator from labelled rows.

        Raises:
            ContractError: the rows hold too few target years to calibrate out of time.
        """
        rows = rows.reset_index(drop=True)
        raw, label = [], []
        for train, block in _blocks_that_fit(rows):
            booster = GradientBoosting(self.features, self.parameters).fit(rows.loc[train])
            # A feature that first goes missing inside the block is no error here: the block is judged, not served.
            booster.never_missing = ()
            raw.append(booster.raw_score(rows.loc[block]))
            label.append(rows.loc[block, "label"].to_numpy())
        if not raw or len(np.unique(np.concatenate(label))) < 2:
            raise ContractError("too few resolved target years to calibrate out of time; at least five are needed")
        self.calibrator = Calibrator.fit(np.concatenate(raw), np.concatenate(label))
        self.boosting = GradientBoosting(self.features, self.parameters).fit(rows)
        return self

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give the calibrated probability."""
        boosting, calibrator = self.parts()
        return calibrator.probability(boosting.raw_score(rows))

    def predict_with_interval(self, rows: pd.DataFrame, stale_years: np.ndarray) -> pd.DataFrame:
        """Give raw_score, probability, p_low, p_high per row, in the order of `rows`.

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

    def parts(self) -> tuple[GradientBoosting, Calibrator]:
        """Give the fitted booster and calibrator.

        Raises:
            ContractError: the model has not been fitted.
        """
        if self.boosting is None or self.calibrator is None:
            raise ContractError("the model has not been fitted; call fit first")
        return self.boosting, self.calibrator
