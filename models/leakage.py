"""The leak alarm: no single feature may tell the label on its own.

An honest feature of past trade ranks labels with an AUC of at most about 0.8. A feature
that knows the outcome ranks them nearly perfectly. The alarm is a last net, not a proof:
the replay tests are the proof.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from features.errors import LeakageError

__all__ = ["MAX_SINGLE_FEATURE_AUC", "check_leakage", "single_feature_auc"]

MAX_SINGLE_FEATURE_AUC = 0.95
MIN_ROWS = 200


def single_feature_auc(values: np.ndarray, label: np.ndarray) -> float:
    """Give the AUC of one feature in the direction that suits it (0.5 to 1), over rows where it is known.

    Returns NaN when fewer than 200 rows, fewer than ten events or fewer than ten non-events are known.

    Source: AUC as the Mann-Whitney statistic over the product of the class sizes.
    """
    known = ~np.isnan(values)
    positive = label[known] == 1
    events, others = int(positive.sum()), int((~positive).sum())
    if events + others < MIN_ROWS or min(events, others) < 10:
        return float("nan")
    ranks = rankdata(values[known])
    auc = (ranks[positive].sum() - events * (events + 1) / 2) / (events * others)
    return float(max(auc, 1 - auc))


def check_leakage(rows: pd.DataFrame, features: Sequence[str]) -> None:
    """Raise when any single feature ranks the labels of `rows` better than honest knowledge can.

    Raises:
        LeakageError: naming each such feature and its AUC.
    """
    label = rows["label"].to_numpy()
    caught = {}
    for name in features:
        auc = single_feature_auc(rows[name].to_numpy(dtype="float64"), label)
        if auc > MAX_SINGLE_FEATURE_AUC:
            caught[name] = auc
    if caught:
        named = ", ".join(f"{name} (AUC {auc:.3f})" for name, auc in caught.items())
        raise LeakageError(
            f"these features tell the label on their own: {named}; honest ones stay below {MAX_SINGLE_FEATURE_AUC}. "
            "Check from when each fact is known (available_at)."
        )
